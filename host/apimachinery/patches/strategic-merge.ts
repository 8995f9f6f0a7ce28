import { getOwn, isObject, setOwn } from "../copy.ts";
import { jsonKind } from "../decode-error.ts";
import { badRequest } from "../errors.ts";
import type { Field, Schema, TypeSchema } from "../schema.ts";
import {
  checkOrder,
  DELETE_FROM_LIST,
  dropDirectives,
  goText,
  isDirective,
  listName,
  PATCH,
  patchFailure,
  RETAIN_KEYS,
  SET_ORDER,
} from "./directives.ts";
import { deleteItems, inOrder, mergePrimitives, placesByKey } from "./list-order.ts";

/**
 * Strategic merge patch: maps are merged, null removes, lists are merged by the key the schema names, or replaced when it
 * names none. Neither argument is changed. Throws ApiError with the texts of
 * k8s.io/apimachinery/pkg/util/strategicpatch.
 *
 *   $patch: replace | delete          this map (or list element, or whole list) instead of merging
 *   $retainKeys: [a, b]               every other key of this map goes
 *   $deleteFromPrimitiveList/f: [x]   x leaves the list f of plain values
 *   $setElementOrder/f: [{name: a}]   the order of f after merging; what only the server has keeps its place as well as can be
 */
export function applyStrategicMerge(schema: Schema, typeName: string, doc: unknown, patch: unknown): unknown {
  if (!isObject(patch)) {
    throw badRequest(
      `json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`,
    );
  }
  return mergeMap({ schema, type: schema.find(typeName) }, isObject(doc) ? doc : {}, patch);
}

/** The type of the map in hand; undefined inside labels and free-form JSON, where nothing is known of the members. */
interface Scope {
  readonly schema: Schema;
  readonly type: TypeSchema | undefined;
}

type JsonMap = Record<string, unknown>;

