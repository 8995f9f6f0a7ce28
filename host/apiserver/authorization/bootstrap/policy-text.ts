import type { RbacV1Subject, V1PolicyRule } from "../../../api/generated/types.ts";

/**
 * Bootstrap roles in the sheet's shorthand. Rules are separated by `;`, blanks and line ends are alike.
 *
 *   core/{pods pods/log}:RO                 groups/{resources}:verbs
 *   apps+extensions/{deployments}:get       two groups
 *   core/{configmaps}[kube-root]:update     only the objects of these names
 *   URL{/healthz /version}:get              paths
 *   EV                                      may write events, of both groups
 */
export interface RoleText {
  readonly name: string;
  /** `aggregate-to-view`: which roles take its rules in. */
  readonly label?: string;
  /** `aggregate-to-view`: whose rules it takes in. */
  readonly aggregates?: string;
  /** `Group system:masters`, `User x`, `ServiceAccount namespace/name`; absent: there is no binding. */
  readonly boundTo?: readonly string[];
  readonly rules?: string;
}

const GROUPS: Readonly<Record<string, string>> = {
  core: "",
  rbac: "rbac.authorization.k8s.io",
  authz: "authorization.k8s.io",
  authn: "authentication.k8s.io",
  certs: "certificates.k8s.io",
  net: "networking.k8s.io",
  disc: "discovery.k8s.io",
  coord: "coordination.k8s.io",
  res: "resource.k8s.io",
  sched: "scheduling.k8s.io",
  admreg: "admissionregistration.k8s.io",
  storage: "storage.k8s.io",
};

const READ = ["get", "list", "watch"];
const WRITE = ["create", "delete", "deletecollection", "patch", "update"];
const VERBS: Readonly<Record<string, readonly string[]>> = {
  RO: READ,
  RW: WRITE,
  RWX: [...READ, ...WRITE],
};
const EVENTS = "core+events.k8s.io/{events}:create,patch,update";

export function parseRules(text: string): V1PolicyRule[] {
  return text
    .split(";")
    .map((rule) => rule.trim())
    .filter(Boolean)
    .map((rule) => parseRule(rule === "EV" ? EVENTS : rule));
}

const RULE = /^(?:(?<groups>[^{]+)\/|(?<url>URL))\{(?<what>[^}]*)\}(?:\[(?<names>[^\]]*)\])?:(?<verbs>\S+)$/;

/** Lists are sorted, as the server's own rule builder does it. */
function parseRule(text: string): V1PolicyRule {
  const found = RULE.exec(text)?.groups;
  if (found === undefined) throw new Error(`not a rule: ${text}`);
  const { groups, what = "", names, verbs = "" } = found;
  const words = (list: string) => list.split(/\s+/).filter(Boolean).sort();
  const rule: V1PolicyRule = { verbs: verbs.split(",").flatMap((verb) => VERBS[verb] ?? [verb]) };
  rule.verbs = [...new Set(rule.verbs)].sort();
  if (groups === undefined) return { verbs: rule.verbs, nonResourceURLs: words(what) };
  rule.apiGroups = groups
    .split("+")
    .map((group) => GROUPS[group] ?? group)
    .sort();
  rule.resources = words(what);
  if (names !== undefined) rule.resourceNames = words(names);
  return rule;
}

export function parseSubject(text: string): RbacV1Subject {
  const [kind = "", name = ""] = text.split(" ");
  if (kind !== "ServiceAccount") return { apiGroup: "rbac.authorization.k8s.io", kind, name };
  const [namespace, account = ""] = name.split("/");
  return { kind, name: account, namespace };
}
