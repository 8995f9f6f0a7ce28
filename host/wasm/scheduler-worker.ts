import {
  type PackedDryRun,
  type PackedNominations,
  type PackedOutcomes,
  packOutcomes,
  unpackDryRun,
  unpackNominations,
} from "./packed-questions.ts";
import { type CoreOptions, SchedulerCore } from "./scheduler-core.ts";
import type { Evaluation, PlacedBatch } from "./scheduler-facts.ts";
import { applyCall, type CoreCall } from "./scheduler-link.ts";

/** What is handed to the worker at once: changes, in order, and then at most one question. */
export interface WorkerBatch {
  readonly open?: CoreOptions;
  readonly calls: readonly CoreCall[];
  readonly schedule?: readonly number[];
  readonly evaluate?: number;
  readonly scheduleNominated?: readonly [classes: readonly number[], PackedNominations];
  readonly evaluateNominated?: readonly [id: number, PackedNominations];
  readonly dryRun?: readonly [id: number, PackedDryRun];
}

export type WorkerAnswer = PlacedBatch | Evaluation | PackedOutcomes | undefined;

/** The one core of this worker: the pool has a single thread that lives as long as the pool. */
let core: SchedulerCore | undefined;

/** Piscina calls this for each batch, one after the other. */
export default function serve(batch: WorkerBatch): WorkerAnswer {
  if (batch.open !== undefined) core = new SchedulerCore(batch.open);
  if (core === undefined) throw new Error("the scheduler worker was not opened");
  for (const call of batch.calls) applyCall(core, call);
  if (batch.schedule !== undefined) return core.schedule(batch.schedule);
  if (batch.evaluate !== undefined) return core.evaluate(batch.evaluate);
  const { preemption } = core;
  if (batch.scheduleNominated !== undefined) {
    const [classes, nominations] = batch.scheduleNominated;
    return preemption.scheduleNominated(classes, unpackNominations(nominations));
  }
  if (batch.evaluateNominated !== undefined) {
    const [id, nominations] = batch.evaluateNominated;
    return preemption.evaluateNominated(id, unpackNominations(nominations));
  }
  if (batch.dryRun !== undefined) {
    const [id, question] = batch.dryRun;
    return packOutcomes(preemption.dryRun(id, unpackDryRun(question)));
  }
  return undefined;
}
