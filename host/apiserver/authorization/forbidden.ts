import { ApiError } from "../../apimachinery/errors.ts";
import type { Attributes } from "./attributes.ts";

const HTML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** The 403 of a refused request, in Kubernetes' words (api-policy 3.1). */
export function forbiddenError({ user, verb, resource, path }: Attributes, reason: string): ApiError {
  const because = reason === "" ? "" : `: ${reason}`;
  // Browsers may show it: the part that repeats the request must not be markup.
  const said = (text: string) => `${text.replace(/[&<>]/g, (char) => HTML[char]!)}${because}`;
  if (resource === undefined) {
    return new ApiError(
      "Forbidden",
      `forbidden: ${said(`User "${user.name}" cannot ${verb} path "${path}"`)}`,
      {},
    );
  }
  const { group, plural, namespace, name, subresource } = resource;
  const qualified = group === "" ? plural : `${plural}.${group}`;
  const what = name ? `${qualified} "${name}"` : qualified;
  const full = subresource ? `${plural}/${subresource}` : plural;
  const where = namespace ? `in the namespace "${namespace}"` : "at the cluster scope";
  const text = `User "${user.name}" cannot ${verb} resource "${full}" in API group "${group}" ${where}`;
  return new ApiError("Forbidden", `${what} is forbidden: ${said(text)}`, {
    ...(name ? { name } : {}),
    ...(group === "" ? {} : { group }),
    kind: plural,
  });
}
