import { expect, test } from "vitest";
import { deepFreeze } from "../copy.ts";
import { type Random, seededRandom } from "../random.ts";
import { compareFields } from "./compare.ts";
import { type FieldSet, pathsOf } from "./field-set.ts";
import type { FieldType } from "./field-type.ts";
import { managerKey, type Owners } from "./owners.ts";
import { ownersAfterUpdate } from "./track.ts";

/** Owners as their paths; whatever is shared between sets, this is what a write must make of them. */
type Model = Map<string, Set<string>>;

const ITEMS: FieldType = {
  is: "list",
  relation: "associative",
  element: { is: "deduced" },
  keys: [{ name: "name" }],
};
const TYPE: FieldType = {
  is: "struct",
  atomic: false,
  alwaysThere: [{ name: "spec", value: "{}" }],
  field: (name) => ({ type: name === "items" ? ITEMS : { is: "deduced" } }),
};
const RESET: FieldSet = { "f:status": {} };
const MANAGERS = ["a", "b", "c"];

function drawMap(random: Random, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    ["x", "y", "z"]
      .filter(() => random.below(3) > 0)
      .map((name) => [name, depth > 0 && random.below(2) > 0 ? drawMap(random, depth - 1) : random.below(2)]),
  );
}

function drawObject(random: Random): Record<string, unknown> {
  const items = ["p", "q", "r"]
    .filter(() => random.below(2) > 0)
    .map((name) => ({ name, ...drawMap(random, 1) }));
  const metadata = { name: "a", generation: random.below(2), labels: drawMap(random, 0) };
  return { kind: "Thing", metadata, spec: drawMap(random, 2), status: drawMap(random, 1), items };
}

const pathsIn = (set: FieldSet) => pathsOf(set).map((path) => path.join("/"));
const isReset = (path: string) => path === "f:status" || path.startsWith("f:status/");
const isNeverOwned = (path: string) =>
  ["f:kind", "f:metadata", "f:metadata/f:name", "f:metadata/f:generation"].includes(path);

function update(model: Model, who: string, old: unknown, next: unknown): void {
  const { added, modified, removed } = compareFields(TYPE, old, next);
  const changed = [...pathsIn(added), ...pathsIn(modified)].filter((path) => !isReset(path));
  for (const paths of model.values())
    for (const path of [...changed, ...pathsIn(removed).filter((one) => !isReset(one))]) paths.delete(path);
  const own = model.get(who) ?? new Set();
  for (const path of changed) if (!isNeverOwned(path)) own.add(path);
  model.set(who, own);
}

const inModel = (model: Model) =>
  Object.fromEntries(
    [...model].filter(([, paths]) => paths.size > 0).map(([who, paths]) => [who, [...paths].sort()]),
  );
const inOwners = (owners: Owners) =>
  Object.fromEntries([...owners.values()].map(({ name, fields }) => [name, pathsIn(fields).sort()]));

const who = (name: string) => ({ name, operation: "Update", apiVersion: "v1" }) as const;
const write = (owners: Owners, name: string, old: unknown, next: unknown): Owners =>
  ownersAfterUpdate(old, next, {
    owners,
    who: who(name),
    reset: RESET,
    now: "",
    versions: () => ({ type: TYPE, convert: (object) => object }),
  });

const SEEDS = 150;

test(`after each write everybody owns what they changed last (${SEEDS} seeds)`, () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const random = seededRandom(seed);
    const model: Model = new Map();
    // Somebody sent managedFields of their own, which say that they own what nobody can.
    let owners: Owners = new Map();
    if (random.below(3) === 0) {
      const fields: FieldSet = { "f:metadata": { ".": {}, "f:generation": {} }, "f:status": { "f:x": {} } };
      owners = new Map([[managerKey(who("a")), { ...who("a"), fields }]]);
      model.set("a", new Set(pathsIn(fields)));
    }
    let object: unknown = { metadata: {} };
    for (let step = 0; step < 6; step++) {
      const [name, next] = [MANAGERS[random.below(MANAGERS.length)]!, drawObject(random)];
      owners = write(owners, name, object, next);
      for (const { fields } of owners.values()) deepFreeze(fields);
      update(model, name, object, next);
      expect(inOwners(owners), `seed ${seed}, step ${step}`).toEqual(inModel(model));
      object = next;
    }
  }
});

test("who changes again what they own keeps the set they have", () => {
  const [first, second] = [1, 2].map((x) => ({ metadata: { labels: { x } }, spec: { y: { x } } }));
  const owners = write(new Map(), "a", { metadata: {} }, first);
  const { fields } = [...owners.values()][0]!;
  expect([...write(owners, "a", first, second).values()][0]?.fields).toBe(fields);
});
