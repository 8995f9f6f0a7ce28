import { compareKeys } from "./key-order.ts";
import type { Entry } from "./store.ts";

/**
 * Entries in byte order of their keys, as a B+tree whose nodes never change: a write copies the few nodes on the way
 * from the root to its leaf and shares all others. A tree is therefore a snapshot; keeping one per revision is what
 * makes reads in the past, roll-back of a failed commit and the cloning of a whole store cost nothing.
 *
 *                    inner  low "a", count 5
 *                   /                       \
 *      leaf low "a", count 3          leaf low "m", count 2
 *      [a@4  c@9  f@2]                [m@7  z@8]
 *
 * Every node knows its lowest key and how many entries lie below it, so that ranks (how many keys come before) take
 * one descent. A write at 100,000 keys copies four nodes of at most 32 slots.
 */
export type KeyTree = Node | undefined;

type Node = Leaf | Inner;

interface Leaf {
  readonly low: string;
  readonly count: number;
  readonly entries: readonly Entry[];
  readonly children?: undefined;
}

interface Inner {
  readonly low: string;
  readonly count: number;
  readonly children: readonly Node[];
}

/** A node splits above this many slots, and joins a neighbour below a quarter of it. */
const MAX_SLOTS = 32;
const MIN_SLOTS = MAX_SLOTS / 4;

export const EMPTY_TREE: KeyTree = undefined;

export function countOf(tree: KeyTree): number {
  return tree?.count ?? 0;
}

export function findEntry(tree: KeyTree, key: string): Entry | undefined {
  let node = tree;
  while (node?.children !== undefined) node = node.children[childFor(node, key)]!;
  if (node === undefined) return undefined;
  const entry = node.entries[leafIndex(node, key)];
  return entry?.key === key ? entry : undefined;
}

/** The tree with `entry` in place of what had its key. */
export function withEntry(tree: KeyTree, entry: Entry): KeyTree {
  if (tree === undefined) return leaf([entry]);
  return grow(insert(tree, entry));
}

/** The tree without `key`; the same tree when it holds no such key. */
export function withoutKey(tree: KeyTree, key: string): KeyTree {
  if (tree === undefined) return undefined;
  let root = remove(tree, key);
  while (root?.children?.length === 1) root = root.children[0];
  return root;
}

/** A tree of many entries at once, in time linear in their number. */
export function treeOf(sorted: readonly Entry[]): KeyTree {
  if (sorted.length === 0) return undefined;
  let nodes: Node[] = chunks(sorted).map(leaf);
  while (nodes.length > 1) nodes = chunks(nodes).map(inner);
  return nodes[0];
}

/** Three quarters full, so that the first writes do not split every node. */
function chunks<Slot>(slots: readonly Slot[]): Slot[][] {
  const size = (MAX_SLOTS * 3) / 4;
  const count = Math.ceil(slots.length / size);
  return Array.from({ length: count }, (_, i) =>
    slots.slice(Math.floor((i * slots.length) / count), Math.floor(((i + 1) * slots.length) / count)),
  );
}

/**
 * How many keys come before a boundary.
 *
 * @param isBefore  true for every key below the boundary and false from there on
 */
export function rank(tree: KeyTree, isBefore: (key: string) => boolean): number {
  let before = 0;
  let node = tree;
  while (node?.children !== undefined) {
    const children: readonly Node[] = node.children;
    // The boundary lies in the last child that begins before it.
    const index = Math.max(0, firstIndex(children.length, (i) => !isBefore(children[i]!.low)) - 1);
    for (let i = 0; i < index; i++) before += children[i]!.count;
    node = children[index];
  }
  if (node === undefined) return 0;
  const entries = node.entries;
  return before + firstIndex(entries.length, (i) => !isBefore(entries[i]!.key));
}

/** Whether any key begins with a prefix, in one descent: most of what is asked for in a range is empty. */
export function hasPrefix(tree: KeyTree, prefix: string): boolean {
  let node = tree;
  /** The lowest key behind the node. */
  let behind: string | undefined;
  while (node?.children !== undefined) {
    const index = childFor(node, prefix);
    behind = node.children[index + 1]?.low ?? behind;
    node = node.children[index];
  }
  const first = node?.entries[leafIndex(node, prefix)]?.key ?? behind;
  return first?.startsWith(prefix) === true;
}

