import { VerdictField } from "../../layout/class";
import { getU32 } from "../../layout/field";

/**
 * Raw score: PreferNoSchedule taints of the node that the pod does not tolerate. Fewer is better: normalised in reverse.
 * Source: kube-scheduler TaintToleration.
 */
export function taintTolerationRaw(verdict: usize): i32 {
  return <i32>getU32(verdict, VerdictField.intolerableTaints);
}
