import { getOwn, isObject } from "../copy.ts";
import { goText } from "../patches/directives.ts";
import { type FieldSet, FieldSetBuilder, formatElement, formatPath } from "./field-set.ts";
import type { FieldType, ListType } from "./field-type.ts";
import { elementOf, isHollow, isLeaf, memberType } from "./list-elements.ts";

/** The fields that an object says something of: what its applier owns. Source: structured-merge-diff ToFieldSet. */
export function fieldSetOf(type: FieldType, value: unknown): FieldSet {
  const found = new FieldSetBuilder();
  collect(type, value, [], found);
  return found.set;
}

function collect(type: FieldType, value: unknown, path: string[], found: FieldSetBuilder): void {
  if (value === undefined) return;
  if (isLeaf(type, value)) {
    if (path.length > 0) found.insert(path);
    return;
  }
  if (type.is === "list") {
    for (const item of (value ?? []) as unknown[]) {
      const element = elementOf(type, item);
      if (element === undefined) continue;
      path.push(element);
      collect(type.element, item, path, found);
      found.insert(path);
      path.pop();
    }
    return;
  }
  for (const [name, member] of Object.entries((value ?? {}) as object)) {
    if (member === undefined) continue;
    path.push(`f:${name}`);
    collect(memberType(type, name) ?? { is: "any" }, member, path, found);
    // What is empty would leave no trace, and the keys of a map are owned as such.
    if (
      type.is === "map" ||
      type.is === "deduced" ||
      (isObject(member) && isHollow(member)) ||
      member === null
    )
      found.insert(path);
    path.pop();
  }
}

/**
 * What an applied object has wrong by its type, in the words of structured-merge-diff:
 * `.spec.hostNetwork: expected boolean, got &{yes}`, `.foo: field not declared in schema`.
 */
export function typeErrors(type: FieldType, value: unknown): string[] {
  const errors: string[] = [];
  check(type, value, [], errors);
  return errors;
}

function check(type: FieldType, value: unknown, path: string[], errors: string[]): void {
  if (value === undefined || value === null || type.is === "any" || type.is === "deduced") return;
  const say = (what: string) => errors.push(`${formatPath(path)}: ${what}`);
  const got = () => `got &{${goText(value)}}`;
  if (type.is === "scalar") {
    const expected = mismatch(type.of, value);
    if (expected !== undefined) say(`expected ${expected}, ${got()}`);
  } else if (type.is === "list") {
    if (Array.isArray(value)) checkItems(type, value, path, errors);
    else say(`expected list, ${got()}`);
  } else if (!isObject(value)) {
    say(`expected map, ${got()}`);
  } else {
    for (const name of Object.keys(value)) {
      path.push(`f:${name}`);
      const of = memberType(type, name);
      if (of === undefined) errors.push(`${formatPath(path)}: field not declared in schema`);
      else check(of, getOwn(value, name), path, errors);
      path.pop();
    }
  }
}

function checkItems(type: ListType, items: readonly unknown[], path: string[], errors: string[]): void {
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    const element = type.relation === "atomic" ? `i:${index}` : elementOf(type, item);
    if (element === undefined) {
      const keys = type.keys.map(({ name }) => JSON.stringify(name)).join(" ");
      errors.push(
        `${formatPath(path)}: element ${index}: associative list with keys has an element that omits all key fields ` +
          `[${keys}] (and doesn't have default values for any key fields)`,
      );
      continue;
    }
    if (seen.has(element))
      errors.push(`${formatPath(path)}: duplicate entries for key ${formatElement(element)}`);
    seen.add(element);
    path.push(element);
    check(type.element, item, path, errors);
    path.pop();
  }
}

/** What was expected instead of the value; undefined when it fits. */
function mismatch(of: "string" | "numeric" | "boolean" | "untyped", value: unknown): string | undefined {
  switch (of) {
    case "string":
      return typeof value === "string" ? undefined : "string";
    case "numeric":
      return typeof value === "number" ? undefined : "numeric (int or float)";
    case "boolean":
      return typeof value === "boolean" ? undefined : "boolean";
    default:
      return typeof value === "object" ? "scalar" : undefined;
  }
}
