import type {
  V1CustomResourceDefinition,
  V1CustomResourceDefinitionCondition,
  V1CustomResourceDefinitionNames,
} from "../../api/generated/types.ts";
import { KINDS } from "../../api/registry.ts";

interface Claim {
  readonly kinds: ReadonlySet<string>;
  readonly resources: ReadonlySet<string>;
}

/** The names a definition gets, and the conditions that say so. Source: apiextensions pkg/controller/status; api-policy 7.4. */
export interface Naming {
  readonly accepted: V1CustomResourceDefinitionNames;
  readonly conditions: V1CustomResourceDefinitionCondition[];
}

/**
 * Accepts the names that nobody else in the group has. A definition that had its names first keeps them.
 *
 * @param others  the other definitions of the group
 */
export function acceptNames(
  definition: V1CustomResourceDefinition,
  others: readonly V1CustomResourceDefinition[],
  now: string,
): Naming {
  const { names, group } = definition.spec;
  const taken = claimOf(group, others);
  const before = definition.status?.acceptedNames;
  let conflict: { reason: string; name: string } | undefined;
  const take = (
    name: string | undefined,
    held: string | undefined,
    from: ReadonlySet<string>,
    reason: string,
  ) => {
    if (!name || !from.has(name)) return name;
    conflict = { reason, name };
    return held || undefined;
  };
  const plural = take(names.plural, before?.plural, taken.resources, "PluralConflict") ?? "";
  const singular = take(names.singular, before?.singular, taken.resources, "SingularConflict");
  const shortNames = names.shortNames?.filter((name) =>
    take(name, undefined, taken.resources, "ShortNamesConflict"),
  );
  const kind = take(names.kind, before?.kind, taken.kinds, "KindConflict") ?? "";
  const listKind = take(names.listKind, before?.listKind, taken.kinds, "ListKindConflict");
  const accepted: V1CustomResourceDefinitionNames = {
    plural,
    ...(singular ? { singular } : {}),
    ...(shortNames?.length ? { shortNames } : {}),
    kind,
    ...(listKind ? { listKind } : {}),
    ...(names.categories?.length ? { categories: names.categories } : {}),
  };
  return { accepted, conditions: conditionsOf(definition, conflict, now) };
}

function claimOf(group: string, others: readonly V1CustomResourceDefinition[]): Claim {
  const kinds = new Set<string>();
  const resources = new Set<string>();
  for (const kind of KINDS.filter((one) => one.group === group)) {
    kinds.add(kind.kind).add(`${kind.kind}List`);
    for (const name of [kind.plural, kind.singular, ...kind.shortNames]) resources.add(name);
  }
  for (const { status } of others) {
    const names = status?.acceptedNames;
    if (names === undefined) continue;
    for (const name of [names.kind, names.listKind]) if (name) kinds.add(name);
    for (const name of [names.plural, names.singular, ...(names.shortNames ?? [])])
      if (name) resources.add(name);
  }
  return { kinds, resources };
}

function conditionsOf(
  definition: V1CustomResourceDefinition,
  conflict: { reason: string; name: string } | undefined,
  now: string,
): V1CustomResourceDefinitionCondition[] {
  const isEstablished = conditionOf(definition, "Established")?.status === "True";
  const named =
    conflict === undefined
      ? { status: "True", reason: "NoConflicts", message: "no conflicts found" }
      : {
          status: "False",
          reason: conflict.reason,
          message: `${JSON.stringify(conflict.name)} is already in use`,
        };
  // Once established it stays so: what is stored has to be reachable.
  const established =
    conflict === undefined || isEstablished
      ? { status: "True", reason: "InitialNamesAccepted", message: "the initial names have been accepted" }
      : { status: "False", reason: "NotAccepted", message: "not all names are accepted" };
  const approval = approvalOf(definition);
  return [
    ["NamesAccepted", named] as const,
    ["Established", established] as const,
    ...(approval === undefined ? [] : [["KubernetesAPIApprovalPolicyConformant", approval] as const]),
  ].reduce<V1CustomResourceDefinitionCondition[]>(
    (all, [type, wanted]) => withCondition(all, { type, ...wanted }, now),
    [...(definition.status?.conditions ?? [])],
  );
}

/** Groups of Kubernetes' own domains say who approved them. */
function approvalOf({ spec, metadata }: V1CustomResourceDefinition) {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(spec.group)) return undefined;
  const said = metadata?.annotations?.["api-approved.kubernetes.io"] ?? "";
  return said.startsWith("unapproved")
    ? { status: "False", reason: "UnapprovedAnnotation", message: `not approved: ${JSON.stringify(said)}` }
    : { status: "True", reason: "ApprovedAnnotation", message: `approved in ${said}` };
}

export function conditionOf(
  { status }: V1CustomResourceDefinition,
  type: string,
): V1CustomResourceDefinitionCondition | undefined {
  return status?.conditions?.find((one) => one.type === type);
}

/** The conditions with one of them set; its time changes with its status only. */
export function withCondition(
  conditions: readonly V1CustomResourceDefinitionCondition[],
  wanted: V1CustomResourceDefinitionCondition,
  now: string,
): V1CustomResourceDefinitionCondition[] {
  const present = conditions.find(({ type }) => type === wanted.type);
  const lastTransitionTime = present?.status === wanted.status ? present?.lastTransitionTime : now;
  const { type, status, reason, message } = wanted;
  const set = { type, status, lastTransitionTime, reason, message };
  return present === undefined
    ? [...conditions, set]
    : conditions.map((one) => (one.type === wanted.type ? set : one));
}
