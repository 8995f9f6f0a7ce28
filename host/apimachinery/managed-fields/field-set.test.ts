import { expect, test } from "vitest";
import { deepFreeze } from "../copy.ts";
import { type Random, seededRandom } from "../random.ts";
import {
  difference,
  type FieldSet,
  FieldSetBuilder,
  inOrder,
  intersection,
  pathsOf,
  union,
  withoutSubtrees,
} from "./field-set.ts";

/** A set as its paths: `["f:a", "f:a/f:b"]`. Whatever the tree does, it must do to these. */
type Paths = ReadonlySet<string>;

const ELEMENTS = ["f:a", "f:b", 'k:{"n":"x"}', 'k:{"n":"x!"}', "v:1", "f:__proto__"];

function draw(random: Random): Paths {
  const paths = Array.from({ length: random.below(8) }, () =>
    Array.from({ length: 1 + random.below(4) }, () => ELEMENTS[random.below(ELEMENTS.length)]!).join("/"),
  );
  return new Set(paths);
}

function tree(paths: Paths): FieldSet {
  const builder = new FieldSetBuilder();
  for (const path of paths) builder.insert(path.split("/"));
  return deepFreeze(builder.set);
}

const pathsIn = (set: FieldSet) =>
  pathsOf(set)
    .map((path) => path.join("/"))
    .sort();
const only = (paths: Paths, holds: (path: string) => boolean) => [...paths].filter(holds).sort();
const isIn = (path: string, set: Paths) =>
  path.split("/").some((_, at, all) => set.has(all.slice(0, at + 1).join("/")));

const SEEDS = 3000;

test(`what is done to sets is done to their paths (${SEEDS} seeds)`, () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const random = seededRandom(seed);
    const [p, q] = [draw(random), draw(random)];
    const [a, b] = [tree(p), tree(q)];
    expect(pathsIn(a), `seed ${seed}`).toEqual([...p].sort());
    const done = {
      union: pathsIn(union(a, b)),
      intersection: pathsIn(intersection(a, b)),
      difference: pathsIn(difference(a, b)),
      withoutSubtrees: pathsIn(withoutSubtrees(a, b)),
      inOrder: pathsIn(inOrder(union(a, b))),
    };
    const all = [...new Set([...p, ...q])].sort();
    expect(done, `seed ${seed}`).toEqual({
      union: all,
      intersection: only(p, (path) => q.has(path)),
      difference: only(p, (path) => !q.has(path)),
      withoutSubtrees: only(p, (path) => !isIn(path, q)),
      inOrder: all,
    });
  }
});

test("what changes nothing gives the set itself, so that it stays in order", () => {
  const set = tree(new Set(["f:a", "f:a/f:b", "f:c/k:{}"]));
  const other = tree(new Set(["f:d", "f:c/f:x", "f:a/f:b/f:c"]));
  expect(difference(set, other)).toBe(set);
  expect(withoutSubtrees(set, other)).toBe(set);
  expect(union(set, tree(new Set(["f:a/f:b"])))).toBe(set);
  expect(inOrder(set)).toBe(set);
});

test.each([
  { order: ["f:b", ".", "f:a"], wants: [".", "f:a", "f:b"] },
  { order: ["v:1", "k:{}", "f:a", "i:1"], wants: ["f:a", "k:{}", "v:1", "i:1"] },
  {
    order: ['k:{"containerPort":443,"protocol":"TCP"}', 'k:{"containerPort":80,"protocol":"TCP"}'],
    wants: ['k:{"containerPort":80,"protocol":"TCP"}', 'k:{"containerPort":443,"protocol":"TCP"}'],
  },
  // As text the first would come last: a quote sorts behind a blank and an exclamation mark.
  { order: ['k:{"n":"x!"}', 'k:{"n":"x"}'], wants: ['k:{"n":"x"}', 'k:{"n":"x!"}'] },
  { order: ['k:{"n":"x-y"}', 'k:{"n":"x"}'], wants: ['k:{"n":"x"}', 'k:{"n":"x-y"}'] },
  // A custom resource may say anything until it is validated.
  {
    order: ['k:{"n":{"toString":1}}', 'k:{"n":{"a":1}}'],
    wants: ['k:{"n":{"a":1}}', 'k:{"n":{"toString":1}}'],
  },
  { order: ['k:{"n":"\\"b"}', 'k:{"n":"a"}'], wants: ['k:{"n":"\\"b"}', 'k:{"n":"a"}'] },
])("$order in order", ({ order, wants }) => {
  const set: FieldSet = Object.fromEntries(order.map((element) => [element, {}]));
  expect(Object.keys(inOrder(set))).toEqual(wants);
});
