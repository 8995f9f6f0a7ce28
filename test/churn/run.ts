import type { Clock } from "../../host/apimachinery/clock.ts";
import type { Random } from "../../host/apimachinery/random.ts";
import type { Client } from "../../host/client/client.ts";
import { Auditor } from "./auditor.ts";
import { Recorder } from "./recorder.ts";
import { Workload } from "./workload.ts";

export interface ChurnOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly seconds: number;
  /** Pods that are there at a time, about. */
  readonly pods: number;
  readonly turnMs: number;
  readonly wait: (ms: number) => Promise<void>;
  readonly onMinute?: (summary: Summary) => void;
}

export interface Summary {
  readonly seconds: number;
  readonly turns: number;
  readonly bindings: number;
  readonly flaps: number;
  readonly bound: number;
  readonly waiting: number;
  readonly faults: readonly string[];
}

/** Longer than the scheduler's longest backoff, and than what a change of a node takes to be noticed. */
const SETTLE_MS = 45_000;

/** Churns a cluster that already runs, then lets it settle, and says what the auditor found. */
export async function churn(options: ChurnOptions): Promise<Summary> {
  const { client, clock, random, seconds, turnMs, wait, onMinute } = options;
  const recorder = new Recorder(clock, client);
  const auditor = new Auditor();
  const workload = new Workload(client, random, options.pods);
  const startMs = clock.monotonicMs();
  let turns = 0;
  const passed = () => (clock.monotonicMs() - startMs) / 1_000;
  const summary = (faults: readonly string[]): Summary => ({
    seconds: Math.round(passed()),
    turns,
    bindings: auditor.bindings,
    flaps: workload.flaps,
    bound: auditor.bound,
    waiting: auditor.waiting,
    faults,
  });
  const audit = (afterMs?: number) => auditor.see(recorder.settled(afterMs));
  try {
    await workload.prepare();
    await wait(SETTLE_MS / 10);
    for (let minute = 1; passed() < seconds && auditor.faults.length === 0; turns++) {
      await workload.turn();
      await wait(turnMs);
      audit();
      if (passed() < minute * 60) continue;
      onMinute?.(summary(auditor.faults));
      minute++;
    }
    await workload.settle();
    await wait(SETTLE_MS);
    audit(0);
    auditor.finish(clock.nowMs());
    return summary([...auditor.faults, ...auditor.lost()]);
  } finally {
    recorder.stop();
  }
}
