import type { V1APIService } from "../../api/generated/types.ts";
import type { Api } from "../api.ts";
import type { RequestInfo } from "../http/request-info.ts";

/** Who answers a request, when it is not this server: of a path below `/apis/<group>/<version>`, or for its document. */
export function remoteOf(
  { apiServices }: Pick<Api, "apiServices">,
  { path, query }: RequestInfo,
): { readonly service: V1APIService; readonly isAvailable: boolean; readonly path?: string } | undefined {
  if (apiServices.versions.length === 0) return undefined;
  const [, document, group = "", version = ""] = /^(\/openapi\/v3)?\/apis\/([^/]+)\/([^/]+)/.exec(path) ?? [];
  const found = apiServices.find(group, version);
  if (found === undefined || document === undefined) return found;
  const hash = query.get("hash");
  return { ...found, path: hash === null ? path : `${path}?hash=${encodeURIComponent(hash)}` };
}
