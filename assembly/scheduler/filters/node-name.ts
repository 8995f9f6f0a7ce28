import { Verdict } from "../../layout/class";

/** Refuses every node but the one in spec.nodeName, if that is set. Source: kube-scheduler NodeName. */
export function nodeName(refusals: u32): bool {
  return (refusals & Verdict.nodeName) != 0;
}
