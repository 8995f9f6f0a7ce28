import { ClusterRole } from "../api/access-kinds.ts";
import type { V1ClusterRole } from "../api/generated/types.ts";
import { aggregatedRules } from "../api/rbac-aggregation.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import { objectKey } from "../apimachinery/object.ts";
import { type Change, patch } from "./change.ts";
import { controller } from "./runtime.ts";
import { watch } from "./watches.ts";

interface ObservedRole {
  readonly role: V1ClusterRole;
  readonly all: readonly V1ClusterRole[];
}

const NAME = "clusterrole-aggregation-controller";

/** A role with an aggregationRule has the rules of those it selects, and no others (controllers.md 14.7). */
export const clusterRoleAggregationController = controller<ObservedRole>({
  name: NAME,
  watches: [
    // Any role may be, or may have been, part of any that aggregates.
    watch(ClusterRole, (_, informers) =>
      informers
        .get(ClusterRole)
        .lister.list()
        .filter(({ aggregationRule }) => aggregationRule !== undefined)
        .map(objectKey),
    ),
  ],
  observe: (key, { informers }) => {
    const { lister } = informers.get(ClusterRole);
    const role = lister.get(key);
    return role && { role, all: lister.list() };
  },
  reconcile: reconcileClusterRole,
});

export function reconcileClusterRole({ role, all }: ObservedRole): readonly Change[] {
  if (role.aggregationRule === undefined) return [];
  const rules = aggregatedRules(role, all);
  if (deepEqual(rules, role.rules ?? [])) return [];
  const name = role.metadata?.name;
  const body = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name }, rules };
  return [patch(ClusterRole, role, { type: "apply", body, force: true }, { fieldManager: NAME })];
}
