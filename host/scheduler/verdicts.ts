import type { CoreNames, SetVerdict } from "../wasm/scheduler-facts.ts";
import type { AttributeSet } from "./attribute-sets.ts";
import type { PodFacts } from "./pod-facts.ts";
import { countIntolerable, forbids, tolerates, UNSCHEDULABLE } from "./taints.ts";

/** What a class makes of an attribute set: which filters refuse its nodes, and the raw scores that follow from it alone. */
export function judge(pod: PodFacts, set: AttributeSet, bits: CoreNames["verdicts"]): SetVerdict {
  const { affinity, tolerations } = pod;
  let refusals = 0;
  if (affinity.onlyNodes !== undefined && !affinity.onlyNodes.has(set.name))
    refusals |= bits.outsidePrefilter;
  if (set.unschedulable && !tolerations.some((one) => tolerates(one, UNSCHEDULABLE)))
    refusals |= bits.unschedulable;
  if (pod.nodeName !== undefined && pod.nodeName !== set.name) refusals |= bits.nodeName;
  if (set.taints.some((taint) => forbids(taint, tolerations))) refusals |= bits.taint;
  if (!affinity.matches(set)) refusals |= bits.affinity;
  return {
    set: set.id,
    refusals,
    intolerableTaints: countIntolerable(set.taints, tolerations),
    affinityWeight: affinity.preferred.reduce(
      (sum, { weight, matches }) => sum + (matches(set) ? weight : 0),
      0,
    ),
  };
}
