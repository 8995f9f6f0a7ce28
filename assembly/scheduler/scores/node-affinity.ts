import { VerdictField } from "../../layout/class";
import { getI32 } from "../../layout/field";

/** Raw score: sum of the weights of the preferred terms that match the node. Source: kube-scheduler NodeAffinity. */
export function nodeAffinityRaw(verdict: usize): i32 {
  return getI32(verdict, VerdictField.affinityWeight);
}
