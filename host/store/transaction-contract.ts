import { describe, expect, test } from "vitest";
import { MAX_OPERATIONS } from "./store.ts";
import type { Engine } from "./store-contract.ts";
import { apply, bytes, inKeys, recorder, settled, transact } from "./store-shorthand.ts";

/** What every engine promises about transactions; a part of the store contract. */
export function runTransactionContract(engine: Engine): void {
  describe("transaction", () => {
    // Before each: a=1 at revision 2, b=1 at revision 3.
    test.each([
      {
        name: "writes all under one revision, in order of the keys",
        operations: ["create c 1", "delete b@3", "update a@2 2"],
        gives: ["4 put a=2 was 1@2", "4 delete b was 1@3", "4 put c=1"],
      },
      { name: "deletes whatever is there", operations: ["delete a"], gives: ["4 delete a was 1@2"] },
      {
        name: "writes nothing when one condition does not hold",
        operations: ["create c 1", "update a@3 2", "delete b"],
        gives: "no: nothing, a=1 created 2 modified 2, b=1 created 3 modified 3",
      },
      { name: "cannot delete what is not there", operations: ["delete c"], gives: "no: nothing" },
      {
        name: "checks a key and writes another",
        operations: ["check a@2", "create c 1"],
        gives: ["4 put c=1"],
      },
      {
        name: "checks that a key is absent",
        operations: ["check c@0", "delete a"],
        gives: ["4 delete a was 1@2"],
      },
      {
        name: "refuses when a checked key has changed",
        operations: ["check a@3", "create c 1"],
        gives: "no: a=1 created 2 modified 2, nothing",
      },
      { name: "takes no revision when it only checks", operations: ["check a@2", "check b@3"], gives: [] },
      { name: "may be empty", operations: [], gives: [] },
    ])("$name", async ({ operations, gives }) => {
      const store = await engine.open();
      for (const write of ["create a 1", "create b 1"]) await apply(store, write);
      const watcher = recorder();
      store.watch("", 3, watcher);
      expect(await transact(store, ...operations)).toEqual(gives);
      await settled();
      const events = typeof gives === "string" ? [] : gives;
      expect(watcher.events).toEqual(events);
      expect(store.revision).toBe(events.length === 0 ? 3 : 4);
      if (events.length > 0) expect(inKeys(await store.range("", { revision: 3 }))).toBe("a b");
    });

    test("its events arrive together, and survive a restart and a compaction", async () => {
      const store = await engine.open();
      const batches: number[] = [];
      store.watch("", 1, { onEvents: (events) => batches.push(events.length) });
      await transact(store, "create b 1", "create a 1", "create c 1");
      await transact(store, "delete a", "update b@2 2");
      await settled();
      expect(batches).toEqual([3, 2]);
      await store.compact(2);
      const again = (await engine.reopen?.(store)) ?? store;
      expect([inKeys(await again.range("")), inKeys(await again.range("", { revision: 2 }))]).toEqual([
        "b c",
        "a b c",
      ]);
      const resumed = recorder();
      again.watch("", 2, resumed);
      await settled();
      expect(resumed.events).toEqual(["3 delete a was 1@2", "3 put b=2 was 1@2"]);
    });

    test.each([
      { name: "a key twice", keys: ["a", "b", "a"] },
      { name: "too many keys", keys: Array.from({ length: MAX_OPERATIONS + 1 }, (_, i) => `k${i}`) },
      { name: "an empty key", keys: ["a", ""] },
    ])("refuses $name", async ({ keys }) => {
      const store = await engine.open();
      const operations = keys.map((key) => ({ type: "create" as const, key, value: bytes("1") }));
      await expect(store.transact(operations)).rejects.toThrow(RangeError);
      expect(store.revision).toBe(1);
    });

    test("counts what it did", async () => {
      const store = await engine.open();
      const handle = store.watch("", 0, recorder());
      await transact(store, "create a 1", "create b 1");
      await apply(store, "create a 1");
      await settled();
      expect(store.metrics()).toMatchObject({ commits: 1, conflicts: 1, failures: 0, eventsDelivered: 2 });
      expect(store.metrics()).toMatchObject({ watchers: 1, keys: 2, retainedRevisions: 1 });
      handle.cancel();
      expect(store.metrics().watchers).toBe(0);
    });
  });
}
