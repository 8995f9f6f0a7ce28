import { findCondition } from "../../api/conditions.ts";
import { DISRUPTION_TARGET, withDisruptionTarget } from "../../api/disruption.ts";
import type { V1Pod } from "../../api/generated/types.ts";
import { Pod } from "../../api/registry.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { objectKey } from "../../apimachinery/object.ts";
import { type Change, updateStatus } from "../change.ts";
import { isTerminal } from "../pod-state.ts";
import { controller } from "../runtime.ts";
import { watch } from "../watches.ts";

/** How long a pod may be meant to go and stay before it is taken back (stalePodDisruptionTimeout). */
const STALE_MS = 2 * 60_000;

/** A pod that was to be disrupted and was not says so no longer. Source: controllers.md 17.1, last point. */
export const staleDisruptionTargets = controller<V1Pod>({
  name: "disruption-controller",
  watches: [watch(Pod, (pod) => (targetedSince(pod) === undefined ? [] : [objectKey(pod)]))],
  workers: 1,
  observe: (key, { informers }) => informers.get(Pod).lister.get(key),
  reconcile: reconcileTarget,
});

export function reconcileTarget(pod: V1Pod, nowMs: number): readonly Change[] {
  const since = targetedSince(pod);
  if (since === undefined) return [];
  const leftMs = since + STALE_MS - nowMs;
  if (leftMs > 0) return [{ do: "again", afterMs: leftMs }];
  return [updateStatus(Pod, withDisruptionTarget(pod, { status: "False" }, formatTime(nowMs)))];
}

/** A kubelet's own word stands: how long it takes to end a pod is its to know. */
function targetedSince(pod: V1Pod): number | undefined {
  const condition = findCondition(pod.status?.conditions, DISRUPTION_TARGET);
  if (condition?.status !== "True" || condition.reason === "TerminationByKubelet") return undefined;
  if (pod.metadata?.deletionTimestamp !== undefined || isTerminal(pod)) return undefined;
  return Date.parse(condition.lastTransitionTime ?? "");
}
