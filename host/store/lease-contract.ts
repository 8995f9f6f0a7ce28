import { describe, expect, test } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { LeaseNotFoundError, type Store } from "./store.ts";
import type { Engine } from "./store-contract.ts";
import { apply, bytes, inKeys, recorder, settledAt } from "./store-shorthand.ts";

/** What every engine promises about leases; a part of the store contract. */
export function runLeaseContract(engine: Engine): void {
  describe("leases", () => {
    const begin = async () => {
      const clock = new VirtualClock();
      const store = await engine.open({ clock });
      return { clock, store, pass: (ms: number) => engine.pass?.(ms) ?? clock.advance(ms) };
    };
    const write = (store: Store, key: string, lease: string) => store.create(key, bytes("1"), { lease });

    test("the end of a lease deletes its keys under one revision", async () => {
      const { store, pass } = await begin();
      const { id, ttlMs } = await store.grantLease(900);
      expect(ttlMs).toBe(1_000);
      for (const key of ["b", "a"]) await write(store, key, id);
      await apply(store, "create c 1");
      const watcher = recorder();
      store.watch("", 4, watcher);
      expect((await store.get("a"))?.lease).toBe(id);
      await pass(2_500);
      await settledAt(store, 5);
      expect(watcher.events).toEqual(["5 delete a was 1@3", "5 delete b was 1@2"]);
      expect(inKeys(await store.range(""))).toBe("c");
      expect(await store.keepLeaseAlive(id)).toBeUndefined();
      expect(await store.revokeLease(id)).toBe(false);
    });

    test("a lease that is kept alive does not end, one that is not does", async () => {
      const { store, pass } = await begin();
      const kept = await store.grantLease(3_000);
      const left = await store.grantLease(3_000);
      await write(store, "kept", kept.id);
      await write(store, "left", left.id);
      for (let i = 0; i < 5; i++) {
        await pass(1_000);
        expect(await store.keepLeaseAlive(kept.id)).toEqual(kept);
      }
      await settledAt(store, 4);
      expect(inKeys(await store.range(""))).toBe("kept");
    });

    test("revoking ends it at once", async () => {
      const { store } = await begin();
      const { id } = await store.grantLease(60_000);
      await write(store, "a", id);
      expect(await store.revokeLease(id)).toBe(true);
      expect([inKeys(await store.range("")), store.revision]).toEqual(["", 3]);
      const empty = await store.grantLease(60_000);
      expect(empty.id).not.toBe(id);
      expect([await store.revokeLease(empty.id), store.revision]).toEqual([true, 3]);
    });

    test("a key leaves its lease when it is written without it or with another", async () => {
      const { store } = await begin();
      const first = await store.grantLease(60_000);
      const second = await store.grantLease(60_000);
      for (const key of ["a", "b", "c", "d"]) await write(store, key, first.id);
      await apply(store, "update a@2 2");
      await store.update("b", bytes("2"), 3, { lease: second.id });
      await apply(store, "delete c");
      await apply(store, "create c 2");
      await store.update("d", bytes("2"), 5);
      await store.update("d", bytes("3"), 10, { lease: first.id });
      await store.revokeLease(first.id);
      expect(inKeys(await store.range(""))).toBe("a b c");
      await store.revokeLease(second.id);
      expect(inKeys(await store.range(""))).toBe("a c");
    });

    test("a lease that is not there is said to be so, and nothing is written", async () => {
      const { store } = await begin();
      const { id } = await store.grantLease(60_000);
      await store.revokeLease(id);
      await expect(write(store, "a", id)).rejects.toThrow(LeaseNotFoundError);
      await expect(write(store, "a", "123456789")).rejects.toThrow(LeaseNotFoundError);
      expect([await store.get("a"), store.revision]).toEqual([undefined, 1]);
    });

    test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses a time of %d ms", async (ttlMs) => {
      const { store } = await begin();
      await expect(store.grantLease(ttlMs)).rejects.toThrow(RangeError);
    });

    if (engine.reopen === undefined) return;
    test("outlives a restart with its keys, and then has its full time", async () => {
      const { store, clock } = await begin();
      const lease = await store.grantLease(10_000);
      const ended = await store.grantLease(10_000);
      await write(store, "a", lease.id);
      await store.revokeLease(ended.id);
      await clock.advance(9_000);
      const later = new VirtualClock(clock.nowMs() + 60_000);
      const again = await engine.reopen!(store, later);
      const watcher = recorder();
      again.watch("", again.revision, watcher);
      await later.advance(9_000);
      expect(watcher.events).toEqual([]);
      expect(await again.revokeLease(ended.id)).toBe(false);
      expect([ended.id, lease.id]).not.toContain((await again.grantLease(60_000)).id);
      if (engine.pass !== undefined) return;
      await later.advance(1_500);
      await settledAt(again, 3);
      expect(watcher.events).toEqual(["3 delete a was 1@2"]);
    });
  });
}
