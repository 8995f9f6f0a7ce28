import type { RequestInfo } from "../http/request-info.ts";
import { isTrue } from "../http/request-info.ts";
import type { ServedKinds } from "../served-kinds.ts";

/** What kube-apiserver tells its requests apart by. Source: k8s.io/apiserver/pkg/endpoints/metrics. */
export interface RequestLabels {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** Of one object, of a namespace, of the whole cluster; "" for paths. */
  readonly scope: string;
  readonly dryRun: string;
}

const METHODS = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]);
const VERBS: Readonly<Record<string, string>> = {
  get: "GET",
  list: "LIST",
  watch: "WATCH",
  create: "POST",
  update: "PUT",
  patch: "PATCH",
  delete: "DELETE",
  deletecollection: "DELETECOLLECTION",
  proxy: "CONNECT",
};
const CONNECTING = new Set(["attach", "exec", "portforward", "proxy"]);
/** Paths that are told apart; of others only that they were asked for. */
const PATHS = new Set([
  "/api",
  "/apis",
  "/healthz",
  "/livez",
  "/readyz",
  "/metrics",
  "/version",
  "/openapi/v2",
  "/openapi/v3",
]);

/** Every value comes from here or from the kinds that are served: what a stranger makes up has no series of its own. */
export function requestLabels(
  kinds: ServedKinds,
  info: RequestInfo | undefined,
  method: string,
  contentType: string | undefined,
): RequestLabels {
  const { resource, verb, query, path } = info ?? {};
  const kind = resource && kinds.find(resource.group, resource.version, resource.plural);
  if (resource === undefined || kind === undefined) {
    const known = path !== undefined && PATHS.has(path) ? path : "";
    const shown = METHODS.has(method) ? method : "other";
    return { ...NOTHING, verb: shown, subresource: known };
  }
  const isDeclared = kind.subresources.some(({ name }) => name === resource.subresource);
  const subresource = isDeclared ? (resource.subresource ?? "") : "";
  const isApply = verb === "patch" && contentType?.startsWith("application/apply-patch") === true;
  return {
    verb: CONNECTING.has(subresource) ? "CONNECT" : isApply ? "APPLY" : (VERBS[verb ?? ""] ?? "other"),
    group: kind.group,
    version: kind.version,
    resource: kind.plural,
    subresource,
    scope:
      resource.name !== undefined || verb === "create"
        ? "resource"
        : resource.namespace !== undefined
          ? "namespace"
          : "cluster",
    dryRun: query?.has("dryRun") && !isTrue(query.get("watch")) ? "All" : "",
  };
}

const NOTHING: RequestLabels = {
  verb: "",
  group: "",
  version: "",
  resource: "",
  subresource: "",
  scope: "",
  dryRun: "",
};
