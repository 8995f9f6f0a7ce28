import { Verdict } from "../../layout/class";

/**
 * Refuses a node with a NoSchedule or NoExecute taint that the pod does not tolerate. The host matches taints and
 * tolerations once per attribute set. Source: kube-scheduler TaintToleration.
 */
export function taintToleration(refusals: u32): bool {
  return (refusals & Verdict.taint) != 0;
}
