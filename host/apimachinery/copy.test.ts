import { describe, expect, test } from "vitest";
import { deepCopy, deepEqual, deepFreeze, getOwn } from "./copy.ts";

const hostile = JSON.parse('{"__proto__":{"polluted":true},"a":1}');

describe("deepCopy", () => {
  test("shares nothing and leaves undefined out", () => {
    const original = { a: [1, { b: 2 }], c: undefined, d: null };
    const copy = deepCopy(original);
    expect(copy).toEqual({ a: [1, { b: 2 }], d: null });
    expect(Object.keys(copy)).toEqual(["a", "d"]);
    (copy.a[1] as { b: number }).b = 3;
    expect(original.a[1]).toEqual({ b: 2 });
  });

  test("keeps a key named __proto__ as data", () => {
    const copy = deepCopy(hostile);
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"polluted":true},"a":1}');
    expect(copy.polluted).toBeUndefined();
  });
});

describe("deepEqual", () => {
  test.each<{ name: string; a: unknown; b: unknown; equal: boolean }>([
    { name: "numbers", a: 1, b: 1, equal: true },
    { name: "number and its text", a: 1, b: "1", equal: false },
    { name: "null and absent", a: null, b: undefined, equal: false },
    { name: "keys in another order", a: { a: 1, b: 2 }, b: { b: 2, a: 1 }, equal: true },
    { name: "an undefined member and none", a: { a: 1, b: undefined }, b: { a: 1 }, equal: true },
    { name: "one member more on the right", a: { a: 1 }, b: { a: 1, b: 2 }, equal: false },
    { name: "one member less on the right", a: { a: 1, b: 2 }, b: { a: 1 }, equal: false },
    { name: "lists in another order", a: [1, 2], b: [2, 1], equal: false },
    { name: "a list and an object like it", a: [1], b: { 0: 1 }, equal: false },
    { name: "an inherited name", a: { constructor: Object }, b: {}, equal: false },
    { name: "deep difference", a: { a: [{ b: 1 }] }, b: { a: [{ b: 2 }] }, equal: false },
  ])("$name", ({ a, b, equal }) => {
    expect(deepEqual(a, b)).toBe(equal);
  });
});

test("deepFreeze reaches the innermost member", () => {
  const frozen = deepFreeze({ a: [{ b: 1 }] });
  expect(() => {
    frozen.a[0]!.b = 2;
  }).toThrow(TypeError);
});

test("getOwn finds no inherited member", () => {
  expect(getOwn({}, "constructor")).toBeUndefined();
  expect(getOwn({ a: 1 }, "a")).toBe(1);
});
