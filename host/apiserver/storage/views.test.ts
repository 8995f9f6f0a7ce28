import { describe, expect, test } from "vitest";
import { type AnyObject, encodeObject, Views } from "./view.ts";

/** An object named `web` on a node; parts of it are told apart by identity. */
function web(node: string): AnyObject {
  return { kind: "Pod", apiVersion: "v1", metadata: { name: "web" }, spec: { nodeName: node } };
}

const entry = (object: AnyObject, modRevision: number) => ({
  key: "/pods/default/web",
  // A copy, as the store makes one.
  value: Uint8Array.from(encodeObject(object)),
  createRevision: 1,
  modRevision,
});

describe("who is told of a write before its writer", () => {
  test("gets the object that was written, under its revision, and is not made to read its bytes", () => {
    const views = new Views();
    const object = web("n1");
    const expected = views.expect("/pods/default/web", encodeObject(object), object);
    const written = entry(object, 41);
    const seen = views.of(written).object;
    expect(seen["spec"]).toBe(object["spec"]);
    expect(seen.metadata).toEqual({ name: "web", resourceVersion: "41" });
    expected.forget();
    // The writer finds what the watcher was given.
    expect(views.remember(written, object).object).toBe(seen);
  });

  test.each([
    ["another write came first", "n2", false],
    ["the write is over", "n1", true],
  ])("gets what its bytes say when %s", (_, stored, isOver) => {
    const views = new Views();
    const object = web("n1");
    const expected = views.expect("/pods/default/web", encodeObject(object), object);
    if (isOver) expected.forget();
    const seen = views.of(entry(web(stored), 41)).object;
    expect(seen["spec"]).not.toBe(object["spec"]);
    expect(seen["spec"]).toEqual({ nodeName: stored });
  });

  test("a write that ends does not take away what a later one of the key expects", () => {
    const views = new Views();
    const [first, second] = [web("n1"), web("n2")];
    const earlier = views.expect("/pods/default/web", encodeObject(first), first);
    views.expect("/pods/default/web", encodeObject(second), second);
    earlier.forget();
    expect(views.of(entry(second, 42)).object["spec"]).toBe(second["spec"]);
  });
});
