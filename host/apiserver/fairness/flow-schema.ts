import type * as t from "../../api/generated/types.ts";
import type { User } from "../api.ts";
import type { Attributes } from "../authorization/attributes.ts";

/** What is decided by, ready to be asked: one FlowSchema whose level is there. */
export interface Flows {
  readonly name: string;
  readonly uid: string;
  readonly spec: t.V1FlowSchemaSpec;
}

/** The order in which schemas are asked: by precedence, then by name. */
export function bySchemaOrder(a: Flows, b: Flows): number {
  const difference = (a.spec.matchingPrecedence ?? 1000) - (b.spec.matchingPrecedence ?? 1000);
  return difference !== 0 ? difference : a.name < b.name ? -1 : 1;
}

/** The rules of a schema that speak of a user. */
export function rulesFor(user: User, { spec }: Flows): readonly t.V1PolicyRulesWithSubjects[] {
  return (spec.rules ?? []).filter(({ subjects }) => subjects.some((one) => isSubject(user, one)));
}

function isSubject(user: User, subject: t.FlowcontrolV1Subject): boolean {
  switch (subject.kind) {
    case "User":
      return subject.user?.name === ALL || subject.user?.name === user.name;
    case "Group":
      return subject.group?.name === ALL || user.groups.includes(subject.group?.name ?? "");
    case "ServiceAccount": {
      const { namespace = "", name = "" } = subject.serviceAccount ?? {};
      const prefix = `system:serviceaccount:${namespace}:`;
      return name === ALL ? user.name.startsWith(prefix) : user.name === prefix + name;
    }
    default:
      return false;
  }
}

/** Whether a rule speaks of what is asked. Source: k8s.io/apiserver/pkg/util/flowcontrol/rule.go. */
export function ruleMatches(
  { resourceRules = [], nonResourceRules = [] }: t.V1PolicyRulesWithSubjects,
  { verb, path = "", resource }: Attributes,
): boolean {
  if (resource === undefined)
    return nonResourceRules.some(
      ({ verbs, nonResourceURLs }) => has(verbs, verb) && nonResourceURLs.some((url) => isUrl(url, path)),
    );
  const { group, plural, subresource, namespace } = resource;
  const full = subresource ? `${plural}/${subresource}` : plural;
  return resourceRules.some(
    ({ verbs, apiGroups, resources, clusterScope, namespaces }) =>
      has(verbs, verb) &&
      has(apiGroups, group) &&
      has(resources, full) &&
      (namespace ? has(namespaces, namespace) : clusterScope === true),
  );
}

/** The flow within its schema: whose requests wait in turn with those of others. */
export function distinguisherOf({ spec }: Flows, { user, resource }: Attributes): string {
  switch (spec.distinguisherMethod?.type) {
    case "ByUser":
      return user.name;
    case "ByNamespace":
      return resource?.namespace ?? "";
    default:
      return "";
  }
}

const ALL = "*";

function has(list: readonly string[] | undefined, item: string): boolean {
  return list?.some((one) => one === ALL || one === item) === true;
}

function isUrl(url: string, path: string): boolean {
  if (url === ALL || url === path) return true;
  return url.endsWith("/*") && path.startsWith(url.slice(0, -1));
}
