import type { FullDecision } from "../deciding-scheduler.ts";
import { NO_NODES } from "../reasons.ts";

/** What becomes of a group whose pods have been decided about together. */
export type GroupVerdict =
  /** Those that found a node keep it. */
  | { readonly outcome: "scheduled" }
  /** None does: too few found one, or some wait for victims to go. */
  | { readonly outcome: "unschedulable" | "waiting" }
  /** Something went wrong with one of them, which says nothing of the others. */
  | { readonly outcome: "error"; readonly why: string };

const UNSCHEDULABLE = "pod group is unschedulable";
/** What a group says of itself that is not scheduled. */
export const GROUP_MESSAGES = {
  unschedulable: UNSCHEDULABLE,
  waiting: `${UNSCHEDULABLE}, pod group is waiting for preemption to complete`,
};
/** What a pod is told that had found a node, in a group that has too few. */
export const TOO_FEW = `${UNSCHEDULABLE}, waiting for minCount pods from a gang to be scheduled`;

/** What the others of a group are told when something went wrong with one of them. */
export function otherFailed(why: string): string {
  return `failed to schedule other pod from a pod group: ${why}`;
}

/**
 * Whether a group is scheduled. A pod for which others would have to go counts as one that has a node, and makes the whole
 * group wait. Source: kube-scheduler's podGroupSchedulingDefaultAlgorithm (scheduling sheet 7.1).
 *
 * @param decisions  of the pods that have no node yet, in their order
 * @param placed     how many pods of the group have a node already
 */
export function judgeGroup(
  decisions: readonly FullDecision[],
  placed: number,
  minCount: number,
): GroupVerdict {
  let found = placed;
  let anyFound = false;
  let waits = false;
  for (const decision of decisions) {
    const isFound = decision.node !== null || decision.preemption !== undefined;
    if (isFound) {
      found++;
      anyFound = true;
      waits ||= decision.node === null;
    } else if (isMistake(decision)) return { outcome: "error", why: decision.message };
  }
  if (!anyFound || found < minCount) return { outcome: "unschedulable" };
  return { outcome: waits ? "waiting" : "scheduled" };
}

/** Not a refusal: no plugin said no. */
export function isMistake(decision: FullDecision): boolean {
  if (decision.node !== null || decision.heldBy !== undefined) return false;
  return decision.plugins.length === 0 && decision.message !== NO_NODES;
}
