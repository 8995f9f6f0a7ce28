import type { CoreNames, Evaluation } from "../wasm/scheduler-facts.ts";
import type { NodeSlots } from "./core-tables.ts";
import type { Explanation } from "./library.ts";
import type { AskedPod, GatedPod, PrefilteredPod } from "./prepared-pods.ts";
import type { ProfileFacts } from "./profile-facts.ts";
import { describeRefusal } from "./reasons.ts";

/** The explanation of a pod that the core was not asked about: every node gives the same reason. */
export function explainUnasked(one: PrefilteredPod | GatedPod, nodes: NodeSlots): Explanation {
  const { key, plugin } = one;
  const refusal = { rejectedBy: plugin, reasons: ["message" in one ? one.message : one.reason] };
  return { pod: key, chosen: null, nodes: nodes.map(([node]) => ({ node, ...refusal })) };
}

/**
 * Puts an evaluation in words: of each node why it is refused, or every plugin's score.
 *
 * @param nominated  the slot that the pod is nominated to: taken if it fits there
 */
export function explainEvaluation(
  pod: AskedPod,
  nodes: NodeSlots,
  evaluation: Evaluation,
  names: CoreNames,
  nominated: number | undefined,
): Explanation {
  const { key, profile } = pod;
  let chosen: string | null = null;
  let best = -1;
  const explained = nodes.map(([node, slot]) => {
    const refusal = describeRefusal(evaluation, slot, names, pod);
    if (refusal !== undefined) {
      const { rejectedBy, reasons } = refusal;
      return { node, rejectedBy, reasons };
    }
    const total = evaluation.totals[slot]!;
    if (slot === nominated) best = Number.POSITIVE_INFINITY;
    if (slot === nominated || total > best) {
      best = Math.max(best, total);
      chosen = node;
    }
    return { node, scores: scoresOf(evaluation, slot, names, profile), total };
  });
  return { pod: key, chosen, nodes: explained };
}

/** Of the plugins that the profile scores by. */
function scoresOf({ scores }: Evaluation, slot: number, names: CoreNames, profile: ProfileFacts) {
  return Object.fromEntries(
    names.scores.flatMap((name, i) => {
      if (!profile.scores.has(name)) return [];
      const at = (slot * names.scores.length + i) * 3;
      const [raw, normalized, weighted] = scores.subarray(at, at + 3);
      return [[name, { raw: raw!, normalized: normalized!, weighted: weighted! }]];
    }),
  );
}
