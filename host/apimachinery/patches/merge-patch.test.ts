import { expect, test } from "vitest";
import { applyMergePatch } from "./merge-patch.ts";

// The examples of RFC 7386, appendix A, as far as the patch is an object.
test.each([
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])("%j merged with %j", (doc, patch, wants) => {
  const before = JSON.stringify(doc);
  expect(applyMergePatch(doc, patch)).toEqual(wants);
  expect(JSON.stringify(doc)).toBe(before);
});

test.each([
  [[], "array"],
  ["x", "string"],
  [null, "null"],
])("%j is no patch of an object", (patch, kind) => {
  expect(() => applyMergePatch({}, patch)).toThrow(
    `error decoding patch: json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`,
  );
});

test("a key such as constructor merges with nothing inherited", () => {
  expect(applyMergePatch({}, { constructor: { a: 1 } })).toEqual({ constructor: { a: 1 } });
  const polluted = applyMergePatch({}, JSON.parse('{"__proto__":{"x":1}}')) as { x?: number };
  expect(polluted.x).toBeUndefined();
});
