import { isObject, setOwn } from "../copy.ts";
import type { FieldType, ListType } from "./field-type.ts";
import { isHollow, isLeaf, memberType } from "./list-elements.ts";

type Members = Readonly<Record<string, unknown>>;

const ANY: FieldType = { is: "any" };

/**
 * Whether two objects say something of the same fields, whatever they say of them: then their creators own the same. True is
 * certain; false may mean that it takes a closer look to know.
 */
export function haveSameFields(type: FieldType, a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    if (a === undefined || b === undefined || a === null || b === null) return false;
    // What is always owned as a whole may be anything; elsewhere an object would be more than its name.
    return type.is === "scalar" || type.is === "any" || typeof a === typeof b;
  }
  if (Array.isArray(a) !== Array.isArray(b) || isHollow(a) !== isHollow(b)) return false;
  if (isLeaf(type, a) || isLeaf(type, b)) return isLeaf(type, a) && isLeaf(type, b);
  if (!Array.isArray(a)) return haveSameMembers(type, a as Members, b as Members);
  return haveSameItems(type, a, b as readonly unknown[]);
}

function haveSameMembers(type: FieldType, a: Members, b: Members): boolean {
  let more = 0;
  for (const name in a) {
    more++;
    if (!Object.hasOwn(b, name) || !haveSameFields(memberType(type, name) ?? ANY, a[name], b[name]))
      return false;
  }
  for (const _ in b) more--;
  return more === 0;
}

/** The same items in the same order: their names are fields. */
function haveSameItems(type: FieldType, a: readonly unknown[], b: readonly unknown[]): boolean {
  if (type.is !== "list" || a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) {
    const [one, other] = [a[at], b[at]];
    // An item of a set is its own name.
    if (type.keys.length === 0 && one !== other) return false;
    for (const { name } of type.keys)
      if (!isObject(one) || !isObject(other) || one[name] !== other[name]) return false;
    if (!haveSameFields(type.element, one, other)) return false;
  }
  return true;
}

/** A copy that has the same fields, and of what they hold just what names items. */
export function outlineOf(type: FieldType, value: unknown): unknown {
  if (typeof value === "string") return "";
  if (typeof value !== "object" || value === null) return value;
  if (isHollow(value)) return Array.isArray(value) ? [] : {};
  if (isLeaf(type, value)) return Array.isArray(value) ? [0] : { "": 0 };
  if (Array.isArray(value)) return type.is === "list" ? value.map((item) => outlineOfItem(type, item)) : [0];
  const outline: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value))
    setOwn(outline, name, outlineOf(memberType(type, name) ?? ANY, member));
  return outline;
}

function outlineOfItem({ keys, element }: ListType, item: unknown): unknown {
  if (keys.length === 0) return nameOf(item);
  const outline = outlineOf(element, item);
  // An item may be owned as a whole, as references to owners are, and is still told from others by its keys.
  if (isObject(outline) && isObject(item))
    for (const { name } of keys) if (item[name] !== undefined) setOwn(outline, name, nameOf(item[name]));
  return outline;
}

/** What is no scalar is like no other. */
function nameOf(value: unknown): unknown {
  return typeof value === "object" ? {} : value;
}
