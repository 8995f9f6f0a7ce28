import { deepEqual } from "../apimachinery/copy.ts";
import { type FieldError, invalid, required } from "../apimachinery/field-error.ts";
import { isDns1123Subdomain, isPathSegmentName } from "../apimachinery/names.ts";
import { checked, named, oneOf, present, validateLabelSelector } from "./field-checks.ts";
import type {
  RbacV1Subject,
  V1ClusterRole,
  V1ClusterRoleBinding,
  V1PolicyRule,
  V1Role,
  V1RoleBinding,
} from "./generated/types.ts";

export const RBAC_GROUP = "rbac.authorization.k8s.io";

type RoleBindingLike = V1RoleBinding | V1ClusterRoleBinding;

/** Source: api-policy 6.5 (k8s.io/kubernetes/pkg/apis/rbac/validation). */
export function validateBinding(binding: RoleBindingLike): FieldError[] {
  const { metadata, roleRef, subjects = [] } = binding;
  const isNamespaced = metadata?.namespace !== undefined;
  const kinds = isNamespaced ? ["Role", "ClusterRole"] : ["ClusterRole"];
  return [
    ...oneOf("roleRef.apiGroup", roleRef?.apiGroup, [RBAC_GROUP]),
    ...oneOf("roleRef.kind", roleRef?.kind ?? "", kinds),
    ...named("roleRef.name", roleRef?.name, isPathSegmentName),
    ...subjects.flatMap((subject, index) => validateSubject(`subjects[${index}]`, subject, isNamespaced)),
  ];
}

export function validateBindingUpdate({ roleRef }: RoleBindingLike, old: RoleBindingLike): FieldError[] {
  if (deepEqual(roleRef, old.roleRef)) return [];
  const shown = { APIGroup: roleRef.apiGroup, Kind: roleRef.kind, Name: roleRef.name };
  return [invalid("roleRef", shown, "cannot change roleRef")];
}

function validateSubject(field: string, subject: RbacV1Subject, isNamespaced: boolean): FieldError[] {
  const { kind = "", name, namespace, apiGroup } = subject;
  const errors = present(`${field}.name`, name);
  switch (kind) {
    case "ServiceAccount":
      if (name) errors.push(...checked(`${field}.name`, name, isDns1123Subdomain(name)));
      errors.push(...oneOf(`${field}.apiGroup`, apiGroup ?? "", [""]));
      // In a namespace the account may be meant to be in the same one.
      if (!namespace && !isNamespaced) errors.push(required(`${field}.namespace`));
      return errors;
    case "User":
    case "Group":
      return [...errors, ...oneOf(`${field}.apiGroup`, apiGroup, [RBAC_GROUP])];
    default:
      return [...errors, ...oneOf(`${field}.kind`, kind, ["ServiceAccount", "User", "Group"])];
  }
}

export function validateRole(role: V1Role | V1ClusterRole): FieldError[] {
  const isNamespaced = role.metadata?.namespace !== undefined;
  const errors = (role.rules ?? []).flatMap((rule, index) =>
    validateRule(`rules[${index}]`, rule, isNamespaced),
  );
  if (!("aggregationRule" in role) || role.aggregationRule === undefined) return errors;
  const selectors = role.aggregationRule.clusterRoleSelectors ?? [];
  const field = "aggregationRule.clusterRoleSelectors";
  const why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
  if (selectors.length === 0) errors.push(required(field, why));
  return [...errors, ...selectors.flatMap((one, index) => validateLabelSelector(`${field}[${index}]`, one))];
}

function validateRule(field: string, rule: V1PolicyRule, isNamespaced: boolean): FieldError[] {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const errors =
    verbs.length === 0 ? [required(`${field}.verbs`, "verbs must contain at least one value")] : [];
  if (nonResourceURLs.length > 0) {
    const refuse = (why: string) => invalid(`${field}.nonResourceURLs`, nonResourceURLs, why);
    if (isNamespaced) errors.push(refuse("namespaced rules cannot apply to non-resource URLs"));
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0)
      errors.push(refuse("rules cannot apply to both regular resources and non-resource URLs"));
    return errors;
  }
  if (apiGroups.length === 0)
    errors.push(required(`${field}.apiGroups`, "resource rules must supply at least one api group"));
  if (resources.length === 0)
    errors.push(required(`${field}.resources`, "resource rules must supply at least one resource"));
  return errors;
}
