import { getOwn, setOwn } from "../copy.ts";

/**
 * A set of fields of an object, as it stands in `fieldsV1`: a tree of path elements. An element without anything inside is
 * owned; one with something inside is owned as a whole only if it has `.` too.
 *
 *   { "f:data": { ".": {}, "f:a": {} } }          data itself, and data.a
 *   { "f:spec": { "f:containers": { 'k:{"name":"c"}': { ".": {}, "f:image": {} } } } }
 *
 *   f:NAME   a field or the key of a map        k:{…}   an item of an associative list, by its keys
 *   v:VALUE  an item of a set                   .       the value itself
 *
 * Sets are never changed in place; at the root `{}` is the empty set.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

export type Path = readonly string[];

export const SELF = ".";
export const EMPTY_SET: FieldSet = {};
const OWNED: FieldSet = {};

export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

function owns(node: FieldSet | undefined): boolean {
  return node !== undefined && (isEmptySet(node) || Object.hasOwn(node, SELF));
}

export function child(set: FieldSet, element: string): FieldSet | undefined {
  return getOwn(set as Record<string, unknown>, element) as FieldSet | undefined;
}

/** Whether the value at the path's last element itself is in the set. */
export function hasElement(set: FieldSet, element: string): boolean {
  return owns(child(set, element));
}

/** What the set holds inside an element, as a set of its own. */
export function inside(set: FieldSet, element: string): FieldSet {
  return childrenOf(child(set, element) ?? EMPTY_SET);
}

/** An element that is owned or not, with so much inside; undefined: nothing of it is in the set. */
function element(isOwned: boolean, children: FieldSet): FieldSet | undefined {
  if (isEmptySet(children)) return isOwned ? OWNED : undefined;
  return isOwned ? { [SELF]: OWNED, ...children } : children;
}

// Sets are small changes to large ones: what only one of two has is shared, and what changes nothing gives the set itself.

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b)) return a;
  if (isEmptySet(a)) return b;
  let result: Record<string, FieldSet> | undefined;
  for (const name of Object.keys(b)) {
    const [inA, inB] = [child(a, name), child(b, name)!];
    const both = inA === undefined ? inB : unionInside(inA, inB);
    if (both === inA) continue;
    result ??= { ...a };
    setOwn(result, name, both);
  }
  return result ?? a;
}

function unionInside(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || (isEmptySet(b) && owns(a))) return a;
  const isOwned = owns(a) || owns(b);
  // The empty set stands for what is owned and has nothing inside.
  const all = union(a, b);
  return isOwned && !isEmptySet(all) && !Object.hasOwn(all, SELF) ? { [SELF]: OWNED, ...all } : all;
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  let result: Record<string, FieldSet> | undefined;
  for (const name of Object.keys(b)) {
    const inA = name === SELF ? undefined : child(a, name);
    if (inA === undefined) continue;
    const inB = child(b, name)!;
    const both = element(owns(inA) && owns(inB), intersection(inA, inB));
    if (both === undefined) continue;
    result ??= {};
    setOwn(result, name, both);
  }
  return result ?? EMPTY_SET;
}

/** What is in `a` and not, as that very element, in `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return without(a, b, (inA, inB) => left(inA, difference(inA, inB), owns(inA) && !owns(inB)));
}

/** `a` without what `b` owns and all that lies inside it. */
export function withoutSubtrees(a: FieldSet, b: FieldSet): FieldSet {
  return without(a, b, (inA, inB) =>
    owns(inB) ? undefined : left(inA, withoutSubtrees(inA, inB), owns(inA)),
  );
}

/** @param rest  what is left of an element of `a` that `b` says something of */
function without(
  a: FieldSet,
  b: FieldSet,
  rest: (inA: FieldSet, inB: FieldSet) => FieldSet | undefined,
): FieldSet {
  let result: Record<string, FieldSet> | undefined;
  for (const name of Object.keys(b)) {
    const inA = name === SELF ? undefined : child(a, name);
    if (inA === undefined) continue;
    const kept = rest(inA, child(b, name)!);
    if (kept === inA) continue;
    result ??= { ...a };
    if (kept === undefined) delete result[name];
    else setOwn(result, name, kept);
  }
  return result ?? a;
}

/** What is left of an element when `fewer` of what was inside is. */
function left(was: FieldSet, fewer: FieldSet, isOwned: boolean): FieldSet | undefined {
  if (fewer === was && isOwned === owns(was)) return was;
  return element(isOwned, childrenOf(fewer));
}

function childrenOf(set: FieldSet): FieldSet {
  if (!Object.hasOwn(set, SELF)) return set;
  const { [SELF]: _, ...children } = set;
  return children as FieldSet;
}

/** Collects paths; what it gives is a set. Those that follow each other begin alike, so it goes on where it was. */
export class FieldSetBuilder {
  readonly #nodes: Record<string, FieldSet>[] = [{}];
  readonly #path: string[] = [];

