import { expect, test } from "vitest";
import type { V1Pod } from "../api/generated/types.ts";
import { type ClassEntry, ClassTable } from "./class-table.ts";
import { createScheduler } from "./library.ts";
import type { PodFacts } from "./pod-facts.ts";
import type { ProfileFacts } from "./profile-facts.ts";

const profile = { id: 0 } as ProfileFacts;
const factsOf = (signature: string) => ({ signature }) as PodFacts;
const entryOf = (id: number, signature: string): Omit<ClassEntry, "usedAt"> => {
  return {
    id,
    facts: factsOf(signature),
    profile,
    images: [],
    extended: [],
    usage: {} as ClassEntry["usage"],
  };
};

test("the class that was used least recently is given up, unless it is held", () => {
  const table = new ClassTable();
  for (const [id, name] of ["a", "b", "c"].entries()) table.add(entryOf(id, name));
  table.hold();
  table.find(factsOf("a"), profile);
  expect(table.evict()?.facts.signature).toBe("b");
  expect(table.evict()?.facts.signature).toBe("c");
  expect(table.evict()).toBeUndefined();
  expect(table.size).toBe(1);
  table.hold();
  expect(table.evict()?.facts.signature).toBe("a");
});

test("a class is known by its profile and its signature", () => {
  const table = new ClassTable();
  table.add(entryOf(0, "a"));
  expect(table.find(factsOf("a"), profile)?.id).toBe(0);
  expect(table.find(factsOf("a"), { id: 1 } as ProfileFacts)).toBeUndefined();
  expect(table.find(factsOf("b"), profile)).toBeUndefined();
});

const MILLION = { nodes: 1_000_000, pods: 1_000 };

/** A pod that spreads by its own label, so that its class needs a track. */
function spreading(i: number): V1Pod {
  const labels = { app: `app-${i}` };
  const constraint = {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: labels },
  };
  return {
    metadata: { name: `pod-${i}`, namespace: "default", labels },
    spec: { containers: [{ name: "c" }], topologySpreadConstraints: [constraint] },
  };
}

test("for a million nodes there are 128 tracks: classes of earlier pods, and of earlier batches, make room", async () => {
  const scheduler = await createScheduler({ thread: "caller", capacity: MILLION });
  for (const name of ["n1", "n2"])
    scheduler.addNode({
      metadata: { name, labels: { "kubernetes.io/hostname": name } },
      status: { allocatable: { cpu: "64", memory: "256Gi", pods: "500" } },
    });
  // Each of 300 classes is asked for twice, the second time when it has been given up.
  const pods = Array.from({ length: 600 }, (_, i) => ({
    ...spreading(i % 300),
    metadata: { ...spreading(i % 300).metadata!, name: `pod-${i}` },
  }));
  const decisions = await scheduler.schedule(pods);
  expect(decisions.filter(({ node }) => node === null)).toEqual([]);
  // The first pod of an application is on one node, so that the second has to go to the other.
  for (let i = 0; i < 300; i++) expect(decisions[i]!.node).not.toBe(decisions[i + 300]!.node);
  await scheduler.close();
});
