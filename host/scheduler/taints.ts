import type { V1Taint, V1Toleration } from "../api/generated/types.ts";

/** The taint that stands for spec.unschedulable. */
export const UNSCHEDULABLE: V1Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

/**
 * Whether one toleration covers a taint. Lt and Gt never do: their gate is alpha and off.
 * Source: k8s.io/component-helpers/scheduling/corev1, Toleration.ToleratesTaint.
 */
export function tolerates(toleration: V1Toleration, taint: V1Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  switch (toleration.operator ?? "") {
    case "":
    case "Equal":
      return (toleration.value ?? "") === (taint.value ?? "");
    case "Exists":
      return true;
    default:
      return false;
  }
}

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
