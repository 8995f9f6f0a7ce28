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
  const { [SELF]: _, ...rest } = child(set, element) ?? {};
  return rest as FieldSet;
}

function node(isOwned: boolean, children: FieldSet): FieldSet | undefined {
  if (isEmptySet(children)) return isOwned ? OWNED : undefined;
  return isOwned ? { [SELF]: OWNED, ...children } : children;
}

/** Combines two sets element by element; `keep` says whether an element stays that a, b or both own. */
function combine(a: FieldSet, b: FieldSet, keep: (inA: boolean, inB: boolean) => boolean): FieldSet {
  const result: Record<string, FieldSet> = {};
  const take = (element: string) => {
    const [inA, inB] = [child(a, element), child(b, element)];
    const children = combine(inA ?? EMPTY_SET, inB ?? EMPTY_SET, keep);
    const combined = node(keep(owns(inA), owns(inB)), children);
    if (combined !== undefined) setOwn(result, element, combined);
  };
  for (const element of Object.keys(a)) if (element !== SELF) take(element);
  for (const element of Object.keys(b)) if (element !== SELF && !Object.hasOwn(a, element)) take(element);
  return result;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b)) return a;
  return isEmptySet(a) ? b : combine(a, b, (inA, inB) => inA || inB);
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a) || isEmptySet(b)) return EMPTY_SET;
  return combine(a, b, (inA, inB) => inA && inB);
}

/** What is in `a` and not, as that very element, in `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return isEmptySet(b) ? a : combine(a, b, (inA, inB) => inA && !inB);
}

/** `a` without what `b` owns and all that lies inside it. */
export function withoutSubtrees(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b)) return a;
  const result: Record<string, FieldSet> = {};
  for (const element of Object.keys(a)) {
    const removed = element === SELF ? undefined : child(b, element);
    if (owns(removed)) continue;
    const here = child(a, element)!;
    if (removed === undefined || element === SELF) {
      setOwn(result, element, here);
      continue;
    }
    const rest = node(owns(here), withoutSubtrees(inside(a, element), removed));
    if (rest !== undefined) setOwn(result, element, rest);
  }
  return result;
}

interface Collected {
  owned: boolean;
  readonly inside: Map<string, Collected>;
}

/** Collects paths; what it gives is a set. */
export class FieldSetBuilder {
  readonly #root: Collected = { owned: false, inside: new Map() };

  insert(path: Path): void {
    let at = this.#root;
    for (const element of path) {
      let next = at.inside.get(element);
      if (next === undefined) {
        next = { owned: false, inside: new Map() };
        at.inside.set(element, next);
      }
      at = next;
    }
    at.owned = true;
  }

  get set(): FieldSet {
    return fieldsInside(this.#root);
  }
}

function fieldsInside({ inside }: Collected): FieldSet {
  const set: Record<string, FieldSet> = {};
  for (const [element, collected] of inside) {
    const children = fieldsInside(collected);
    setOwn(
      set,
      element,
      collected.owned && collected.inside.size > 0 ? { [SELF]: OWNED, ...children } : children,
    );
  }
  return set;
}

/** The set with its elements in the order Kubernetes writes them: `.`, fields, keys, values. */
export function inOrder(set: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const element of Object.keys(set).sort(compareElements))
    setOwn(result, element, inOrder(child(set, element)!));
  return result;
}

const RANK: Readonly<Record<string, number>> = { ".": 0, f: 1, k: 2, v: 3, i: 4 };

function compareElements(a: string, b: string): number {
  const byRank = (RANK[a[0]!] ?? 5) - (RANK[b[0]!] ?? 5);
  if (byRank !== 0) return byRank;
  if (a[0] === "k") return compareKeys(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)));
  return a < b ? -1 : a > b ? 1 : 0;
}

/** By the first key that differs; numbers by their value. */
function compareKeys(a: Record<string, unknown>, b: Record<string, unknown>): number {
  for (const name of Object.keys(a)) {
    const [x, y] = [a[name], b[name]] as [string, string];
    if (x !== y) return x < y ? -1 : 1;
  }
  return Object.keys(a).length - Object.keys(b).length;
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