  /** @param path  of one element or more */
  insert(path: Path): void {
    const before = path.length - 1;
    let depth = 0;
    while (depth < before && depth < this.#path.length && this.#path[depth] === path[depth]) depth++;
    this.#path.length = depth;
    this.#nodes.length = depth + 1;
    let at = this.#nodes[depth]!;
    for (; depth < before; depth++) {
      const element = path[depth]!;
      let next = child(at, element) as Record<string, FieldSet> | undefined;
      if (next === undefined || isEmptySet(next)) {
        next = next === undefined ? {} : { [SELF]: OWNED };
        setOwn(at, element, next);
      }
      this.#path.push(element);
      this.#nodes.push(next);
      at = next;
    }
    const last = path[before]!;
    const known = child(at, last) as Record<string, FieldSet> | undefined;
    if (known === undefined) setOwn(at, last, OWNED);
    else if (!isEmptySet(known)) known[SELF] = OWNED;
  }

  get set(): FieldSet {
    return this.#nodes[0]!;
  }
}

/** The set with its elements in the order Kubernetes writes them: `.`, fields, keys, values. */
export function inOrder(set: FieldSet): FieldSet {
  const elements = Object.keys(set);
  const sorted = inElementOrder(elements);
  let result: Record<string, FieldSet> | undefined = sorted === elements ? undefined : {};
  for (const element of sorted) {
    const here = child(set, element)!;
    const ordered = isEmptySet(here) ? here : inOrder(here);
    if (result === undefined && ordered === here) continue;
    result ??= { ...set };
    setOwn(result, element, ordered);
  }
  return result ?? set;
}

/** Keys that lie as their values do: nothing in them sorts before the quote that ends them. */
const PLAIN_KEY = /^k:\{"\w+":"[^"\\ !]*"\}$/;

/** @returns the same array when it is in order */
export function inElementOrder(elements: readonly string[]): readonly string[] {
  if (elements.length < 2) return elements;
  const isPlain = elements.every((one) => one[0] !== "i" && (one[0] !== "k" || PLAIN_KEY.test(one)));
  if (!isPlain) return sortedByKeys(elements);
  for (let at = 1; at < elements.length; at++)
    if (elements[at - 1]! > elements[at]!) return [...elements].sort();
  return elements;
}

const RANK: Readonly<Record<string, number>> = { ".": 0, f: 1, k: 2, v: 3, i: 4 };

function sortedByKeys(elements: readonly string[]): string[] {
  const read = elements.map((element) => ({
    element,
    rank: RANK[element[0]!] ?? 5,
    keys: element[0] === "k" ? (JSON.parse(element.slice(2)) as Record<string, unknown>) : undefined,
  }));
  read.sort((a, b) => {
    if (a.rank !== b.rank) return a.rank - b.rank;
    if (a.keys !== undefined && b.keys !== undefined) return compareKeys(a.keys, b.keys);
    return a.element < b.element ? -1 : a.element > b.element ? 1 : 0;
  });
  return read.map(({ element }) => element);
}

/** By the first key that differs; numbers by their value. */
function compareKeys(a: Record<string, unknown>, b: Record<string, unknown>): number {
  for (const name of Object.keys(a)) {
    const [x, y] = [comparable(a[name]), comparable(b[name])] as [string, string];
    if (x !== y) return x < y ? -1 : 1;
  }
  return Object.keys(a).length - Object.keys(b).length;
}

/** A key of a custom resource may be anything until the object is validated. */
function comparable(value: unknown): unknown {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}

/** Every path of the set, those of one level before those inside them. */
export function pathsOf(set: FieldSet, before: Path = []): Path[] {
  const elements = Object.keys(set).filter((element) => element !== SELF);
  return [
    ...elements.filter((element) => hasElement(set, element)).map((element) => [...before, element]),
    ...elements.flatMap((element) => pathsOf(child(set, element)!, [...before, element])),
  ];
}

/** `.spec.containers[name="c"].image`, as in the messages. */
export function formatPath(path: Path): string {
  return path.map(formatElement).join("");
}

export function formatElement(element: string): string {
  const rest = element.slice(2);
  if (element.startsWith("f:")) return `.${rest}`;
  if (element.startsWith("v:")) return `[=${rest}]`;
  if (!element.startsWith("k:")) return `[${rest}]`;
  const keys = Object.entries(JSON.parse(rest) as Record<string, unknown>);
  return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",")}]`;
}

/** Whether a client's `fieldsV1` is a tree of path elements. */
export function isFieldSet(value: unknown, depth = 0): value is FieldSet {
  if (typeof value !== "object" || value === null || Array.isArray(value) || depth > 128) return false;
  return Object.entries(value).every(
    ([element, inner]) => isPathElement(element) && isFieldSet(inner, depth + 1),
  );
}

function isPathElement(element: string): boolean {
  if (element === SELF || element.startsWith("f:")) return true;
  if (element.startsWith("i:")) return /^i:\d+$/.test(element);
  if (!element.startsWith("k:") && !element.startsWith("v:")) return false;
  try {
    const parsed: unknown = JSON.parse(element.slice(2));
    return element[0] === "v" || (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed));
  } catch {
    return false;
  }
}
