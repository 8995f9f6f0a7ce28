import { expect, test } from "vitest";
import type { FieldType, ListType } from "./field-type.ts";
import { haveSameFields, outlineOf } from "./same-fields.ts";

const FREE: FieldType = { is: "deduced" };
const list = (relation: ListType["relation"], element: FieldType, ...keys: string[]): FieldType => ({
  is: "list",
  relation,
  element,
  keys: keys.map((name) => ({ name, default: "" })),
});
const whole: FieldType = { is: "struct", atomic: true, field: () => undefined, alwaysThere: [] };
const FIELDS: Readonly<Record<string, FieldType>> = {
  text: { is: "scalar", of: "string" },
  free: FREE,
  any: { is: "any" },
  labels: { is: "map", atomic: false, element: { is: "scalar", of: "string" } },
  selector: { is: "map", atomic: true, element: FREE },
  set: list("set", FREE),
  args: list("atomic", FREE),
  env: list("associative", FREE, "name"),
  owners: list("associative", whole, "uid"),
};
const TYPE: FieldType = {
  is: "struct",
  atomic: false,
  alwaysThere: [{ name: "free", value: "{}" }],
  field: (name) => (Object.hasOwn(FIELDS, name) ? { type: FIELDS[name]! } : undefined),
};
const LONG = "x".repeat(1_000);

test.each<[string, object, object, boolean]>([
  ["other texts", { text: "a", labels: { a: "x" } }, { text: LONG, labels: { a: "" } }, true],
  ["another order of fields", { text: "a", any: 1 }, { any: 2, text: "b" }, true],
  ["a field more", { text: "a" }, { text: "a", any: 1 }, false],
  ["a field less", { text: "a", any: 1 }, { text: "a" }, false],
  ["a field that is not said", { text: "a" }, { text: undefined }, false],
  ["null", { text: "a", any: 1 }, { text: "a", any: null }, false],
  ["what is inherited", { labels: { constructor: "a" } }, { labels: { other: "a" } }, false],
  ["what is inherited by all", { free: { ["__proto__x"]: {} } }, { free: { other: {} } }, false],
  ["other labels", { labels: { a: "x" } }, { labels: { b: "x" } }, false],
  ["empty and not", { labels: {} }, { labels: { a: "x" } }, false],
  ["empty and not, as a whole", { selector: {} }, { selector: { a: "x" } }, false],
  [
    "other things as a whole",
    { selector: { a: "x" }, args: [1] },
    { selector: { b: "x", c: "" }, args: [2, {}] },
    true,
  ],
  ["a list and an object", { free: [] }, { free: {} }, false],
  ["a list and an object as a whole", { any: [1] }, { any: { a: 1 } }, false],
  ["an object where a scalar was", { free: { a: 1 } }, { free: { a: { b: 1 } } }, false],
  ["the same of a set", { set: ["a", LONG, 1] }, { set: ["a", LONG, 1] }, true],
  ["another of a set", { set: ["a"] }, { set: ["b"] }, false],
  ["objects in a set", { set: [{ a: 1 }] }, { set: [{ a: 1 }] }, false],
  ["an item more", { env: [{ name: "a" }] }, { env: [{ name: "a" }, { name: "b" }] }, false],
  [
    "items of the same names",
    { env: [{ name: LONG, value: "1" }] },
    { env: [{ name: LONG, value: "22" }] },
    true,
  ],
  ["an item of another name", { env: [{ name: LONG }] }, { env: [{ name: "" }] }, false],
  ["an item of another name as long", { env: [{ name: "a" }] }, { env: [{ name: "b" }] }, false],
  ["an item without its name", { env: [{ name: "a", v: 1 }] }, { env: [{ v: 1 }] }, false],
  ["an item with a field more", { env: [{ name: "a" }] }, { env: [{ name: "a", value: "1" }] }, false],
  ["items whose names are objects", { env: [{ name: { a: 1 } }] }, { env: [{ name: { a: 1 } }] }, false],
  [
    "the same owner",
    { owners: [{ uid: "1", kind: "A" }] },
    { owners: [{ uid: "1", name: "x", kind: "B" }] },
    true,
  ],
  ["another owner", { owners: [{ uid: "1" }] }, { owners: [{ uid: "2" }] }, false],
  ["an owner that is not said", { owners: [{ uid: "1", kind: "A" }] }, { owners: [{ kind: "A" }] }, false],
])("%s", (_, a, b, wants) => {
  expect(haveSameFields(TYPE, outlineOf(TYPE, a), b)).toBe(wants);
});

test("an outline keeps names of items and no content", () => {
  const object = { text: LONG, selector: { a: LONG }, env: [{ name: "a", value: LONG }], set: ["b"] };
  expect(outlineOf(TYPE, object)).toEqual({
    text: "",
    selector: { "": 0 },
    env: [{ name: "a", value: "" }],
    set: ["b"],
  });
});
