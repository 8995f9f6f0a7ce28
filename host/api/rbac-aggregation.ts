import { deepEqual } from "../apimachinery/copy.ts";
import { labelSelectorFromObject, matches } from "../apimachinery/selectors.ts";
import type { V1ClusterRole, V1PolicyRule } from "./generated/types.ts";

/**
 * The rules of a role that aggregates others: selector by selector, the matching roles by name, equal rules once.
 * Source: kube-controller-manager's clusterrole-aggregation-controller (controllers.md 14.7).
 */
export function aggregatedRules(role: V1ClusterRole, all: readonly V1ClusterRole[]): V1PolicyRule[] {
  const rules: V1PolicyRule[] = [];
  for (const one of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const selector = labelSelectorFromObject(one);
    const found = all
      .filter(({ metadata }) => metadata?.name !== role.metadata?.name && matches(selector, metadata?.labels))
      .sort((a, b) => ((a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1));
    for (const { rules: its = [] } of found)
      for (const rule of its) if (!rules.some((known) => deepEqual(known, rule))) rules.push(rule);
  }
  return rules;
}
