import { Namespace } from "../../../api/core-kinds.ts";
import type { V1LabelSelector, V1NamedRuleWithOperations } from "../../../api/generated/types.ts";
import type { Kind } from "../../../api/kind.ts";
import { notFound } from "../../../apimachinery/errors.ts";
import { type Labels, labelSelectorFromObject, matches } from "../../../apimachinery/selectors.ts";
import type { Api } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import { oneOf } from "../look-up.ts";
import { type Operation, versionsOf } from "./operation.ts";

/** What a webhook or a policy says of the writes it is for. */
export interface Criteria {
  readonly rules: readonly V1NamedRuleWithOperations[];
  readonly excluded?: readonly V1NamedRuleWithOperations[];
  readonly matchPolicy?: string;
  readonly namespaceSelector?: V1LabelSelector;
  readonly objectSelector?: V1LabelSelector;
}

/**
 * The version in which a write is shown to those who have these criteria: the one that was asked for where a rule names it, else,
 * with matchPolicy Equivalent, another one of the same objects. undefined: it is not for them. Source: api-policy 4.8, 4.9.
 */
export async function matchingVersion(
  api: Api,
  criteria: Criteria,
  operation: Operation,
  object: AnyObject | undefined,
): Promise<Kind | undefined> {
  const version = versionByRules(api, criteria, operation);
  if (version === undefined) return undefined;
  if (!matchesObject(criteria.objectSelector, operation, object)) return undefined;
  return (await matchesNamespace(api, criteria.namespaceSelector, operation, object)) ? version : undefined;
}

/** @returns undefined when no rule is for it, or one excludes it */
export function versionByRules(api: Api, criteria: Criteria, operation: Operation): Kind | undefined {
  const { rules, excluded = [], matchPolicy } = criteria;
  const versions = matchPolicy === "Exact" ? [operation.asked] : versionsOf(operation, api.kinds.all);
  const find = (among: Criteria["rules"]) =>
    versions.find((kind) => among.some((rule) => matchesRule(rule, operation, kind)));
  return find(excluded) === undefined ? find(rules) : undefined;
}

function matchesRule(rule: V1NamedRuleWithOperations, operation: Operation, kind: Kind): boolean {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], resourceNames = [] } = rule;
  return (
    includes(operations, operation.name) &&
    includes(apiGroups, kind.group) &&
    includes(apiVersions, kind.version) &&
    resources.some((one) => matchesResource(one, kind.plural, operation.subresource ?? "")) &&
    matchesScope(rule.scope, operation) &&
    (resourceNames.length === 0 || resourceNames.includes(operation.objectName))
  );
}

function includes(said: readonly string[], one: string): boolean {
  return said.includes("*") || said.includes(one);
}

// `pods`, `pods/log`, `pods/*`, `*`, `*/scale`; without a slash no subresource is meant.
function matchesResource(pattern: string, plural: string, subresource: string): boolean {
  const [resource = "", sub = ""] = pattern.split("/");
  return (resource === "*" || resource === plural) && (sub === "*" || sub === subresource);
}

function matchesScope(scope: string | undefined, { asked }: Operation): boolean {
  if (scope === "Namespaced") return asked.namespaced;
  return scope === "Cluster" ? !asked.namespaced : true;
}

/** The new labels or the old ones; what has no labels only an empty selector takes. */
function matchesObject(
  selector: V1LabelSelector | undefined,
  { old }: Operation,
  object: AnyObject | undefined,
): boolean {
  if (isEmpty(selector)) return true;
  const wanted = labelSelectorFromObject(selector);
  return [object, old].some((one) => one?.metadata !== undefined && matches(wanted, one.metadata.labels));
}

async function matchesNamespace(
  api: Api,
  selector: V1LabelSelector | undefined,
  operation: Operation,
  object: AnyObject | undefined,
): Promise<boolean> {
  if (isEmpty(selector) || operation.namespace === undefined) return true;
  const labels = await namespaceLabels(api, operation, object);
  return matches(labelSelectorFromObject(selector), labels);
}

/** A namespace that is written counts as it is going to be: nobody else knows it yet. */
async function namespaceLabels(
  api: Api,
  { asked, namespace = "", name, subresource }: Operation,
  object: AnyObject | undefined,
): Promise<Labels | undefined> {
  const isWritten = !asked.namespaced && subresource === undefined && name !== "DELETE";
  if (isWritten) return object?.metadata?.labels;
  const found = await oneOf(api, Namespace, namespace);
  if (found === undefined) throw notFound(Namespace, namespace);
  return found.metadata?.labels;
}

function isEmpty(selector: V1LabelSelector | undefined): boolean {
  return !selector?.matchExpressions?.length && Object.keys(selector?.matchLabels ?? {}).length === 0;
}
