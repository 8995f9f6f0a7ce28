import { deepEqual } from "../apimachinery/copy.ts";
import { type FieldError, forbiddenField, invalid } from "../apimachinery/field-error.ts";
import type { V1Container, V1Pod, V1PodSpec, V1Toleration } from "./generated/types.ts";

/** kubectl shows this text and nobody parses what Kubernetes appends to it (a diff of its internal structures). */
const ONLY_THESE =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`," +
  "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)," +
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n";

/**
 * What may change in the spec of a pod that exists: images, its deadline, more tolerations, fewer scheduling gates; and
 * while it is held back by a gate, what narrows the nodes it may go to. Source: api-policy 6.4 (ValidatePodUpdate).
 */
export function validatePodUpdate(pod: V1Pod, old: V1Pod): FieldError[] {
  const next = pod.spec ?? { containers: [] };
  const before = old.spec ?? { containers: [] };
  if (deepEqual(next, before)) return [];
  if (next.containers.length !== before.containers.length)
    return [forbiddenField("spec.containers", "pod updates may not add or remove containers")];
  if (next.initContainers?.length !== before.initContainers?.length)
    return [forbiddenField("spec.initContainers", "pod updates may not add or remove containers")];
  const gated = (before.schedulingGates?.length ?? 0) > 0;
  const errors = [
    ...validateDeadline(next, before),
    ...validateAddedTolerations(next.tolerations ?? [], before.tolerations ?? []),
    ...validateRemovedGates(next, before),
    ...(gated ? validateNarrowing(next, before) : []),
  ];
  if (errors.length > 0) return errors;
  return deepEqual(withoutChangeable(next, before, gated), before)
    ? []
    : [forbiddenField("spec", ONLY_THESE)];
}

/** The new spec with everything that may change put back to the old. */
function withoutChangeable(next: V1PodSpec, old: V1PodSpec, gated: boolean): V1PodSpec {
  const sameImages = (containers: V1Container[], before: readonly V1Container[] = []) =>
    containers.map((one, index) => ({ ...one, image: before[index]?.image }));
  const kept: Record<string, unknown> = {
    ...next,
    containers: sameImages(next.containers, old.containers),
    ...(next.initContainers ? { initContainers: sameImages(next.initContainers, old.initContainers) } : {}),
  };
  const back = ["activeDeadlineSeconds", "tolerations", "schedulingGates"] as (keyof V1PodSpec)[];
  if (next.terminationGracePeriodSeconds === 1 && (old.terminationGracePeriodSeconds ?? 0) < 0)
    back.push("terminationGracePeriodSeconds");
  if (gated) back.push("nodeSelector");
  for (const name of back) kept[name] = old[name];
  if (gated && next.affinity?.nodeAffinity)
    kept["affinity"] = { ...next.affinity, nodeAffinity: old.affinity?.nodeAffinity };
  return dropUndefined(kept) as unknown as V1PodSpec;
}

function dropUndefined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function validateDeadline(next: V1PodSpec, old: V1PodSpec): FieldError[] {
  const field = "spec.activeDeadlineSeconds";
  const seconds = next.activeDeadlineSeconds;
  const before = old.activeDeadlineSeconds;
  if (before === undefined || seconds === before) return [];
  if (seconds === undefined)
    return [invalid(field, null, "must not update from a positive integer to nil value")];
  return seconds > before ? [invalid(field, seconds, "must be less than or equal to previous value")] : [];
}

function validateAddedTolerations(next: readonly V1Toleration[], old: readonly V1Toleration[]): FieldError[] {
  const same = (a: V1Toleration, b: V1Toleration) =>
    deepEqual({ ...a, tolerationSeconds: 0 }, { ...b, tolerationSeconds: 0 });
  const why = "existing toleration can not be modified except its tolerationSeconds";
  return old.every((one) => next.some((other) => same(one, other)))
    ? []
    : [forbiddenField("spec.tolerations", why)];
}

function validateRemovedGates(next: V1PodSpec, old: V1PodSpec): FieldError[] {
  const before = new Set((old.schedulingGates ?? []).map(({ name }) => name));
  return (next.schedulingGates ?? []).flatMap(({ name }, index) =>
    before.has(name)
      ? []
      : [
          forbiddenField(
            `spec.schedulingGates[${index}].name`,
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  );
}

function validateNarrowing(next: V1PodSpec, old: V1PodSpec): FieldError[] {
  const selector = next.nodeSelector ?? {};
  const kept = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => selector[key] === value);
  const why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
  const errors = kept ? [] : [invalid("spec.nodeSelector", selector, why)];
  const field = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  const terms = requiredTerms(next);
  const before = requiredTerms(old);
  if (before.length === 0) return errors;
  if (terms.length !== before.length) {
    const only = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
    return [...errors, invalid(field, terms, only)];
  }
  for (const [index, term] of terms.entries()) {
    const all = [...(term.matchExpressions ?? []), ...(term.matchFields ?? [])];
    const past = before[index]!;
    const had = [...(past.matchExpressions ?? []), ...(past.matchFields ?? [])];
    if (!had.every((one) => all.some((other) => deepEqual(one, other))))
      errors.push(
        invalid(`${field}[${index}]`, term, "only additions are allowed (no mutations or deletions)"),
      );
  }
  return errors;
}

function requiredTerms({ affinity }: V1PodSpec) {
  return affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
}
