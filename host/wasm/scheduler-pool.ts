import { Piscina } from "piscina";
import { packageFile } from "../apimachinery/package-root.ts";
import type { CoreOptions } from "./scheduler-core.ts";
import type { Evaluation, PlacedBatch } from "./scheduler-facts.ts";
import type { CoreCall, SchedulerLink } from "./scheduler-link.ts";
import type { WorkerBatch } from "./scheduler-worker.ts";

/**
 * How many changes wait for the next question before they are handed over on their own. A hand-over costs about 16 us, so
 * changes are gathered; the bound keeps a scheduler that is only told and never asked from growing.
 */
const MAX_WAITING_CALLS = 1024;

/** Built JavaScript, also when the caller runs from source: a worker thread loads no TypeScript. */
const WORKER_FILE = "dist/host/wasm/scheduler-worker.js";

/** The core in a worker of its own, so that scans do not hold up the thread that serves the API. */
export async function linkInWorker(options: CoreOptions): Promise<SchedulerLink> {
  const pool = new Piscina<WorkerBatch, PlacedBatch | Evaluation | undefined>({
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
  let failure: unknown;

  const hand = (batch: Omit<WorkerBatch, "calls">) => {
    const calls = waiting;
    waiting = [];
    if (failure !== undefined) return Promise.reject(failure);
    return pool.run({ ...batch, calls });
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
      // Changes that failed leave the core in doubt: the next question answers with that failure.
      if (waiting.length >= MAX_WAITING_CALLS) {
        hand({}).catch((error: unknown) => {
          failure = error;
        });
      }
    },
    schedule: async (classes) => (await hand({ schedule: classes })) as PlacedBatch,
    evaluate: async (id) => (await hand({ evaluate: id })) as Evaluation,
    close: () => pool.destroy(),
  };
}
