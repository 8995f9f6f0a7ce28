import { describe, expect, test } from "vitest";
import { seededRandom } from "../apimachinery/random.ts";
import { compareKeys } from "./key-order.ts";
import {
  countOf,
  EMPTY_TREE,
  findEntry,
  hasPrefix,
  type KeyTree,
  rank,
  slice,
  treeOf,
  withEntry,
  withoutKey,
} from "./key-tree.ts";
import type { Entry } from "./store.ts";

function entry(key: string, modRevision = 1): Entry {
  return { key, value: new Uint8Array(0), createRevision: 1, modRevision };
}

function all(tree: KeyTree): string[] {
  return slice(tree, 0, countOf(tree)).map(({ key, modRevision }) => `${key}@${modRevision}`);
}

describe("key order", () => {
  const keys = [
    "a",
    "a\u0000",
    "aa",
    "b",
    "\u007f",
    "\u0080",
    "\u07ff",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\u{10000}",
    "\u{10ffff}",
  ];
  test("is that of the UTF-8 bytes", () => {
    for (const a of keys)
      for (const b of keys)
        expect(Math.sign(compareKeys(a, b)), `${a} ${b}`).toBe(
          Buffer.compare(Buffer.from(a), Buffer.from(b)),
        );
  });
});

describe("key tree", () => {
  // Many removals in a row make nodes join, many insertions make them split: each phase leans one way.
  test.each([1, 2, 3])("is a sorted list, and earlier trees stay as they were, seed %i", (seed) => {
    const random = seededRandom(seed);
    const model = new Map<string, number>();
    let tree = EMPTY_TREE;
    const kept: { tree: KeyTree; keys: string[] }[] = [];
    const sorted = () => [...model.keys()].sort();
    for (let step = 0; step < 6_000; step++) {
      const key = String(random.below(1_500)).padStart(4, "0");
      const removes = random.below(10) < (Math.floor(step / 1_000) % 2 === 0 ? 2 : 8);
      if (removes) {
        const smaller = withoutKey(tree, key);
        if (!model.delete(key)) expect(smaller).toBe(tree);
        tree = smaller;
      } else {
        model.set(key, step);
        tree = withEntry(tree, entry(key, step));
      }
      expect(countOf(tree)).toBe(model.size);
      if (step % 100 !== 0) continue;
      kept.push({ tree, keys: sorted().map((name) => `${name}@${model.get(name)}`) });
      const found = sorted();
      const from = random.below(found.length + 1);
      const to = random.below(found.length + 1);
      expect(slice(tree, from, to).map((item) => item.key)).toEqual(found.slice(from, to));
      expect(rank(tree, (other) => other < key)).toBe(found.filter((other) => other < key).length);
      expect(findEntry(tree, key)?.modRevision).toBe(model.get(key));
    }
    for (const { tree: old, keys } of kept) expect(all(old)).toEqual(keys);
    for (const key of sorted()) tree = withoutKey(tree, key);
    expect(tree).toBe(EMPTY_TREE);
  });

  test.each([0, 1, 24, 25, 33, 1_000])("of %i entries at once is that of one by one", (count) => {
    const entries = Array.from({ length: count }, (_, i) => entry(String(i).padStart(4, "0")));
    const tree = treeOf(entries);
    expect(all(tree)).toEqual(all(entries.reduce<KeyTree>(withEntry, EMPTY_TREE)));
    expect(all(withEntry(tree, entry("0000x")))).toEqual(
      [...entries, entry("0000x")].map(({ key }) => `${key}@1`).sort(),
    );
  });

  test.each([0, 1, 40, 3000])("knows among %i keys which prefixes there are", (size) => {
    const keys = Array.from({ length: size }, (_, i) => `/${((i * 7919) % size) + 10_000}/x`);
    const tree = keys.reduce((grown, key) => withEntry(grown, entry(key)), EMPTY_TREE);
    const numbers = Array.from({ length: size + 20 }, (_, i) => i + 9_990);
    const prefixes = ["", "/", "/0", "/2", "/99999", "0", "\u{10ffff}", ...keys].concat(
      numbers.flatMap((number) => [`/${number}`, `/${number}/`, `/${number}/x/`, `/${number}/y`]),
    );
    const sorted = keys.toSorted();
    for (const prefix of prefixes) {
      const at = sorted.findIndex((key) => key >= prefix);
      expect(hasPrefix(tree, prefix), prefix).toBe(at >= 0 && sorted[at]!.startsWith(prefix));
    }
  });

  test("a write at 100,000 keys leaves nearly all nodes shared", () => {
    const tree = treeOf(Array.from({ length: 100_000 }, (_, i) => entry(String(i).padStart(6, "0"))));
    const before = new Set(nodesOf(tree));
    const fresh = nodesOf(withEntry(tree, entry("050000x"))).filter((node) => !before.has(node));
    expect(fresh.length).toBeLessThanOrEqual(6);
  });
});

function nodesOf(node: KeyTree): NonNullable<KeyTree>[] {
  return node === undefined ? [] : [node, ...(node.children ?? []).flatMap(nodesOf)];
}
