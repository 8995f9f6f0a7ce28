import type { V1ClusterRole, V1PolicyRule, V1Role, V1RoleBinding } from "../../../api/generated/types.ts";
import type { Kind } from "../../../api/kind.ts";
import { deepEqual } from "../../../apimachinery/copy.ts";
import { forbidden, notFound, qualifiedResource } from "../../../apimachinery/errors.ts";
import { quoteText } from "../../../apimachinery/field-error.ts";
import type { Admission, Attributes as Write } from "../../admission/chain.ts";
import type { Api, User } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import { SUPERUSERS } from "../authorizer.ts";
import { quotedList, ruleInWords, uncovered } from "./covers.ts";

const GROUP = "rbac.authorization.k8s.io";

const FULL_AUTHORITY: readonly V1PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

/**
 * Nobody gives away by roles and bindings what they do not have, unless they may `escalate` or `bind`. It stands at the
 * end of admission, since Kubernetes asks it right before it stores. Source: api-policy 3.3.
 */
export const rbacEscalation: Admission = (api, write, { user }) => {
  const { kind, verb, object, old } = write;
  if (kind.group !== GROUP || verb === "delete" || object === undefined) return;
  if (user.groups.includes(SUPERUSERS)) return;
  return kind.plural === "roles" || kind.plural === "clusterroles"
    ? checkRole(api, write, user, object, old)
    : checkBinding(api, write, user, object);
};

async function checkRole(
  api: Api,
  { kind, namespace, name }: Write,
  user: User,
  object: AnyObject,
  old: AnyObject | undefined,
): Promise<void> {
  const role = object as V1Role & V1ClusterRole;
  const previous = old as (V1Role & V1ClusterRole) | undefined;
  if (await allows(api, user, "escalate", kind.plural, namespace, name)) return;
  if (role.aggregationRule !== undefined || previous?.aggregationRule !== undefined) {
    const missing = await notHeld(api, user, namespace, FULL_AUTHORITY);
    if (missing.length > 0) {
      throw forbidden(kind, name, "must have cluster-admin privileges to use the aggregationRule");
    }
  }
  // What somebody else has granted may stay as it is.
  if (previous !== undefined && deepEqual(previous.rules, role.rules)) return;
  await requireHeld(api, kind, name, user, namespace, role.rules ?? []);
}

async function checkBinding(
  api: Api,
  { kind, namespace, name }: Write,
  user: User,
  object: AnyObject,
): Promise<void> {
  const { roleRef } = object as unknown as V1RoleBinding;
  // What is not a reference is for validation to say.
  if (!roleRef?.name || (roleRef.kind !== "Role" && roleRef.kind !== "ClusterRole")) return;
  const plural = roleRef.kind === "Role" ? "roles" : "clusterroles";
  if (await allows(api, user, "bind", plural, namespace, roleRef.name)) return;
  const rules = await api.authorizer.rbac.rulesOfRole(namespace ?? "", roleRef);
  // The kind of the binding and the name of the role: so it is in Kubernetes.
  if (rules === undefined) throw notFound(kind, roleRef.name);
  await requireHeld(api, kind, name, user, namespace, rules);
}

async function allows(
  api: Api,
  user: User,
  verb: string,
  plural: string,
  namespace: string | undefined,
  name: string,
): Promise<boolean> {
  const resource = { group: GROUP, version: "v1", plural, namespace, name };
  return (await api.authorizer.authorize({ user, verb, resource })).allowed;
}

async function notHeld(
  api: Api,
  user: User,
  namespace: string | undefined,
  wanted: readonly V1PolicyRule[],
): Promise<V1PolicyRule[]> {
  const { rules } = await api.authorizer.rbac.rulesFor(user, namespace);
  return uncovered(rules, wanted);
}

async function requireHeld(
  api: Api,
  kind: Kind,
  name: string,
  user: User,
  namespace: string | undefined,
  wanted: readonly V1PolicyRule[],
): Promise<void> {
  const { rules, missing: ghosts } = await api.authorizer.rbac.rulesFor(user, namespace);
  const missing = uncovered(rules, wanted);
  if (missing.length === 0) return;
  const who = `user ${quoteText(user.name)} (groups=${quotedList(user.groups)})`;
  const lines = missing.map(ruleInWords).sort();
  const errors = [
    ...new Set(ghosts.map(({ roleRef }) => `${qualifiedResource(kind)} "${roleRef.name}" not found`)),
  ];
  const unresolved = errors.length === 0 ? "" : `; resolution errors: [${errors.join(", ")}]`;
  const why = `${who} is attempting to grant RBAC permissions not currently held:\n${lines.join("\n")}${unresolved}`;
  throw forbidden(kind, name, why);
}
