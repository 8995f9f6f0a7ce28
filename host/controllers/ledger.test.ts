import { expect, test } from "vitest";
import { ConfigMap, Secret } from "../api/core-kinds.ts";
import type { Kind } from "../api/kind.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { SharedInformers } from "../client/informer.ts";
import { Ledger } from "./ledger.ts";

const MAP = ConfigMap as unknown as Kind;

/** A cache of ConfigMaps that shows everything up to a revision; nobody watches Secrets. */
function caches() {
  const objects = new Map<string, KubernetesObject>();
  const informer = { revision: 0, lister: { get: (key: string) => objects.get(key) } };
  const informers = {
    find: (kind: Kind) => (kind === MAP ? informer : undefined),
  } as unknown as SharedInformers;
  return { objects, informer, ledger: new Ledger(informers) };
}

function object(name: string, resourceVersion: string, uid = name): KubernetesObject {
  return { metadata: { namespace: "w", name, uid, resourceVersion } };
}

test("a key is settled when the cache shows the last of its writes", () => {
  const { informer, ledger } = caches();
  ledger.wrote("w/owner", MAP, object("a", "5"), 0);
  ledger.wrote("w/owner", MAP, object("b", "6"), 0);
  expect([ledger.isSettled("w/owner", 0), ledger.isSettled("w/other", 0)]).toEqual([false, true]);
  informer.revision = 5;
  expect(ledger.isSettled("w/owner", 0)).toBe(false);
  informer.revision = 6;
  expect(ledger.isSettled("w/owner", 0)).toBe(true);
});

test("a removed object is seen when it is gone, or made anew under its name", () => {
  const { objects, ledger } = caches();
  objects.set("w/a", object("a", "4"));
  ledger.removed("w/owner", MAP, object("a", "4"), 0);
  expect(ledger.isSettled("w/owner", 0)).toBe(false);
  objects.set("w/a", object("a", "9", "another"));
  expect(ledger.isSettled("w/owner", 0)).toBe(true);
});

test("kinds that nobody watches are not waited for, and nothing is for more than five minutes", () => {
  const { ledger } = caches();
  ledger.wrote("w/owner", Secret as unknown as Kind, object("a", "5"), 0);
  expect(ledger.isSettled("w/owner", 0)).toBe(true);
  ledger.wrote("w/owner", MAP, object("a", "5"), 0);
  expect([ledger.isSettled("w/owner", 299_999), ledger.isSettled("w/owner", 300_000)]).toEqual([false, true]);
});
