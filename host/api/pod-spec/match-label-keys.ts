import type { V1LabelSelector, V1PodAffinityTerm, V1PodSpec } from "../generated/types.ts";

/**
 * `matchLabelKeys` means "the same value as this pod has": at creation it becomes a plain requirement of the label
 * selector, so that whoever reads the selector later need not know the pod. Source: api-policy 5.1.
 */
export function mergeMatchLabelKeys(spec: V1PodSpec, labels: Readonly<Record<string, string>>): void {
  for (const term of affinityTerms(spec)) {
    merge(term.labelSelector, term.matchLabelKeys, "In", labels);
    merge(term.labelSelector, term.mismatchLabelKeys, "NotIn", labels);
  }
  for (const constraint of spec.topologySpreadConstraints ?? [])
    merge(constraint.labelSelector, constraint.matchLabelKeys, "In", labels);
}

function merge(
  selector: V1LabelSelector | undefined,
  keys: readonly string[] | undefined,
  operator: "In" | "NotIn",
  labels: Readonly<Record<string, string>>,
): void {
  // A missing selector selects nothing and stays so.
  if (selector === undefined) return;
  for (const key of keys ?? []) {
    const value = labels[key];
    if (value === undefined) continue;
    selector.matchExpressions = [...(selector.matchExpressions ?? []), { key, operator, values: [value] }];
  }
}

function affinityTerms({ affinity }: V1PodSpec): V1PodAffinityTerm[] {
  return [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((one) => [
    ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
  ]);
}
