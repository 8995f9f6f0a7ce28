import { type CoreOptions, SchedulerCore } from "./scheduler-core.ts";
import type { Evaluation, PlacedBatch, Refusals, Trial } from "./scheduler-facts.ts";
import { applyCall, type CoreCall } from "./scheduler-link.ts";

/** What is handed to the worker at once: changes, in order, and then at most one question. */
export interface WorkerBatch {
  readonly open?: CoreOptions;
  readonly calls: readonly CoreCall[];
  readonly schedule?: readonly number[];
  readonly evaluate?: number;
  readonly tryWithout?: readonly [id: number, trials: readonly Trial[]];
}

export type WorkerAnswer = PlacedBatch | Evaluation | Refusals | undefined;

/** The one core of this worker: the pool has a single thread that lives as long as the pool. */
let core: SchedulerCore | undefined;

/** Piscina calls this for each batch, one after the other. */
export default function serve(batch: WorkerBatch): WorkerAnswer {
  if (batch.open !== undefined) core = new SchedulerCore(batch.open);
  if (core === undefined) throw new Error("the scheduler worker was not opened");
  for (const call of batch.calls) applyCall(core, call);
  if (batch.schedule !== undefined) return core.schedule(batch.schedule);
  if (batch.evaluate !== undefined) return core.evaluate(batch.evaluate);
  if (batch.tryWithout !== undefined) return core.tryWithout(...batch.tryWithout);
  return undefined;
}
