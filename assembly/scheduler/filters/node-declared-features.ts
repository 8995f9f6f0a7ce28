import { Verdict } from "../../layout/class";

/**
 * Refuses a node whose kubelet does not declare a feature that the pod's spec needs. Source: kube-scheduler
 * NodeDeclaredFeatures.
 */
export function nodeDeclaredFeatures(refusals: u32): bool {
  return (refusals & Verdict.features) != 0;
}
