import { getOwn, isObject } from "../copy.ts";
import type { FieldType, ListType } from "./field-type.ts";

/** Whether a value is owned as a whole: a scalar, something atomic, or something that is not what its type says. */
export function isLeaf(type: FieldType, value: unknown): boolean {
  switch (type.is) {
    case "scalar":
    case "any":
      return true;
    case "deduced":
      return !isObjectOrNothing(value);
    case "list":
      return type.relation === "atomic" || !isListOrNothing(value);
    default:
      return type.atomic || !isObjectOrNothing(value);
  }
}

function isListOrNothing(value: unknown): boolean {
  return value === undefined || value === null || Array.isArray(value);
}

function isObjectOrNothing(value: unknown): boolean {
  return value === undefined || value === null || isObject(value);
}

/** Absent, null, or without anything inside. */
export function isHollow(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}

/** The type of a field or of a map's value; undefined when the struct has no such field. */
export function memberType(type: FieldType, name: string): FieldType | undefined {
  if (type.is === "map") return type.element;
  if (type.is === "deduced") return type;
  return type.is === "struct" ? type.field(name)?.type : undefined;
}

const MAX_NAMES = 10_000;
const elements = new Map<string, string>();

/** `f:spec`. Names of fields come back all the time: the first 10,000 are kept, since V8 would hash a new string each time. */
export function fieldElement(name: string): string {
  let element = elements.get(name);
  if (element === undefined) {
    element = `f:${name}`;
    if (elements.size < MAX_NAMES) elements.set(name, element);
  }
  return element;
}

/** `k:{"containerPort":80,"protocol":"TCP"}` or `v:"a.io/x"`; undefined when an item has none of its keys. */
export function elementOf(type: ListType, item: unknown): string | undefined {
  if (type.relation === "set") return `v:${JSON.stringify(item)}`;
  let keys = "";
  for (const { name, default: absent } of type.keys) {
    const value = (isObject(item) ? getOwn(item, name) : undefined) ?? absent;
    if (value === undefined) continue;
    keys += `${keys === "" ? "" : ","}${JSON.stringify(name)}:${JSON.stringify(value)}`;
  }
  return keys === "" ? undefined : `k:{${keys}}`;
}

/** Items by their element. Stored lists may repeat one (ports, environment), although no applied list may. */
export function itemsByElement(type: ListType, items: readonly unknown[]): Map<string, unknown[]> {
  const found = new Map<string, unknown[]>();
  for (const item of items) {
    const element = elementOf(type, item) ?? "";
    const same = found.get(element);
    if (same === undefined) found.set(element, [item]);
    else same.push(item);
  }
  return found;
}
