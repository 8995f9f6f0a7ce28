import { Verdict } from "../../layout/class";

/**
 * Refuses a node that does not match nodeSelector and the required node affinity. The host matches labels once per attribute
 * set. Source: kube-scheduler NodeAffinity.
 */
export function nodeAffinity(refusals: u32): bool {
  return (refusals & Verdict.affinity) != 0;
}

/** Refuses the nodes that NodeAffinity's PreFilter left out: matchFields on metadata.name names others. */
export function nodeAffinityPrefilter(refusals: u32): bool {
  return (refusals & Verdict.outsidePrefilter) != 0;
}

/** Refuses a node that does not match the required affinity in the profile's NodeAffinityArgs. */
export function addedAffinity(refusals: u32): bool {
  return (refusals & Verdict.addedAffinity) != 0;
}
