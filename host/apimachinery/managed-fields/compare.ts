import { deepEqual, getOwn } from "../copy.ts";
import { type FieldSet, FieldSetBuilder } from "./field-set.ts";
import type { FieldType, ListType } from "./field-type.ts";
import { fieldElement, isHollow, isLeaf, itemsByElement, memberType } from "./list-elements.ts";

/** What has become of an object's fields. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/**
 * Compares two objects field by field, as their owners see them: items of associative lists by their keys, what is atomic as
 * a whole. Source: sigs.k8s.io/structured-merge-diff TypedValue.Compare.
 */
export function compareFields(type: FieldType, old: unknown, next: unknown): Comparison {
  const walk = new Walk();
  walk.compare(type, old, next);
  return walk.result;
}

class Walk {
  readonly #added = new FieldSetBuilder();
  readonly #modified = new FieldSetBuilder();
  readonly #removed = new FieldSetBuilder();
  readonly #path: string[] = [];

  get result(): Comparison {
    return { added: this.#added.set, modified: this.#modified.set, removed: this.#removed.set };
  }

  compare(type: FieldType, old: unknown, next: unknown): void {
    // Most of an object is not changed by a write.
    const isRoot = this.#path.length === 0;
    if (old === next || (!isRoot && deepEqual(old, next))) return;
    const isWhole = isLeaf(type, old) || isLeaf(type, next) || (isHollow(old) && isHollow(next));
    if (isWhole) {
      if (!isRoot && old !== undefined && next !== undefined) this.#modified.insert(this.#path);
    } else if (type.is === "list") this.#compareItems(type, listOf(old), listOf(next));
    else this.#compareMembers(type, membersOf(old), membersOf(next));
    if (isRoot) return;
    if (old === undefined) this.#added.insert(this.#path);
    else if (next === undefined) this.#removed.insert(this.#path);
  }

  #compareMembers(type: FieldType, old: Members | undefined, next: Members | undefined): void {
    for (const name of Object.keys(old ?? {})) this.#compareMember(type, name, old, next);
    for (const name of Object.keys(next ?? {}))
      if (old === undefined || !Object.hasOwn(old, name)) this.#compareMember(type, name, old, next);
  }

  #compareMember(type: FieldType, name: string, old: Members | undefined, next: Members | undefined): void {
    // A field nobody knows cannot be told from one that is owned as a whole.
    const of = memberType(type, name) ?? { is: "any" as const };
    this.#path.push(fieldElement(name));
    this.compare(of, memberOf(type, old, name), memberOf(type, next, name));
    this.#path.pop();
  }

  #compareItems(type: ListType, old: readonly unknown[], next: readonly unknown[]): void {
    const [before, after] = [itemsByElement(type, old), itemsByElement(type, next)];
    for (const [element, items] of before) this.#compareItem(type, element, items, after.get(element) ?? []);
    for (const [element, items] of after)
      if (!before.has(element)) this.#compareItem(type, element, [], items);
  }

  #compareItem(type: ListType, element: string, old: readonly unknown[], next: readonly unknown[]): void {
    this.#path.push(element);
    if (old.length < 2 && next.length < 2) this.compare(type.element, old[0], next[0]);
    else if (old.length === 0) this.#added.insert(this.#path);
    else if (next.length === 0) this.#removed.insert(this.#path);
    else if (!deepEqual(old, next)) this.#modified.insert(this.#path);
    this.#path.pop();
  }
}

type Members = Readonly<Record<string, unknown>>;

function listOf(value: unknown): readonly unknown[] {
  return (value ?? []) as readonly unknown[];
}

function membersOf(value: unknown): Members | undefined {
  return value === undefined || value === null ? undefined : (value as Members);
}

/** A struct that says nothing. */
export const NOTHING: Members = {};

/** A member's value; one that Go writes even when nothing was said is there whenever its parent is. */
export function memberOf(type: FieldType, parent: Members | undefined, name: string): unknown {
  const value = parent && getOwn(parent, name);
  if (value !== undefined || parent === undefined || type.is !== "struct") return value;
  const always = type.alwaysThere.find((one) => one.name === name)?.value;
  return always === undefined ? undefined : always === "{}" ? NOTHING : null;
}
