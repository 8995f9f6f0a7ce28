import { type CoreOptions, SchedulerCore } from "./scheduler-core.ts";
import type { DryRunOutcome, Evaluation, PlacedBatch } from "./scheduler-facts.ts";
import { applyCall, type CoreCall } from "./scheduler-link.ts";
import type { PreemptionQuestions } from "./scheduler-preemption.ts";

/** What is handed to the worker at once: changes, in order, and then at most one question. */
export interface WorkerBatch {
  readonly open?: CoreOptions;
  readonly calls: readonly CoreCall[];
  readonly schedule?: readonly number[];
  readonly evaluate?: number;
  readonly scheduleNominated?: Parameters<PreemptionQuestions["scheduleNominated"]>;
  readonly evaluateNominated?: Parameters<PreemptionQuestions["evaluateNominated"]>;
  readonly dryRun?: Parameters<PreemptionQuestions["dryRun"]>;
}

export type WorkerAnswer = PlacedBatch | Evaluation | DryRunOutcome[] | undefined;

/** The one core of this worker: the pool has a single thread that lives as long as the pool. */
let core: SchedulerCore | undefined;

/** Piscina calls this for each batch, one after the other. */
export default function serve(batch: WorkerBatch): WorkerAnswer {
  if (batch.open !== undefined) core = new SchedulerCore(batch.open);
  if (core === undefined) throw new Error("the scheduler worker was not opened");
  for (const call of batch.calls) applyCall(core, call);
  if (batch.schedule !== undefined) return core.schedule(batch.schedule);
  if (batch.evaluate !== undefined) return core.evaluate(batch.evaluate);
  if (batch.scheduleNominated !== undefined)
    return core.preemption.scheduleNominated(...batch.scheduleNominated);
  if (batch.evaluateNominated !== undefined)
    return core.preemption.evaluateNominated(...batch.evaluateNominated);
  if (batch.dryRun !== undefined) return core.preemption.dryRun(...batch.dryRun);
  return undefined;
}
