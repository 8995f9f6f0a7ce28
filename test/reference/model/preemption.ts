import type { V1Pod, V1PodDisruptionBudget } from "../../../host/api/generated/types.ts";
import { all, type Cycle, labelsOf, namespaceOf, type Place, type Refusal } from "./cycle.ts";
import { requirementsOf, selects } from "./selectors.ts";

/**
 * Reference model of DefaultPreemption, written from shared/spec/scheduling.md 6: every node is tried by asking the filters
 * about lists of pods.
 */
export interface Candidate {
  readonly node: string;
  /** The most important first. */
  readonly victims: readonly V1Pod[];
  readonly violations: number;
}

export const priorityOf = (pod: V1Pod): number => pod.spec!.priority ?? 0;
const startOf = ({ status }: V1Pod): number =>
  status?.startTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(status.startTime);

function byImportance(a: V1Pod, b: V1Pod): number {
  if (priorityOf(a) !== priorityOf(b)) return priorityOf(b) - priorityOf(a);
  if (startOf(a) !== startOf(b)) return startOf(a) - startOf(b);
  // Left open by the sheet.
  const nameOf = ({ metadata }: V1Pod) => `${metadata!.namespace}/${metadata!.name}`;
  return nameOf(a) < nameOf(b) ? -1 : 1;
}

/** 6.3.4: the pods that break a budget, walking from the most important. */
function violating(pods: readonly V1Pod[], { world }: Cycle): V1Pod[] {
  const budgets = all<V1PodDisruptionBudget>(world, "PodDisruptionBudget").map((one) => ({
    one,
    left: one.status?.disruptionsAllowed ?? 0,
  }));
  return pods.filter((pod) => {
    if (Object.keys(labelsOf(pod)).length === 0) return false;
    let breaks = false;
    for (const budget of budgets) {
      const { metadata, spec, status } = budget.one;
      const selector = requirementsOf(spec?.selector);
      if (metadata!.namespace !== namespaceOf(pod) || selector?.length === 0) continue;
      if (!selects(selector, labelsOf(pod)) || status?.disruptedPods?.[pod.metadata!.name!]) continue;
      budget.left--;
      if (budget.left < 0) breaks = true;
    }
    return breaks;
  });
}

/** Whether the pod fits on a place without these of its pods. */
export type Try = (place: Place, leaving: readonly V1Pod[]) => Refusal | undefined;

/** 6.3: who has to leave the place, or why that does not help. */
export function victimsOn(cycle: Cycle, place: Place, fits: Try): Candidate | string[] {
  const lower = place.pods.filter((one) => priorityOf(one) < priorityOf(cycle.pod)).sort(byImportance);
  if (lower.length === 0) return ["No preemption victims found for incoming pod"];
  const refusal = fits(place, lower);
  if (refusal) return refusal.reasons;
  const breaking = violating(lower, cycle);
  let gone = lower;
  for (const one of [...breaking, ...lower.filter((pod) => !breaking.includes(pod))]) {
    const without = gone.filter((other) => other !== one);
    if (!fits(place, without)) gone = without;
  }
  const violations = gone.filter((one) => breaking.includes(one)).length;
  return { node: place.node.metadata!.name!, victims: gone, violations };
}

/** 6.2: candidates, and the reasons of the places that are none. */
export function search(
  cycle: Cycle,
  helpful: readonly Place[],
  offset: number,
  fits: Try,
): { candidates: Candidate[]; reasons: string[][] } {
  const { minCandidateNodesPercentage = 10, minCandidateNodesAbsolute = 100 } =
    cycle.profile.args("DefaultPreemption");
  const share = Math.floor((helpful.length * minCandidateNodesPercentage) / 100);
  const wanted = Math.min(Math.max(share, minCandidateNodesAbsolute), helpful.length);
  const whole: Candidate[] = [];
  const breaking: Candidate[] = [];
  const reasons: string[][] = [];
  for (let i = 0; i < helpful.length; i++) {
    if (whole.length > 0 && whole.length + breaking.length >= wanted) break;
    const found = victimsOn(cycle, helpful[(offset + i) % helpful.length]!, fits);
    if (Array.isArray(found)) reasons.push(found);
    else {
      const list = found.violations > 0 ? breaking : whole;
      if (list.length < wanted) list.push(found);
    }
  }
  return { candidates: [...whole, ...breaking], reasons };
}

/** 6.4, as tuples: the smallest is chosen, and of several the first. */
export function weigh({ victims, violations }: Candidate): bigint[] {
  const top = victims.filter((one) => priorityOf(one) === priorityOf(victims[0]!));
  const earliest = Math.min(...top.map(startOf));
  return [
    BigInt(violations),
    BigInt(priorityOf(victims[0]!)),
    victims.reduce((sum, one) => sum + BigInt(priorityOf(one)) + 2147483648n, 0n),
    BigInt(victims.length),
    -(earliest === Number.POSITIVE_INFINITY ? 10n ** 18n : BigInt(earliest)),
  ];
}

export function choose(candidates: readonly Candidate[]): Candidate | undefined {
  let chosen: Candidate | undefined;
  for (const one of candidates) if (!chosen || isLess(weigh(one), weigh(chosen))) chosen = one;
  return chosen;
}

function isLess(a: readonly bigint[], b: readonly bigint[]): boolean {
  const differs = a.findIndex((one, i) => one !== b[i]);
  return differs >= 0 && a[differs]! < b[differs]!;
}

/** 6.1.2: a pod that is being deleted because of preemption. */
export function isBeingPreempted({ metadata, status }: V1Pod): boolean {
  return (
    metadata!.deletionTimestamp !== undefined &&
    (status?.conditions ?? []).some(
      (one) =>
        one.type === "DisruptionTarget" && one.status === "True" && one.reason === "PreemptionByScheduler",
    )
  );
}
