import { findCondition, withCondition } from "./conditions.ts";
import type {
  V1Condition,
  V1Pod,
  V1PodCondition,
  V1PodDisruptionBudget,
  V1PodDisruptionBudgetStatus,
} from "./generated/types.ts";

/** What the disruption controller and the eviction API both say of budgets and of the pods they count. */
export const DISRUPTION_ALLOWED = "DisruptionAllowed";
export const SYNC_FAILED = "SyncFailed";
export const DISRUPTION_TARGET = "DisruptionTarget";

/** The condition that goes with how many disruptions a status allows (pdbhelper.UpdateDisruptionAllowedCondition). */
export function withDisruptionAllowed(
  status: V1PodDisruptionBudgetStatus,
  now: string,
): V1PodDisruptionBudgetStatus {
  const isAllowed = (status.disruptionsAllowed ?? 0) > 0;
  const condition: V1Condition = {
    type: DISRUPTION_ALLOWED,
    status: isAllowed ? "True" : "False",
    ...(status.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
    lastTransitionTime: now,
    reason: isAllowed ? "SufficientPods" : "InsufficientPods",
    message: "",
  };
  return { ...status, conditions: withCondition(status.conditions, condition, now) };
}

/** The status that says the budget cannot be worked out: nothing may be disrupted, all else stays as it was. */
export function withSyncFailed(
  { status }: V1PodDisruptionBudget,
  message: string,
  now: string,
): V1PodDisruptionBudgetStatus {
  const condition: V1Condition = {
    type: DISRUPTION_ALLOWED,
    status: "False",
    ...(status?.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
    lastTransitionTime: now,
    reason: SYNC_FAILED,
    message,
  };
  return { ...status, disruptionsAllowed: 0, conditions: withCondition(status?.conditions, condition, now) };
}

/** A pod is healthy when it is Ready. */
export function isHealthy({ status }: V1Pod): boolean {
  return findCondition(status?.conditions, "Ready")?.status === "True";
}

/** The pod with its `DisruptionTarget` set; its conditions name the generation where the pod keeps track of it. */
export function withDisruptionTarget(
  pod: V1Pod,
  said: { readonly status: "True" | "False"; readonly reason?: string; readonly message?: string },
  now: string,
): V1Pod {
  const known = findCondition(pod.status?.conditions, DISRUPTION_TARGET);
  const isTracked = Boolean(pod.status?.observedGeneration || known?.observedGeneration);
  const condition: V1PodCondition = {
    type: DISRUPTION_TARGET,
    ...(isTracked ? { observedGeneration: pod.metadata?.generation } : {}),
    ...said,
    lastTransitionTime: now,
  };
  return {
    ...pod,
    status: { ...pod.status, conditions: withCondition(pod.status?.conditions, condition, now) },
  };
}
