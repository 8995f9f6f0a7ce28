import { isObject, setOwn } from "../copy.ts";
import { jsonKind } from "../decode-error.ts";
import { badRequest } from "../errors.ts";

/**
 * JSON merge patch (RFC 7386): objects are merged, null removes, everything else replaces. Neither argument is changed.
 * Throws ApiError 400 when the patch is no object: no Kubernetes object could come of it.
 */
export function applyMergePatch(doc: unknown, patch: unknown): unknown {
  if (!isObject(patch)) {
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`,
    );
  }
  return mergeInto(doc, patch);
}

function mergeInto(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const key of Object.keys(patch)) {
    const change = patch[key];
    if (change === null) delete merged[key];
    else setOwn(merged, key, mergeInto(Object.hasOwn(merged, key) ? merged[key] : undefined, change));
  }
  return merged;
}
