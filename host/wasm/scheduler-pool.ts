import { Piscina } from "piscina";
import { packageFile } from "../apimachinery/package-root.ts";
import { type PackedOutcomes, packDryRun, packNominations, unpackOutcomes } from "./packed-questions.ts";
import type { CoreOptions } from "./scheduler-core.ts";
import type { Evaluation, PlacedBatch } from "./scheduler-facts.ts";
import type { CoreCall, SchedulerLink } from "./scheduler-link.ts";
import type { WorkerAnswer, WorkerBatch } from "./scheduler-worker.ts";

/**
 * How many changes wait for the next question before they are handed over on their own. A hand-over costs about 16 us, so
 * changes are gathered; the bound keeps a scheduler that is only told and never asked from growing.
 */
const MAX_WAITING_CALLS = 1024;

/** Built JavaScript, also when the caller runs from source: a worker thread loads no TypeScript. */
const WORKER_FILE = "dist/host/wasm/scheduler-worker.js";

/** The core in a worker of its own, so that scans do not hold up the thread that serves the API. */
export async function linkInWorker(options: CoreOptions): Promise<SchedulerLink> {
  const pool = new Piscina<WorkerBatch, WorkerAnswer>({
    filename: packageFile(WORKER_FILE),
    // One thread, kept for good: it holds the core, and batches reach it in order.
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8 },
  });
  let waiting: CoreCall[] = [];
  // Piscina may hand a queued batch over after a later one, even to a single thread: one is under way at a time.
  let last: Promise<unknown> = Promise.resolve();
  /** Changes that failed leave the core in doubt: every later question answers with that failure. */
  let failure: unknown;

  const hand = (batch: Omit<WorkerBatch, "calls">): Promise<WorkerAnswer> => {
    const calls = waiting;
    waiting = [];
    const answer = last.then(() => {
      if (failure !== undefined) throw failure;
      return pool.run({ ...batch, calls });
    });
    last = answer.catch((error: unknown) => {
      failure ??= error;
    });
    return answer;
  };

  try {
    await hand({ open: options });
  } catch (error) {
    await pool.destroy();
    throw error;
  }
  return {
    post: (call) => {
      waiting.push(call);
      if (waiting.length >= MAX_WAITING_CALLS) {
        // The failure is kept, and given to whoever asks next.
        hand({}).catch(() => {});
      }
    },
    schedule: async (classes) => (await hand({ schedule: classes })) as PlacedBatch,
    evaluate: async (id) => (await hand({ evaluate: id })) as Evaluation,
    scheduleNominated: async (classes, nominations) =>
      (await hand({ scheduleNominated: [classes, packNominations(nominations)] })) as PlacedBatch,
    evaluateNominated: async (id, nominations) =>
      (await hand({ evaluateNominated: [id, packNominations(nominations)] })) as Evaluation,
    dryRun: async (id, question) =>
      unpackOutcomes((await hand({ dryRun: [id, packDryRun(question)] })) as PackedOutcomes),
    close: () => {
      // A batch of changes may be under way that nobody waits for: what it still answers Piscina calls an error.
      pool.on("error", () => {});
      return pool.destroy();
    },
  };
}
