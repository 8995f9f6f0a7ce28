import type { V1ContainerStatus, V1Pod } from "../api/generated/types.ts";
import { isActive, isReady, readySinceMs } from "./pod-state.ts";

const PHASE_RANK: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";

/**
 * Sorts pods so that those to delete first come first.
 *
 * @param related  pods of every ReplicaSet under the same owner: a node that has many of them gives one up first
 * Source: pkg/controller ActivePodsWithRanks (controllers.md 4, Deletion order).
 */
export function inDeletionOrder(pods: readonly V1Pod[], related: readonly V1Pod[], nowMs: number): V1Pod[] {
  const onNode = new Map<string, number>();
  for (const pod of related.filter(isActive)) {
    const node = pod.spec?.nodeName ?? "";
    onNode.set(node, (onNode.get(node) ?? 0) + 1);
  }
  const crowd = (pod: V1Pod) => onNode.get(pod.spec?.nodeName ?? "") ?? 0;
  const compare = (a: V1Pod, b: V1Pod) =>
    Number(isAssigned(a)) - Number(isAssigned(b)) ||
    phaseRank(a) - phaseRank(b) ||
    Number(isReady(a)) - Number(isReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    crowd(b) - crowd(a) ||
    (isReady(a) && isReady(b) ? compareAges(a, b, readySinceMs(a), readySinceMs(b), nowMs) : 0) ||
    maxRestarts(b, false) - maxRestarts(a, false) ||
    maxRestarts(b, true) - maxRestarts(a, true) ||
    compareAges(a, b, createdMs(a), createdMs(b), nowMs);
  return [...pods].sort(compare);
}

function isAssigned(pod: V1Pod): boolean {
  return (pod.spec?.nodeName ?? "") !== "";
}

function phaseRank(pod: V1Pod): number {
  return PHASE_RANK[pod.status?.phase ?? ""] ?? 0;
}

/** An int32 in its plain form; anything else counts as 0. */
function deletionCost(pod: V1Pod): number {
  const text = pod.metadata?.annotations?.[DELETION_COST] ?? "";
  if (!/^(0|-?[1-9][0-9]{0,9})$/.test(text)) return 0;
  const cost = Number(text);
  return cost >= -(2 ** 31) && cost < 2 ** 31 ? cost : 0;
}

function createdMs(pod: V1Pod): number | undefined {
  const text = pod.metadata?.creationTimestamp;
  return text === undefined ? undefined : Date.parse(text);
}

/**
 * The younger first, by the power of two its age in nanoseconds lies in, so that pods of about the same age are drawn
 * by UID: scaling down does not always hit the newest (LogarithmicScaleDown). No time at all counts as newest.
 */
function compareAges(
  a: V1Pod,
  b: V1Pod,
  sinceA: number | undefined,
  sinceB: number | undefined,
  nowMs: number,
): number {
  if (sinceA === sinceB) return 0;
  if (sinceA === undefined) return -1;
  if (sinceB === undefined) return 1;
  return ageRank(nowMs - sinceA) - ageRank(nowMs - sinceB) || compareText(a.metadata?.uid, b.metadata?.uid);
}

/** floor(log2(nanoseconds)), exactly; -1 for an age that is not positive. */
function ageRank(ageMs: number): number {
  return ageMs <= 0 ? -1 : (BigInt(ageMs) * 1_000_000n).toString(2).length - 1;
}

function compareText(a = "", b = ""): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The highest restart count of the pod's containers, or of its sidecars (init containers that keep running). */
function maxRestarts(pod: V1Pod, ofSidecars: boolean): number {
  const count = (statuses: readonly V1ContainerStatus[] = []) =>
    statuses.reduce((most, status) => Math.max(most, status.restartCount), 0);
  if (!ofSidecars) return count(pod.status?.containerStatuses);
  const sidecars = new Set(
    pod.spec?.initContainers?.flatMap((one) => (one.restartPolicy === "Always" ? [one.name] : [])),
  );
  return count(pod.status?.initContainerStatuses?.filter((status) => sidecars.has(status.name)));
}
