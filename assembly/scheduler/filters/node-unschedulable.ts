import { Verdict } from "../../layout/class";

/**
 * Refuses a cordoned node unless the pod tolerates the taint node.kubernetes.io/unschedulable:NoSchedule. The host compares
 * tolerations once per attribute set. Source: kube-scheduler NodeUnschedulable.
 */
export function nodeUnschedulable(refusals: u32): bool {
  return (refusals & Verdict.unschedulable) != 0;
}
