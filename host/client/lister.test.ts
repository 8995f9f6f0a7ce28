import { expect, test } from "vitest";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { byNamespace, byOwner, ObjectCache } from "./lister.ts";

function object(name: string, namespace: string, ...owners: string[]): KubernetesObject {
  const ownerReferences = owners.map((uid) => ({ apiVersion: "v1", kind: "X", name: "x", uid }));
  return { metadata: { name, namespace, ownerReferences } };
}

const names = (objects: readonly KubernetesObject[]) => objects.map((one) => one.metadata?.name).join(" ");

test("an index follows what is set and deleted, in order of first sight", () => {
  const cache = new ObjectCache<KubernetesObject>();
  cache.set(object("a", "x", "o1"));
  cache.set(object("b", "x", "o1", "o2"));
  expect([names(cache.by(byNamespace, "x")), names(cache.by(byOwner, "o1"))]).toEqual(["a b", "a b"]);
  cache.set(object("a", "x", "o1"));
  cache.set(object("c", "y", "o2"));
  expect([names(cache.by(byNamespace, "x")), names(cache.by(byOwner, "o2"))]).toEqual(["a b", "b c"]);
  cache.set(object("b", "x", "o3"));
  expect([names(cache.by(byOwner, "o1")), names(cache.by(byOwner, "o2"))]).toEqual(["a", "c"]);
  cache.delete("x/b");
  expect([names(cache.by(byOwner, "o3")), names(cache.by(byNamespace, "x")), cache.size]).toEqual([
    "",
    "a",
    2,
  ]);
});
