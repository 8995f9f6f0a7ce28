import { isObject, setOwn } from "../copy.ts";
import { ApiError } from "../errors.ts";

/** The directives of strategic merge patches, and the texts of their errors. */
export const PATCH = "$patch";
export const RETAIN_KEYS = "$retainKeys";
export const DELETE_FROM_LIST = "$deleteFromPrimitiveList";
export const SET_ORDER = "$setElementOrder";

export function isDirective(key: string): boolean {
  return (
    key === PATCH || key === RETAIN_KEYS || key.startsWith(DELETE_FROM_LIST) || key.startsWith(SET_ORDER)
  );
}

/** Kubernetes answers a bad directive with 500 and no reason. */
export function patchFailure(message: string): ApiError {
  return new ApiError("", message, {}, 500);
}

/** `$setElementOrder/containers` -> `containers` */
export function listName(key: string, prefix: string, what: string): string {
  const parts = key.split("/");
  if (parts.length !== 2 || parts[0] !== prefix || !parts[1])
    throw patchFailure(`invalid patch format of ${what}`);
  return parts[1];
}

/** What a patch puts where nothing was: directives and nulls of maps have nothing to act on. */
export function dropDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value
      .filter((item) => !isObject(item) || item[PATCH] === undefined || item[PATCH] === "merge")
      .map(dropDirectives);
  }
  if (!isObject(value)) return value;
  const plain: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    if (!isDirective(key) && value[key] !== null) setOwn(plain, key, dropDirectives(value[key]));
  }
  return plain;
}

/** The elements of the patch must stand in the order that `$setElementOrder` gives. */
export function checkOrder(patch: readonly unknown[], order: readonly unknown[], mergeKey?: string): void {
  if (patch.length === 0 || order.length === 0) return;
  const kept = patch.filter((item) => !isObject(item) || item[PATCH] === undefined);
  const identity = (item: unknown) => (mergeKey !== undefined && isObject(item) ? item[mergeKey] : item);
  let next = 0;
  for (const item of order) if (next < kept.length && identity(kept[next]) === identity(item)) next++;
  if (next < kept.length) {
    throw patchFailure(
      `The order in patch list:\n${goText(patch)}\n doesn't match ${SET_ORDER} list:\n${goText(order)}\n`,
    );
  }
}

/** A value as Go's %v prints it: `map[$patch:foo name:zz]`, `[a b]`, `<nil>`. */
export function goText(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (!isObject(value)) return String(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${key}:${goText(value[key])}`);
  return `map[${members.join(" ")}]`;
}
