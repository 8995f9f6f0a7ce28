import { deepCopy, isObject, setOwn } from "../../apimachinery/copy.ts";
import { MAX_OBJECT_BYTES, objectTooLarge } from "../../apimachinery/errors.ts";
import {
  additionalOf,
  isEmbedded,
  itemsOf,
  memberOf,
  preserves,
  propertyOf,
  type Structural,
} from "./structural-schema.ts";

/** Kubernetes stops counting unknown fields here. */
const MAX_UNKNOWN_FIELDS = 100;
const EMBEDDED = new Set(["apiVersion", "kind", "metadata"]);

/**
 * A custom resource's value as it is stored: nulls that may not be are dropped, defaults filled in, unknown fields pruned.
 * Works on a copy. Source: apiextensions-apiserver pkg/apiserver/schema/{defaulting,pruning}; api-policy 7.2.
 *
 * @param unknown  gets the paths of what was dropped: `spec.foo`, `spec.list[0].foo`
 */
export function settle(schema: Structural, value: unknown, unknown: string[]): unknown {
  const copy = deepCopy(value);
  fillDefaults(schema, copy, { left: MAX_OBJECT_BYTES });
  return prune(schema, copy, "", unknown, false);
}

/** What defaults may still add: a short list of nulls must not become more than can be stored. */
interface Room {
  left: number;
}

function defaultOf({ default: value }: Structural, room: Room): unknown {
  if (typeof value !== "object" || value === null) room.left -= 8;
  else {
    let size = sizes.get(value);
    if (size === undefined) {
      size = JSON.stringify(value).length;
      sizes.set(value, size);
    }
    room.left -= size;
  }
  if (room.left < 0) throw objectTooLarge();
  return deepCopy(value);
}

const sizes = new WeakMap<object, number>();

function fillDefaults(schema: Structural, value: unknown, room: Room): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items === undefined) return;
    for (const [index, item] of value.entries()) {
      if (item === null && items.nullable !== true && items.default !== undefined)
        value[index] = defaultOf(items, room);
      fillDefaults(items, value[index], room);
    }
    return;
  }
  if (!isObject(value)) return;
  for (const name of Object.keys(value)) {
    const member = memberOf(schema, name);
    // A null that may not be one counts as not said.
    if (member !== undefined && value[name] === null && member.nullable !== true) {
      if (member.default === undefined || propertyOf(schema, name) === undefined) delete value[name];
    }
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const present = Object.hasOwn(value, name) ? value[name] : undefined;
    const isMissing = present === undefined || (present === null && property.nullable !== true);
    if (isMissing && property.default !== undefined) setOwn(value, name, defaultOf(property, room));
  }
  for (const name of Object.keys(value)) {
    const member = memberOf(schema, name);
    if (member !== undefined) fillDefaults(member, value[name], room);
  }
}

function prune(schema: Structural, value: unknown, path: string, unknown: string[], keeps: boolean): unknown {
  const keepsHere = keeps || preserves(schema);
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items === undefined) return value;
    return value.map((item, index) => prune(items, item, `${path}[${index}]`, unknown, false));
  }
  if (!isObject(value)) return value;
  const kept: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const at = path === "" ? name : `${path}.${name}`;
    const type = propertyOf(schema, name) ?? additionalOf(schema);
    if (type !== undefined) setOwn(kept, name, prune(type, member, at, unknown, false));
    else if (keepsHere || (isEmbedded(schema) && EMBEDDED.has(name))) setOwn(kept, name, member);
    else if (unknown.length < MAX_UNKNOWN_FIELDS) unknown.push(at);
  }
  return kept;
}
