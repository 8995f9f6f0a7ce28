import { tolerates } from "../api/taints.ts";
import type { CoreNames, SetVerdict } from "../wasm/scheduler-facts.ts";
import type { AttributeSet } from "./attribute-sets.ts";
import type { PodFacts } from "./pod-facts.ts";
import type { ProfileFacts } from "./profile-facts.ts";
import { countIntolerable, forbids, UNSCHEDULABLE } from "./taints.ts";

/**
 * What a class makes of an attribute set: which filters of its profile refuse its nodes, and the raw scores that follow from
 * it alone.
 */
export function judge(
  pod: PodFacts,
  { prefilters, filters, addedAffinity }: ProfileFacts,
  set: AttributeSet,
  bits: CoreNames["verdicts"],
): SetVerdict {
  const { affinity, tolerations } = pod;
  const mismatches =
    (set.taints.some((taint) => forbids(taint, tolerations)) ? bits.taint : 0) |
    (affinity.matches(set) ? 0 : bits.affinity);
  let refusals = mismatches;
  if (!filters.has("TaintToleration")) refusals &= ~bits.taint;
  if (!filters.has("NodeAffinity")) refusals &= ~bits.affinity;
  else if (addedAffinity?.matches(set) === false) refusals |= bits.addedAffinity;
  if (affinity.onlyNodes !== undefined && !affinity.onlyNodes.has(set.name) && prefilters.has("NodeAffinity"))
    refusals |= bits.outsidePrefilter;
  if (
    set.unschedulable &&
    filters.has("NodeUnschedulable") &&
    !tolerations.some((one) => tolerates(one, UNSCHEDULABLE))
  )
    refusals |= bits.unschedulable;
  if (pod.nodeName !== undefined && pod.nodeName !== set.name && filters.has("NodeName"))
    refusals |= bits.nodeName;
  if (filters.has("NodeDeclaredFeatures") && !pod.features.every((one) => set.features.includes(one)))
    refusals |= bits.features;
  return {
    set: set.id,
    refusals,
    mismatches,
    intolerableTaints: countIntolerable(set.taints, tolerations),
    affinityWeight: [...affinity.preferred, ...(addedAffinity?.preferred ?? [])].reduce(
      (sum, { weight, matches }) => sum + (matches(set) ? weight : 0),
      0,
    ),
  };
}
