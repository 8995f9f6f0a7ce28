import { describe, expect, test } from "vitest";
import { ApiError } from "../errors.ts";
import { applyJsonPatch } from "./json-patch.ts";

const doc = { a: 1, list: ["x", "y", "z"], map: { "k/1": 1, "~": 2 }, nothing: null };

/** An operation is written "op path value", with the value as JSON. */
function operation(text: string): object {
  const [op, path, ...rest] = text.split(" ");
  const pointer = path === '""' ? "" : path;
  if (op === "move" || op === "copy") return { op, from: pointer, path: rest[0] };
  return { op, path: pointer, ...(rest.length > 0 ? { value: JSON.parse(rest.join(" ")) } : {}) };
}

describe("operations", () => {
  test.each([
    ["add /b 2", { ...doc, b: 2 }],
    ["add /a 2", { ...doc, a: 2 }],
    ["add /list/0 1", { ...doc, list: [1, "x", "y", "z"] }],
    ["add /list/3 1", { ...doc, list: ["x", "y", "z", 1] }],
    ["add /list/- 1", { ...doc, list: ["x", "y", "z", 1] }],
    ["add /map/k~11 5", { ...doc, map: { "k/1": 5, "~": 2 } }],
    ["replace /map/~0 5", { ...doc, map: { "k/1": 1, "~": 5 } }],
    ["replace /list/1 5", { ...doc, list: ["x", 5, "z"] }],
    ['replace "" {"n":1}', { n: 1 }],
    ["remove /list/1", { ...doc, list: ["x", "z"] }],
    ["remove /list/-1", { ...doc, list: ["x", "y"] }],
    ["remove /a", { list: doc.list, map: doc.map, nothing: null }],
    ["test /a 1", doc],
    ['test /map {"~":2,"k/1":1}', doc],
    ["test /absent null", doc],
    ["move /a /map/a", { list: doc.list, map: { ...doc.map, a: 1 }, nothing: null }],
    ["move /list/0 /list/2", { ...doc, list: ["y", "z", "x"] }],
    ["move /a /a", doc],
    ["copy /list /map/l", { ...doc, map: { ...doc.map, l: doc.list } }],
  ])("%s", (text, wants) => {
    const before = JSON.stringify(doc);
    expect(applyJsonPatch(doc, [operation(text)])).toEqual(wants);
    expect(JSON.stringify(doc)).toBe(before);
  });

  test("in turn, each on what the one before left", () => {
    expect(
      applyJsonPatch({}, ["add /a {}", "add /a/b 1", "copy /a /c", "remove /a/b"].map(operation)),
    ).toEqual({
      a: {},
      c: { b: 1 },
    });
  });
});

describe("what cannot be done is 422, and nothing is changed", () => {
  test.each([
    ["test /a 2"],
    ["test /list/7 1"],
    ["remove /b"],
    ["replace /b 1"],
    ["add /no/b 1"],
    ["add /list/4 1"],
    ["add /list/01 1"],
    ["add /list/x 1"],
    ["add /a/b 1"],
    ["add /constructor/x 1"],
    ["remove /toString"],
    ["add a 1"],
    ["add /b"],
    ["move /map /map/inner"],
    ["copy /no /b"],
    ["spread /a 1"],
  ])("%s", (text) => {
    const failure = new ApiError(
      "Invalid",
      "the server rejected our request due to an error in our request",
      {},
    );
    expect(() => applyJsonPatch(doc, [operation(text)])).toThrow(failure);
  });

  test("a patch that is no list", () => {
    expect(() => applyJsonPatch(doc, {})).toThrow(
      "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
    );
    expect(() => applyJsonPatch(doc, [5])).toThrow("error decoding patch: json: cannot unmarshal number");
  });

  test("too many operations", () => {
    const many = Array.from({ length: 10_001 }, () => operation("test /a 1"));
    expect(() => applyJsonPatch(doc, many)).toThrow(
      "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
    );
  });

  test("copies that double a document until it fills the memory", () => {
    const doubling = Array.from({ length: 40 }, (_, i) => ({ op: "copy", from: "/a", path: `/a/${i}` }));
    expect(() => applyJsonPatch({ a: { text: "x".repeat(100) } }, doubling)).toThrow(
      "the server rejected our request",
    );
  });

  test.each([
    [
      "copied into itself",
      Array.from({ length: 20 }, (_, i) => ({ op: "copy", from: "", path: "/a".repeat(2 ** i) })),
    ],
    [
      "step by step",
      Array.from({ length: 400 }, (_, i) => ({ op: "add", path: "/a".repeat(i + 1), value: {} })),
    ],
  ])("a document nested without end, %s", (_, operations) => {
    expect(() => applyJsonPatch({}, operations)).toThrow("the server rejected our request");
  });

  test("__proto__ is a member like any other", () => {
    const patched = applyJsonPatch({}, [{ op: "add", path: "/__proto__", value: { x: 1 } }]) as {
      x?: number;
    };
    expect(patched.x).toBeUndefined();
    expect(JSON.stringify(patched)).toBe('{"__proto__":{"x":1}}');
  });
});