function mergeMap(scope: Scope, original: JsonMap, patch: JsonMap): JsonMap {
  const directive = getOwn(patch, PATCH);
  if (directive === "delete") return {};
  if (directive === "replace") {
    const { [PATCH]: _, ...replacement } = patch;
    return replacement;
  }
  if (directive !== undefined && directive !== "merge") {
    throw patchFailure(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`);
  }
  const merged = retained({ ...original }, patch);
  const done = mergeOrderedLists(scope, merged, patch);
  for (const key of Object.keys(patch)) {
    if (done.has(key) || key === PATCH || key === RETAIN_KEYS || key.startsWith(SET_ORDER)) continue;
    mergeMember(scope, merged, key, patch[key]);
  }
  return merged;
}

function mergeMember(scope: Scope, merged: JsonMap, key: string, change: unknown): void {
  const isDeletion = key.startsWith(DELETE_FROM_LIST);
  const name = isDeletion ? listName(key, DELETE_FROM_LIST, "primitive list") : key;
  if (change === null) {
    delete merged[name];
    return;
  }
  const current = getOwn(merged, name);
  if (current === undefined || current === null || jsonKind(current) !== jsonKind(change)) {
    if (!isDeletion) setOwn(merged, name, dropDirectives(change));
    return;
  }
  const field = fieldOf(scope, name);
  if (Array.isArray(change)) {
    const list = isDeletion
      ? deleteItems(current as unknown[], change)
      : mergeList(scope, field, current as unknown[], change);
    setOwn(merged, name, list);
  } else if (isObject(change)) {
    const replaces = field?.strategies?.includes("replace") ?? false;
    setOwn(
      merged,
      name,
      replaces ? dropDirectives(change) : mergeMap(inner(scope, field), current as JsonMap, change),
    );
  } else setOwn(merged, name, change);
}

/** `$retainKeys`: what the patch sets must be among the keys; what is not among them goes. */
function retained(original: JsonMap, patch: JsonMap): JsonMap {
  const keys = getOwn(patch, RETAIN_KEYS);
  if (keys === undefined) return original;
  const kept = new Set(Array.isArray(keys) ? keys : []);
  const stray = Object.keys(patch).some((key) => patch[key] !== null && !isDirective(key) && !kept.has(key));
  if (!Array.isArray(keys) || stray) throw patchFailure("invalid patch format of retainKeys");
  for (const key of Object.keys(original)) if (!kept.has(key)) delete original[key];
  return original;
}

/** Handles `$setElementOrder/f` together with the list f of the patch; returns the names that are done. */
function mergeOrderedLists(scope: Scope, merged: JsonMap, patch: JsonMap): Set<string> {
  const done = new Set<string>();
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(SET_ORDER)) continue;
    const name = listName(key, SET_ORDER, "setElementOrder list");
    const order = patch[key];
    const current = getOwn(merged, name);
    const change = getOwn(patch, name);
    if (!Array.isArray(order)) throw patchFailure(`invalid patch format of setElementOrder list`);
    // A list that is removed, or that is no list, is none of our business here.
    if (change === null || (change !== undefined && !Array.isArray(change))) continue;
    if (current !== undefined && current !== null && !Array.isArray(current)) continue;
    const field = fieldOf(scope, name);
    if (change !== undefined) checkOrder(change, order, field?.mergeKey);
    if (!Array.isArray(current) && change === undefined) continue;
    const list = !Array.isArray(current)
      ? (dropDirectives(change) as unknown[])
      : change === undefined
        ? current
        : mergeList(scope, field, current, change);
    setOwn(merged, name, inOrder(list, order, Array.isArray(current) ? current : [], field?.mergeKey));
    done.add(name);
  }
  return done;
}

function mergeList(
  scope: Scope,
  field: Field | undefined,
  original: readonly unknown[],
  patch: readonly unknown[],
): unknown[] {
  if (!field?.strategies?.includes("merge")) return [...patch];
  if (original.length === 0 && patch.length === 0) return [];
  const mixed = [...original, ...patch].map((item) => isObject(item));
  if (mixed.some((isMap) => isMap !== mixed[0])) {
    throw patchFailure(`list element types are not identical: ${goText([original, patch])}`);
  }
  if (!mixed[0]) return mergePrimitives(original, patch);
  const mergeKey = field.mergeKey;
  if (mergeKey === undefined) {
    throw patchFailure(`cannot merge lists without merge key for ${field.type.split(".").at(-1)}`);
  }
  return mergeElements(inner(scope, field), original as JsonMap[], patch as JsonMap[], mergeKey);
}

function mergeElements(
  scope: Scope,
  original: readonly JsonMap[],
  patch: readonly JsonMap[],
  mergeKey: string,
): unknown[] {
  const deleted = new Set<unknown>();
  const changes: JsonMap[] = [];
  let replaces = false;
  for (const element of patch) {
    const directive = getOwn(element, PATCH);
    if (directive === undefined || directive === "merge") changes.push(element);
    else if (directive === "delete") deleted.add(requireKey(element, mergeKey));
    else if (directive === "replace") replaces = true;
    else throw patchFailure(`unknown patch type: ${goText(directive)} in map: ${goText(element)}`);
  }
  if (replaces) return changes;
  const base = original.filter((item) => !deleted.has(item[mergeKey]));
  const merged = [...base];
  const places = placesByKey(merged, mergeKey);
  for (const change of changes) {
    const key = requireKey(change, mergeKey);
    const at = places.get(key);
    if (at !== undefined) merged[at] = mergeMap(scope, merged[at]!, change);
    else {
      places.set(key, merged.length);
      merged.push(dropDirectives(change) as JsonMap);
    }
  }
  return inOrder(merged, changes, base, mergeKey);
}

function requireKey(element: JsonMap, mergeKey: string): unknown {
  const key = getOwn(element, mergeKey);
  if (key === undefined) {
    throw patchFailure(`map: ${goText(element)} does not contain declared merge key: ${mergeKey}`);
  }
  return key;
}

function fieldOf(scope: Scope, name: string): Field | undefined {
  const place = scope.type?.index.get(name);
  return place === undefined ? undefined : scope.type?.fields[place];
}

function inner(scope: Scope, field: Field | undefined): Scope {
  const isStruct = field !== undefined && !field.map && field.type.includes(".");
  const type = isStruct ? scope.schema.find(field.type) : undefined;
  return { schema: scope.schema, type: type?.shape === "struct" ? type : undefined };
}
