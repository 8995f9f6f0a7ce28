import type {
  V1ClusterRole,
  V1ClusterRoleBinding,
  V1Role,
  V1RoleBinding,
} from "../../../api/generated/types.ts";
import { aggregatedRules } from "../../../api/rbac-aggregation.ts";
import { DEFAULT_FEATURE_GATES } from "../../../apimachinery/feature-gates.ts";
import { CLUSTER_ROLES } from "./cluster-roles.ts";
import { CONTROLLER_ROLES } from "./controller-roles.ts";
import { NAMESPACE_ROLES } from "./namespace-roles.ts";
import { POD_GROUP_RULES } from "./pod-group-rules.ts";
import { parseRules, parseSubject, type RoleText } from "./policy-text.ts";

export interface BootstrapPolicy {
  readonly clusterRoles: readonly V1ClusterRole[];
  readonly clusterRoleBindings: readonly V1ClusterRoleBinding[];
  readonly roles: readonly V1Role[];
  readonly roleBindings: readonly V1RoleBinding[];
}

const RBAC = "rbac.authorization.k8s.io";
const API_VERSION = `${RBAC}/v1`;
export const AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate";
const DEFAULTS = { "kubernetes.io/bootstrapping": "rbac-defaults" };

/** The roles and bindings that are there from the start, as they should be (api-policy 3.4). */
export function bootstrapPolicy(gates = DEFAULT_FEATURE_GATES): BootstrapPolicy {
  const groups = gates.GenericWorkload ? POD_GROUP_RULES : undefined;
  const texts: RoleText[] = [
    ...CLUSTER_ROLES.map((role) => ({
      ...role,
      rules: together(role.rules, groups?.clusterRoles[role.name]),
    })),
    ...Object.entries({ ...CONTROLLER_ROLES, ...groups?.controllerRoles }).map(([name, rules]) => ({
      name: `system:controller:${name}`,
      rules,
      boundTo: [`ServiceAccount kube-system/${name}`],
    })),
  ];
  return {
    clusterRoles: aggregated(texts.map(clusterRole)),
    clusterRoleBindings: texts.flatMap(clusterRoleBinding),
    roles: NAMESPACE_ROLES.map(({ namespace, name, rules }) => ({
      apiVersion: API_VERSION,
      kind: "Role",
      metadata: metadata(name, namespace),
      rules: parseRules(rules),
    })),
    roleBindings: NAMESPACE_ROLES.map(({ namespace, name, bindingName = name, boundTo = [] }) => ({
      apiVersion: API_VERSION,
      kind: "RoleBinding",
      metadata: metadata(bindingName, namespace),
      roleRef: { apiGroup: RBAC, kind: "Role", name },
      subjects: boundTo.map(parseSubject),
    })),
  };
}

function together(rules: string | undefined, more: string | undefined): string | undefined {
  return rules === undefined || more === undefined ? rules : `${rules};${more}`;
}

function metadata(name: string, namespace?: string, label?: string) {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: {
      ...DEFAULTS,
      ...(label === undefined ? {} : { [`rbac.authorization.k8s.io/${label}`]: "true" }),
    },
    annotations: { [AUTOUPDATE]: "true" },
  };
}

function clusterRole({ name, label, aggregates, rules }: RoleText): V1ClusterRole {
  return {
    apiVersion: API_VERSION,
    kind: "ClusterRole",
    metadata: metadata(name, undefined, label),
    ...(aggregates === undefined
      ? {}
      : {
          aggregationRule: {
            clusterRoleSelectors: [{ matchLabels: { [`rbac.authorization.k8s.io/${aggregates}`]: "true" } }],
          },
        }),
    rules: rules === undefined ? [] : parseRules(rules),
  };
}

function clusterRoleBinding({ name, boundTo }: RoleText): V1ClusterRoleBinding[] {
  if (boundTo === undefined) return [];
  return [
    {
      apiVersion: API_VERSION,
      kind: "ClusterRoleBinding",
      metadata: metadata(name),
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name },
      ...(boundTo.length === 0 ? {} : { subjects: boundTo.map(parseSubject) }),
    },
  ];
}

/**
 * Roles that aggregate others begin with their rules, so that they hold before any controller runs. `edit` takes in
 * `view`, and `admin` takes in `edit`: as many rounds as there are roles to fill reach the end of every such chain.
 */
function aggregated(roles: readonly V1ClusterRole[]): V1ClusterRole[] {
  let filled = [...roles];
  for (const { aggregationRule } of roles) {
    if (aggregationRule === undefined) continue;
    filled = filled.map((role) =>
      role.aggregationRule === undefined ? role : { ...role, rules: aggregatedRules(role, filled) },
    );
  }
  return filled;
}
