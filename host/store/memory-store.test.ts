import { expect, test } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { createMemoryStore } from "./memory-store.ts";
import { runStoreContract } from "./store-contract.ts";
import { bytes } from "./store-shorthand.ts";

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
