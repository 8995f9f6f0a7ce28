import type { RbacV1Subject, V1PolicyRule } from "../../api/generated/types.ts";

/** `rule("get,list", "pods,pods/log", "apps")` */
export function rule(
  verbs: string,
  resources: string,
  apiGroups = "",
  resourceNames?: string[],
): V1PolicyRule {
  return {
    verbs: verbs.split(","),
    apiGroups: apiGroups.split(","),
    resources: resources.split(","),
    ...(resourceNames === undefined ? {} : { resourceNames }),
  };
}

export function users(...names: string[]): RbacV1Subject[] {
  return names.map((name) => ({ kind: "User", name }));
}

/** The reference to a ClusterRole. */
export function bindTo(name: string) {
  return { apiGroup: "", kind: "ClusterRole", name };
}
