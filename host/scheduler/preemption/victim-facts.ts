import type { V1Pod } from "../../api/generated/types.ts";

/** What preemption reads of a pod's status. */
export interface VictimStatus {
  /** When it started; infinite until it has: kube-scheduler takes that for now, later than all others. */
  readonly startMs: number;
  /** It is being deleted to make room for a pod of higher priority. */
  readonly isPreempted: boolean;
}

/** A pod that was placed just now. */
export const NOT_STARTED: VictimStatus = { startMs: Number.POSITIVE_INFINITY, isPreempted: false };

/** The reason of the condition DisruptionTarget that the scheduler gives its victims. */
export const PREEMPTION_REASON = "PreemptionByScheduler";

export function readVictimFacts({ metadata, status }: V1Pod): VictimStatus {
  const { startTime, conditions = [] } = status ?? {};
  const isVictim = conditions.some(
    (one) => one.type === "DisruptionTarget" && one.status === "True" && one.reason === PREEMPTION_REASON,
  );
  return {
    startMs: startTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(startTime),
    isPreempted: metadata?.deletionTimestamp !== undefined && isVictim,
  };
}
