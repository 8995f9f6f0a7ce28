import type { V1Taint, V1Toleration } from "./generated/types.ts";

/** The taints that stand for what a node says of itself. */
export const NOT_READY = "node.kubernetes.io/not-ready";
export const UNREACHABLE = "node.kubernetes.io/unreachable";
export const UNSCHEDULABLE = "node.kubernetes.io/unschedulable";

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
