import { isPathSegmentName } from "../apimachinery/names.ts";
import { ageColumn, column, nameColumn, wideColumn } from "./columns.ts";
import type {
  RbacV1Subject,
  V1ClusterRole,
  V1ClusterRoleBinding,
  V1Role,
  V1RoleBinding,
} from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { RBAC_GROUP, validateBinding, validateBindingUpdate, validateRole } from "./rbac-validation.ts";

type RoleBindingLike = V1RoleBinding | V1ClusterRoleBinding;

function subjects(binding: RoleBindingLike, kind: string, text: (subject: RbacV1Subject) => string): string {
  return (binding.subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map(text)
    .join(", ");
}

/** Of both kinds of bindings. Source: api-policy 5.5, 6.5; api-wire 13. */
export function bindingRules<T extends RoleBindingLike>(): KindRules<T> {
  return {
    nameErrors: isPathSegmentName,
    defaults({ roleRef, subjects = [] }) {
      if (roleRef) roleRef.apiGroup ||= RBAC_GROUP;
      for (const subject of subjects) {
        // An account's group is the core one, and an empty name is not shown.
        if (subject.kind !== "ServiceAccount") subject.apiGroup ||= RBAC_GROUP;
        else if (subject.apiGroup === "") delete subject.apiGroup;
      }
    },
    validate: validateBinding,
    validateUpdate: validateBindingUpdate,
    columns: [
      nameColumn,
      column("Role", ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
      ageColumn,
      wideColumn("Users", (binding) => subjects(binding, "User", ({ name }) => name)),
      wideColumn("Groups", (binding) => subjects(binding, "Group", ({ name }) => name)),
      wideColumn("ServiceAccounts", (binding) =>
        subjects(binding, "ServiceAccount", ({ namespace, name }) => `${namespace}/${name}`),
      ),
    ],
  };
}

/** Of both kinds of roles. */
export const roleRules: KindRules<V1Role | V1ClusterRole> = {
  nameErrors: isPathSegmentName,
  validate: validateRole,
};
