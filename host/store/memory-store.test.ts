import { expect, test } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { createMemoryStore } from "./memory-store.ts";
import { runStoreContract } from "./store-contract.ts";
import { bytes, inKeys, recorder, settled } from "./store-shorthand.ts";

runStoreContract({ name: "memory", open: async (options) => createMemoryStore(options) });

test("writes and watches need nothing but promises, and come in the same order each time", async () => {
  const run = async () => {
    const store = createMemoryStore({ clock: new VirtualClock() });
    const steps: string[] = [];
    store.watch("", 0, {
      onEvents: (events) => steps.push(`events ${events.map((event) => event.revision)}`),
    });
    for (const key of ["a", "b", "c"])
      void store.create(key, bytes(key)).then((result) => steps.push(`${key} ${result.ok}`));
    void store.get("a").then((entry) => steps.push(`read ${entry?.modRevision}`));
    // Only microtasks: nothing else can have run when this loop ends.
    for (let turn = 0; turn < 50; turn++) await undefined;
    return steps;
  };
  const steps = await run();
  expect(steps).toEqual(["read undefined", "events 2,3,4", "a true", "b true", "c true"]);
  expect(await run()).toEqual(steps);
});

test("a clone has all there was and goes its own way", async () => {
  const clock = new VirtualClock();
  const store = createMemoryStore({ clock });
  const lease = await store.grantLease(10_000);
  await store.create("a", bytes("1"));
  await store.create("leased", bytes("1"), { lease: lease.id });
  const clone = store.clone(new VirtualClock());
  await store.delete("a");
  await clone.update("a", bytes("2"), 2);
  await clock.advance(11_000);
  expect([inKeys(await store.range("")), store.revision]).toEqual(["", 5]);
  expect([inKeys(await clone.range("")), clone.revision]).toEqual(["a leased", 4]);
  const watcher = recorder();
  clone.watch("", 1, watcher);
  await settled();
  expect(watcher.events).toEqual(["2 put a=1", "3 put leased=1", "4 put a=2 was 1@2"]);
  expect(await clone.revokeLease(lease.id)).toBe(true);
  expect(inKeys(await clone.range(""))).toBe("a");
});
