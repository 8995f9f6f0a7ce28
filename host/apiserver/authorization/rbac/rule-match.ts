import type { V1PolicyRule } from "../../../api/generated/types.ts";
import type { Attributes } from "../attributes.ts";

const ALL = "*";

function has(list: readonly string[] | undefined, item: string): boolean {
  return list?.some((one) => one === ALL || one === item) === true;
}

/** Whether the rule allows what is asked. Source: k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac (api-policy 3.2). */
export function ruleAllows(rule: V1PolicyRule, { verb, resource, path = "" }: Attributes): boolean {
  if (!has(rule.verbs, verb)) return false;
  if (resource === undefined) return rule.nonResourceURLs?.some((url) => urlMatches(url, path)) === true;
  const { group, plural, subresource, name } = resource;
  return (
    has(rule.apiGroups, group) &&
    resourceMatches(rule.resources, plural, subresource) &&
    (!rule.resourceNames?.length || (name !== undefined && rule.resourceNames.includes(name)))
  );
}

function urlMatches(url: string, path: string): boolean {
  if (url === ALL || url === path) return true;
  return url.endsWith(ALL) && path.startsWith(url.replace(/\*+$/, ""));
}

/** `pods` does not cover `pods/log`, and `pods/*` is no pattern; `*` covers all of both, and `*\/log` every log. */
function resourceMatches(
  resources: readonly string[] | undefined,
  plural: string,
  subresource: string | undefined,
): boolean {
  const full = subresource ? `${plural}/${subresource}` : plural;
  return (
    resources?.some((one) => one === ALL || one === full || (subresource && one === `*/${subresource}`)) ===
    true
  );
}
