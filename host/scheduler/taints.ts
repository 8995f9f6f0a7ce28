import type { V1Taint, V1Toleration } from "../api/generated/types.ts";
import { tolerates, UNSCHEDULABLE as UNSCHEDULABLE_KEY } from "../api/taints.ts";

/** The taint that stands for spec.unschedulable. */
export const UNSCHEDULABLE: V1Taint = { key: UNSCHEDULABLE_KEY, effect: "NoSchedule" };

/** Whether the pod may be placed in spite of the taint; PreferNoSchedule never forbids. */
export function forbids(taint: V1Taint, tolerations: readonly V1Toleration[]): boolean {
  if (taint.effect !== "NoSchedule" && taint.effect !== "NoExecute") return false;
  return !tolerations.some((toleration) => tolerates(toleration, taint));
}

/** How many PreferNoSchedule taints speak against a node. */
export function countIntolerable(taints: readonly V1Taint[], tolerations: readonly V1Toleration[]): number {
  return taints.filter(
    (taint) =>
      taint.effect === "PreferNoSchedule" && !tolerations.some((toleration) => tolerates(toleration, taint)),
  ).length;
}
