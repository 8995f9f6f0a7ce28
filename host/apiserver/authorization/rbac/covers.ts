import type { V1PolicyRule } from "../../../api/generated/types.ts";
import { quoteText } from "../../../apimachinery/field-error.ts";

/**
 * What of `wanted` the rules in `held` do not give, broken down to one group and one resource a rule, the verbs kept
 * together. Source: k8s.io/component-helpers/auth/rbac/validation (api-policy 3.3).
 */
export function uncovered(held: readonly V1PolicyRule[], wanted: readonly V1PolicyRule[]): V1PolicyRule[] {
  const missing = wanted.flatMap(breakdown).filter((one) => !held.some((rule) => covers(rule, one)));
  return compacted(missing);
}

/** One verb, and one resource or one path, of one group and at most one name. */
function breakdown({
  verbs = [],
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: V1PolicyRule): V1PolicyRule[] {
  const single: V1PolicyRule[] = [];
  for (const group of apiGroups)
    for (const resource of resources)
      for (const verb of verbs) {
        const rule = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (resourceNames.length === 0) single.push(rule);
        for (const name of resourceNames) single.push({ ...rule, resourceNames: [name] });
      }
  for (const url of nonResourceURLs)
    for (const verb of verbs) single.push({ verbs: [verb], nonResourceURLs: [url] });
  return single;
}

function covers(held: V1PolicyRule, wanted: V1PolicyRule): boolean {
  return (
    coversAll(held.verbs, wanted.verbs) &&
    coversAll(held.apiGroups, wanted.apiGroups) &&
    (wanted.resources ?? []).every((one) => coversResource(held.resources ?? [], one)) &&
    coversNames(held.resourceNames ?? [], wanted.resourceNames ?? []) &&
    (wanted.nonResourceURLs ?? []).every((one) => coversUrl(held.nonResourceURLs ?? [], one))
  );
}

function coversAll(held: readonly string[] = [], wanted: readonly string[] = []): boolean {
  return held.includes("*") || wanted.every((one) => held.includes(one));
}

function coversResource(held: readonly string[], wanted: string): boolean {
  if (held.includes("*") || held.includes(wanted)) return true;
  const slash = wanted.indexOf("/");
  return slash >= 0 && held.includes(`*${wanted.slice(slash)}`);
}

/** No names: all of them. */
function coversNames(held: readonly string[], wanted: readonly string[]): boolean {
  return held.length === 0 || (wanted.length > 0 && wanted.every((one) => held.includes(one)));
}

function coversUrl(held: readonly string[], wanted: string): boolean {
  return held.some(
    (url) =>
      url === "*" || url === wanted || (url.endsWith("*") && wanted.startsWith(url.replace(/\*+$/, ""))),
  );
}

/** Rules that differ by their verbs only become one. */
function compacted(rules: readonly V1PolicyRule[]): V1PolicyRule[] {
  const merged = new Map<string, V1PolicyRule>();
  for (const rule of rules) {
    const { verbs, ...rest } = rule;
    // A path is not compacted: Kubernetes shows these one by one.
    const key = JSON.stringify(rule.nonResourceURLs === undefined ? rest : rule);
    const known = merged.get(key);
    if (known === undefined) merged.set(key, { ...rule, verbs: [...verbs] });
    else if (!known.verbs.includes(verbs[0]!)) known.verbs.push(verbs[0]!);
  }
  return [...merged.values()];
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "delete"]}` */
export function ruleInWords(rule: V1PolicyRule): string {
  const parts: [string, readonly string[] | undefined][] = [
    ["APIGroups", rule.apiGroups],
    ["Resources", rule.resources],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["ResourceNames", rule.resourceNames],
    ["Verbs", rule.verbs],
  ];
  const words = parts.flatMap(([name, list]) => (list?.length ? [`${name}:${quotedList(list)}`] : []));
  return `{${words.join(", ")}}`;
}

/** Go's `%q` of a list: `["a" "b"]`. */
export function quotedList(list: readonly string[]): string {
  return `[${list.map(quoteText).join(" ")}]`;
}
