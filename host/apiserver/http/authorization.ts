import { ApiError } from "../../apimachinery/errors.ts";
import type { User } from "../api.ts";
import { isAnonymous, unauthorized } from "./authentication.ts";
import type { RequestInfo } from "./request-info.ts";

const PUBLIC = /^\/(livez|readyz|healthz|version)(\/|$)/;
const DISCOVERY = /^\/(api|apis|openapi|version|livez|readyz|healthz)(\/|$)|^\/$/;

/**
 * Who may do what, until roles exist: system:masters everything, anybody authenticated the discovery paths, anybody
 * at all the health paths. The place where RBAC will be asked. Texts: api-policy 3.1.
 */
export function authorize(user: User, info: RequestInfo): void {
  if (user.groups.includes("system:masters")) return;
  const reads = info.verb === "get" || info.verb === "head";
  if (info.resource === undefined && reads) {
    if (PUBLIC.test(info.path)) return;
    if (!isAnonymous(user) && DISCOVERY.test(info.path)) return;
  }
  if (isAnonymous(user)) throw unauthorized();
  throw denied(user, info);
}

function denied(user: User, { verb, path, resource }: RequestInfo): ApiError {
  if (resource === undefined) {
    return new ApiError("Forbidden", `forbidden: User "${user.name}" cannot ${verb} path "${path}"`, {});
  }
  const { group, plural, namespace, name, subresource } = resource;
  const qualified = group === "" ? plural : `${plural}.${group}`;
  const what = name === undefined ? qualified : `${qualified} "${name}"`;
  const full = subresource === undefined ? plural : `${plural}/${subresource}`;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  return new ApiError(
    "Forbidden",
    `${what} is forbidden: User "${user.name}" cannot ${verb} resource "${full}" in API group "${group}" ${where}`,
    { ...(name ? { name } : {}), ...(group === "" ? {} : { group }), kind: plural },
  );
}
