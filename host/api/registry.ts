import * as access from "./access-kinds.ts";
import * as core from "./core-kinds.ts";
import * as extension from "./extension-kinds.ts";
import { apiVersionOf, type Kind } from "./kind.ts";
import * as network from "./network-kinds.ts";
import * as storage from "./storage-kinds.ts";
import * as workload from "./workload-kinds.ts";

/**
 * Every kind that is served by default in Kubernetes 1.36. The files re-exported here have a line per kind; a kind with
 * facts of its own takes its rules from a file beside them; the fields of all come from the generated schema.
 * Source: api-wire 4.1; who may be created by an update and who needs a resourceVersion: api-policy 6.6.
 */
export * from "./access-kinds.ts";
// Those that are served when somebody asks for them: no part of KINDS below.
export * from "./alpha-kinds.ts";
export * from "./core-kinds.ts";
export * from "./extension-kinds.ts";
export * from "./network-kinds.ts";
export * from "./storage-kinds.ts";
export * from "./workload-kinds.ts";

/** The order of `/apis`: kubectl takes the first group that serves an ambiguous name. Source: api-wire 4. */
export const GROUP_ORDER: readonly string[] = [
  "",
  "apiregistration.k8s.io",
  "apps",
  "events.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
  "autoscaling",
  "batch",
  "certificates.k8s.io",
  "networking.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "storage.k8s.io",
  "admissionregistration.k8s.io",
  "apiextensions.k8s.io",
  "scheduling.k8s.io",
  "coordination.k8s.io",
  "node.k8s.io",
  "discovery.k8s.io",
  "resource.k8s.io",
  "flowcontrol.apiserver.k8s.io",
];

/** In the order of discovery: by group, the preferred version first, then by name. */
export const KINDS: readonly Kind[] = [core, workload, network, access, storage, extension]
  .flatMap((room): Kind[] => Object.values(room))
  .sort(
    (a, b) =>
      GROUP_ORDER.indexOf(a.group) - GROUP_ORDER.indexOf(b.group) ||
      compareText(b.version, a.version) ||
      compareText(a.plural, b.plural),
  );

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const byName = new Map(KINDS.map((kind) => [`${apiVersionOf(kind)}/${kind.kind}`, kind]));

/** The kind an object says it is, e.g. `apps/v1`, `Deployment`. */
export function findKindByName(apiVersion: string, kind: string): Kind | undefined {
  return byName.get(`${apiVersion}/${kind}`);
}
