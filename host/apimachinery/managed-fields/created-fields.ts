import { deepEqual, getOwn, isObject } from "../copy.ts";
import { memberOf, NOTHING } from "./compare.ts";
import { type FieldSet, inElementOrder, SELF } from "./field-set.ts";
import type { FieldType, ListType, StructType } from "./field-type.ts";
import { elementOf, fieldElement, isHollow, isLeaf, memberType } from "./list-elements.ts";
import { NEVER_OWNED } from "./owners.ts";

/**
 * What the creator of an object owns, as the text of `fieldsV1`. It says the same as the comparison with an empty object in
 * track.ts, where nothing can have been modified or removed: so it is written in one walk, in order, without a set.
 *
 *   { metadata: { name: "a", labels: { app: "web" } }, data: { a: "x" } }
 *   {"f:data":{".":{},"f:a":{}},"f:metadata":{"f:labels":{".":{},"f:app":{}}}}
 *
 * @param reset  fields of the object itself that cannot be set where the request went, each as a whole
 */
export function createdFields(type: StructType, object: Members, reset: FieldSet): string {
  let text = "";
  for (const name of inOrderOfNames(Object.keys(object))) {
    const element = fieldElement(name);
    if (Object.hasOwn(reset, element)) continue;
    const never = getOwn(NEVER_OWNED, element) as FieldSet | undefined;
    const inner =
      never === undefined ? memberText(type, name, NOTHING, object) : leftText(type, name, object, never);
    if (inner !== undefined) text = joined(text, nameText(name), inner);
  }
  return `{${text}}`;
}

/** A field of which some is the server's: nothing, when all of it is. */
function leftText(type: StructType, name: string, object: Members, never: FieldSet): string | undefined {
  const of = type.field(name)?.type;
  const value = object[name] as Members | undefined;
  if (of?.is !== "struct" || value === undefined || value === null || isLeaf(of, value)) return undefined;
  const text = membersText(of, NOTHING, value, never);
  return text === "" ? undefined : `{${text}}`;
}

type Members = Readonly<Record<string, unknown>>;

/** Before the object was made there was nothing, or what Go writes always: an empty struct, or null. */
type Before = undefined | null | Members;

const OWNED = "{}";
const ANY: FieldType = { is: "any" };

/** @returns undefined: nothing of it is owned */
function valueText(type: FieldType, before: Before, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const isNew = before === undefined;
  if (isNew ? type.is === "scalar" : deepEqual(before, value)) return isNew ? OWNED : undefined;
  if (isLeaf(type, value) || isHollow(value)) return OWNED;
  const text =
    type.is === "list"
      ? itemsText(type, value as readonly unknown[])
      : membersText(type, before ?? undefined, value as Members);
  if (!isNew) return text === "" ? undefined : `{${text}}`;
  return text === "" ? OWNED : `{"${SELF}":{},${text}}`;
}

function membersText(type: FieldType, before: Members | undefined, value: Members, never?: FieldSet): string {
  let text = "";
  for (const name of inOrderOfNames(Object.keys(value))) {
    if (never !== undefined && Object.hasOwn(never, fieldElement(name))) continue;
    const inner = memberText(type, name, before, value);
    if (inner !== undefined) text = joined(text, nameText(name), inner);
  }
  return text;
}

function memberText(
  type: FieldType,
  name: string,
  before: Members | undefined,
  value: Members,
): string | undefined {
  const was = before === undefined ? undefined : (memberOf(type, before, name) as Before);
  return valueText(memberType(type, name) ?? ANY, was, memberOf(type, value, name));
}

function itemsText(type: ListType, items: readonly unknown[]): string {
  const byName = namedItemsText(type, items);
  if (byName !== undefined) return byName;
  const byElement = new Map<string, unknown>();
  for (const item of items) {
    const element = elementOf(type, item) ?? "";
    // Those that stand there twice are owned as a whole.
    byElement.set(element, byElement.has(element) ? undefined : item);
  }
  let text = "";
  for (const element of inElementOrder([...byElement.keys()])) {
    const item = byElement.get(element);
    const inner = item === undefined ? OWNED : valueText(type.element, undefined, item);
    text = joined(text, `${JSON.stringify(element)}:`, inner!);
  }
  return text;
}

/** Beyond these they are sorted faster by others. */
const MAX_INSERTED = 64;
/** Nothing that JSON escapes, and nothing that sorts before the quote that ends it. */
const PLAIN_NAME = /^[\w./-]+$/;

/** Items of which each has a plain name, and one of its own; undefined: they are not such. */
function namedItemsText({ keys, element }: ListType, items: readonly unknown[]): string | undefined {
  const key = keys[0]?.name;
  if (key === undefined || keys.length > 1 || items.length > MAX_INSERTED) return undefined;
  const names: string[] = [];
  const sorted: Members[] = [];
  for (const item of items) {
    const name = isObject(item) ? item[key] : undefined;
    if (typeof name !== "string" || !PLAIN_NAME.test(name)) return undefined;
    let at = names.length;
    for (; at > 0 && names[at - 1]! >= name; at--) {
      if (names[at - 1] === name) return undefined;
      names[at] = names[at - 1]!;
      sorted[at] = sorted[at - 1]!;
    }
    names[at] = name;
    sorted[at] = item as Members;
  }
  const before = keyText(key);
  let text = "";
  let last: Likeness | undefined;
  for (let at = 0; at < names.length; at++) {
    const item = sorted[at]!;
    // Of environment variables and the like each has the same fields as the one before it.
    if (last === undefined || !isLike(last, item)) last = likeness(element, item);
    text += `${at === 0 ? "" : ","}${before}${names[at]}\\"}":${last.text}`;
  }
  return text;
}

interface Likeness {
  /** The fields of an item that holds scalars only; undefined: no other is like it. */
  readonly fields: readonly string[] | undefined;
  readonly text: string;
}

function likeness(type: FieldType, item: Members): Likeness {
  const fields = Object.keys(item);
  const isFlat = fields.every((name) => item[name] !== undefined && memberType(type, name)?.is === "scalar");
  return { fields: isFlat ? fields : undefined, text: valueText(type, undefined, item)! };
}

function isLike({ fields }: Likeness, item: Members): boolean {
  if (fields === undefined) return false;
  const names = Object.keys(item);
  if (names.length !== fields.length) return false;
  for (let at = 0; at < names.length; at++)
    if (names[at] !== fields[at] || item[names[at]!] === undefined) return false;
  return true;
}

function joined(before: string, element: string, inner: string): string {
  return before === "" ? element + inner : `${before},${element}${inner}`;
}

/** Decoded objects mostly have their fields in order. */
function inOrderOfNames(names: string[]): string[] {
  for (let at = 1; at < names.length; at++) if (names[at - 1]! > names[at]!) return names.sort();
  return names;
}

const MAX_NAMES = 10_000;
const nameTexts = new Map<string, string>();
const keyTexts = new Map<string, string>();

/** `"f:spec":` */
function nameText(name: string): string {
  return nameTexts.get(name) ?? remembered(nameTexts, name, `${JSON.stringify(`f:${name}`)}:`);
}

/** `"k:{\"name\":\"`, which a plain name, `\"}":` and what the item holds follow. */
function keyText(name: string): string {
  return (
    keyTexts.get(name) ??
    remembered(keyTexts, name, JSON.stringify(`k:{${JSON.stringify(name)}:"`).slice(0, -1))
  );
}

/** The first 10,000 names are kept; those after them are written each time. */
function remembered(texts: Map<string, string>, name: string, text: string): string {
  if (texts.size < MAX_NAMES) texts.set(name, text);
  return text;
}