/** The entries of ranks `from` (inclusive) to `to` (exclusive), in order. */
export function slice(tree: KeyTree, from: number, to: number): Entry[] {
  const found: Entry[] = [];
  if (tree !== undefined && from < to) collect(tree, from, to, found);
  return found;
}

function collect(node: Node, from: number, to: number, found: Entry[]): void {
  if (node.children === undefined) {
    const end = Math.min(to, node.entries.length);
    for (let i = Math.max(0, from); i < end; i++) found.push(node.entries[i]!);
    return;
  }
  let start = 0;
  for (const child of node.children) {
    if (start >= to) return;
    if (start + child.count > from) collect(child, from - start, to - start, found);
    start += child.count;
  }
}

/** The first index in 0..length that satisfies a condition which, once true, stays true; `length` when none does. */
function firstIndex(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function leafIndex(node: Leaf, key: string): number {
  return firstIndex(node.entries.length, (i) => compareKeys(node.entries[i]!.key, key) >= 0);
}

/** The child whose keys could be `key`: the last that does not begin after it. */
function childFor(node: Inner, key: string): number {
  return Math.max(
    0,
    firstIndex(node.children.length, (i) => compareKeys(node.children[i]!.low, key) > 0) - 1,
  );
}

function leaf(entries: readonly Entry[]): Leaf {
  return { low: entries[0]!.key, count: entries.length, entries };
}

function inner(children: readonly Node[]): Inner {
  let count = 0;
  for (const child of children) count += child.count;
  return { low: children[0]!.low, count, children };
}

/** One node, or the two halves it had to split into. */
function insert(node: Node, entry: Entry): Node[] {
  if (node.children === undefined) {
    const index = leafIndex(node, entry.key);
    const replaces = node.entries[index]?.key === entry.key;
    const entries = node.entries.slice();
    entries.splice(index, replaces ? 1 : 0, entry);
    return halves(entries).map(leaf);
  }
  const index = childFor(node, entry.key);
  const children = node.children.slice();
  children.splice(index, 1, ...insert(children[index]!, entry));
  return halves(children).map(inner);
}

/** Keys mostly arrive in order (generated names apart), so a full node splits in the middle all the same: simple. */
function halves<Slot>(slots: readonly Slot[]): (readonly Slot[])[] {
  if (slots.length <= MAX_SLOTS) return [slots];
  const middle = slots.length >>> 1;
  return [slots.slice(0, middle), slots.slice(middle)];
}

function grow(nodes: Node[]): Node {
  return nodes.length === 1 ? nodes[0]! : inner(nodes);
}

function remove(node: Node, key: string): Node | undefined {
  if (node.children === undefined) {
    const index = leafIndex(node, key);
    if (node.entries[index]?.key !== key) return node;
    return node.entries.length === 1 ? undefined : leaf(node.entries.toSpliced(index, 1));
  }
  const index = childFor(node, key);
  const child = node.children[index]!;
  const smaller = remove(child, key);
  if (smaller === child) return node;
  if (smaller === undefined)
    return node.children.length === 1 ? undefined : inner(node.children.toSpliced(index, 1));
  if (slotsOf(smaller) >= MIN_SLOTS || node.children.length === 1)
    return inner(node.children.with(index, smaller));
  const left = index === 0 ? 0 : index - 1;
  const pair =
    index === 0 ? ([smaller, node.children[1]!] as const) : ([node.children[left]!, smaller] as const);
  return inner(node.children.toSpliced(left, 2, ...join(...pair)));
}

function slotsOf(node: Node): number {
  return node.children === undefined ? node.entries.length : node.children.length;
}

/** Two neighbours of the same depth as one node, or as two of about the same size. */
function join(left: Node, right: Node): Node[] {
  if (left.children === undefined || right.children === undefined)
    return halves([...(left as Leaf).entries, ...(right as Leaf).entries]).map(leaf);
  return halves([...left.children, ...right.children]).map(inner);
}
