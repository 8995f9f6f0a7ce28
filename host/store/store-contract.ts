import { describe, expect, test } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import type { HistoryBounds } from "./history.ts";
import { runLeaseContract } from "./lease-contract.ts";
import { runSnapshotContract } from "./snapshot-contract.ts";
import { CompactedError, FutureRevisionError, type Store, StoreUnavailableError } from "./store.ts";
import { compareWithModel } from "./store-model.ts";
import { apply, bytes, inKeys, recorder, settled, text } from "./store-shorthand.ts";
import { runTransactionContract } from "./transaction-contract.ts";
import { runWatchContract } from "./watch-contract.ts";

/** What the suite needs of an engine. Stores are gone after the test. */
export interface Engine {
  readonly name: string;
  /** Closes the store and opens what it kept; absent for an engine that keeps nothing. */
  reopen?(store: Store, clock?: VirtualClock): Promise<Store>;
  /** Lets time pass for leases; absent: they go by the clock that was given to `open`. */
  pass?(ms: number): Promise<void>;
  /** False: writes made side by side may take their revisions in another order than they were made. */
  readonly keepsOrder?: false;
  /** False: how much fits is not the engine's own to say. */
  readonly isBounded?: false;
  /** An empty store. */
  open(options?: {
    clock?: VirtualClock;
    history?: Partial<HistoryBounds>;
    maxBytes?: number;
  }): Promise<Store>;
}

/** Carries out writes told in shorthand, at once where their order is certain then, else one after the other. */
export async function sideBySide(engine: Engine, store: Store, writes: readonly string[]): Promise<string[]> {
  if (engine.keepsOrder !== false) return await Promise.all(writes.map((write) => apply(store, write)));
  const outcomes: string[] = [];
  for (const write of writes) outcomes.push(await apply(store, write));
  return outcomes;
}

/**
 * What every engine promises. Writes are told in the shorthand of `store-shorthand.ts`; each takes a revision, from 2 on.
 */
export function runStoreContract(engine: Engine): void {
  describe(`store contract: ${engine.name}`, () => {
    test("a new store stands at revision 1 and knows nothing", async () => {
      const store = await engine.open();
      expect(store.revision).toBe(1);
      expect(await store.get("a")).toBeUndefined();
      expect(await store.range("")).toEqual({ entries: [], revision: 1, remaining: 0 });
    });

    // The outcome in words: what is there afterwards, or what stood in the way.
    test.each([
      { name: "create makes a key", given: [], write: "create a 1", gives: "a=1 created 2 modified 2" },
      {
        name: "create spares what is there",
        given: ["create a 1"],
        write: "create a 2",
        gives: "no: a=1 created 2 modified 2",
      },
      {
        name: "create after a delete is a new creation",
        given: ["create a 1", "delete a"],
        write: "create a 2",
        gives: "a=2 created 4 modified 4",
      },
      {
        name: "update replaces the expected revision",
        given: ["create a 1"],
        write: "update a@2 2",
        gives: "a=2 created 2 modified 3",
      },
      {
        name: "update refuses an older revision",
        given: ["create a 1", "update a@2 2"],
        write: "update a@2 3",
        gives: "no: a=2 created 2 modified 3",
      },
      {
        name: "update refuses a revision of another key",
        given: ["create a 1", "create b 1"],
        write: "update a@3 3",
        gives: "no: a=1 created 2 modified 2",
      },
      { name: "update refuses a missing key", given: [], write: "update a@2 1", gives: "no: nothing" },
      {
        name: "update refuses a deleted key",
        given: ["create a 1", "delete a"],
        write: "update a@2 1",
        gives: "no: nothing",
      },
      {
        name: "delete takes what is there",
        given: ["create a 1"],
        write: "delete a",
        gives: "gone 3: a=1 created 2 modified 2",
      },
      {
        name: "delete takes the expected revision",
        given: ["create a 1"],
        write: "delete a@2",
        gives: "gone 3: a=1 created 2 modified 2",
      },
      {
        name: "delete refuses another revision",
        given: ["create a 1", "update a@2 2"],
        write: "delete a@2",
        gives: "no: a=2 created 2 modified 3",
      },
      { name: "delete of a missing key", given: [], write: "delete a", gives: "no: nothing" },
      { name: "an empty value is a value", given: [], write: "create a ", gives: "a= created 2 modified 2" },
    ])("$name", async ({ given, write, gives }) => {
      const store = await engine.open();
      for (const earlier of given) await apply(store, earlier);
      const before = store.revision;
      expect(await apply(store, write)).toBe(gives);
      expect(store.revision).toBe(gives.startsWith("no") ? before : before + 1);
    });

    test("writes made side by side take revisions in their order and are compared with each other", async () => {
      const store = await engine.open();
      const writes = [
        "create a 1",
        "create a 2",
        "update a@2 3",
        "update a@2 4",
        "delete a@3",
        "create a 5",
        "create b 6",
      ];
      expect(await sideBySide(engine, store, writes)).toEqual([
        "a=1 created 2 modified 2",
        "no: a=1 created 2 modified 2",
        "a=3 created 2 modified 3",
        "no: a=3 created 2 modified 3",
        "gone 4: a=3 created 2 modified 3",
        "a=5 created 5 modified 5",
        "b=6 created 6 modified 6",
      ]);
    });

    test("what a refusal shows is already readable", async () => {
      const store = await engine.open();
      const first = store.create("a", bytes("1"));
      if (engine.keepsOrder === false) await first;
      const refused = await store.create("a", bytes("2"));
      expect(refused.ok).toBe(false);
      expect(text((await store.get("a"))?.value)).toBe("1");
      await first;
    });

    test("bytes handed in are kept as they were, whatever becomes of the caller's buffer", async () => {
      const store = await engine.open();
      const value = bytes("before");
      const write = store.create("a", value);
      value.fill(0);
      await write;
      expect(text((await store.get("a"))?.value)).toBe("before");
    });

    test.each([
      { name: "empty", key: "" },
      { name: "half a surrogate pair", key: "a\ud800" },
      { name: "over 1,900 bytes", key: "\u00e9".repeat(951) },
    ])("refuses a key no engine could keep: $name", async ({ key }) => {
      const store = await engine.open();
      await expect(store.create(key, bytes("1"))).rejects.toThrow(RangeError);
    });

    test("keeps a key of 1,900 bytes", async () => {
      const store = await engine.open();
      const key = "\u00e9".repeat(950);
      await store.create(key, bytes("1"));
      await store.update(key, bytes("2"), 2);
      await store.compact(3);
      const again = (await engine.reopen?.(store)) ?? store;
      expect(inKeys(await again.range("\u00e9"))).toBe(key);
    });

    describe("range", () => {
      const keys = [
        "/a",
        "/a/",
        "/a/b",
        "/a/b/c",
        "/a/c",
        "/ab",
        "/b/x",
        "/b/\u00e9",
        "/b/\uffee",
        "/b/\u{1f600}",
      ];
      test.each([
        { name: "everything, in byte order", prefix: "", gives: keys.join(" ") },
        { name: "a prefix", prefix: "/a/", gives: "/a/ /a/b /a/b/c /a/c" },
        { name: "a prefix that is not a whole word", prefix: "/a", gives: "/a /a/ /a/b /a/b/c /a/c /ab" },
        {
          name: "code points above U+FFFF come last",
          prefix: "/b/",
          gives: "/b/x /b/\u00e9 /b/\uffee /b/\u{1f600}",
        },
        { name: "nothing", prefix: "/c", gives: "" },
        { name: "a limit", prefix: "/a/", limit: 2, gives: "/a/ /a/b +2" },
        { name: "a limit beyond the end", prefix: "/a/", limit: 9, gives: "/a/ /a/b /a/b/c /a/c" },
        { name: "after a key", prefix: "/a/", after: "/a/b", gives: "/a/b/c /a/c" },
        { name: "after a key that is not there", prefix: "/a/", after: "/a/bb", gives: "/a/c" },
        { name: "after a key, limited", prefix: "/a/", after: "/a/", limit: 1, gives: "/a/b +2" },
        { name: "after a key before the prefix", prefix: "/b/", after: "/a", limit: 1, gives: "/b/x +3" },
        { name: "after a key behind the prefix", prefix: "/a/", after: "/b/x", gives: "" },
        { name: "after the last", prefix: "/a/", after: "/a/c", gives: "" },
      ])("$name", async ({ prefix, after, limit, gives }) => {
        const store = await engine.open();
        for (const key of keys.toReversed()) await store.create(key, bytes(key));
        expect(inKeys(await store.range(prefix, { after, limit }))).toBe(gives);
      });

      test("pages at one revision show that revision, whatever happens between them", async () => {
        const store = await engine.open();
        for (const write of ["create a 1", "create b 1", "create c 1", "create d 1"])
          await apply(store, write);
        const first = await store.range("", { limit: 2 });
        expect([inKeys(first), first.revision]).toEqual(["a b +2", 5]);
        for (const write of ["delete c", "update d@5 2", "create bb 1", "create e 1"])
          await apply(store, write);
        const second = await store.range("", { limit: 2, after: "b", revision: first.revision });
        expect([inKeys(second), second.revision]).toEqual(["c d", 5]);
        expect(text(second.entries[1]?.value)).toBe("1");
      });
    });

    test("reads at every retained revision", async () => {
      const store = await engine.open();
      for (const write of ["create a 1", "create b 1", "update a@2 2", "delete b", "create b 2", "delete a"])
        await apply(store, write);
      const seen: string[] = [];
      for (let revision = 1; revision <= 7; revision++) {
        const { entries } = await store.range("", { revision });
        seen.push(entries.map((entry) => `${entry.key}=${text(entry.value)}@${entry.modRevision}`).join(" "));
      }
      expect(seen).toEqual(["", "a=1@2", "a=1@2 b=1@3", "a=2@4 b=1@3", "a=2@4", "a=2@4 b=2@6", "b=2@6"]);
      expect((await store.get("a", { revision: 3 }))?.modRevision).toBe(2);
      await expect(store.get("a", { revision: 8 })).rejects.toThrow(FutureRevisionError);
      await expect(store.range("", { revision: 8 })).rejects.toThrow(FutureRevisionError);
    });

    runWatchContract(engine);
    runTransactionContract(engine);
    runLeaseContract(engine);
    runSnapshotContract(engine);

    describe("compaction", () => {
      test("refuses what lies below, and only that", async () => {
        const store = await engine.open();
        for (const write of ["create a 1", "update a@2 2", "create b 1", "delete b", "update a@3 3"])
          await apply(store, write);
        const running = recorder();
        store.watch("", 2, running);
        await store.compact(4);
        expect([store.revision, store.compactedRevision]).toEqual([6, 4]);
        await expect(store.get("a", { revision: 3 })).rejects.toThrow(CompactedError);
        await expect(store.range("", { revision: 3 })).rejects.toThrow(CompactedError);
        expect(() => store.watch("", 3, recorder())).toThrow(CompactedError);
        expect(inKeys(await store.range("", { revision: 4 }))).toBe("a b");
        expect((await store.get("a", { revision: 5 }))?.modRevision).toBe(3);
        const resumed = recorder();
        store.watch("", 4, resumed);
        await settled();
        expect(resumed.events).toEqual(["5 delete b was 1@4", "6 put a=3 was 2@3"]);
        expect(running.events.length).toBe(4);
      });

      test("to the newest revision keeps the keys and the counter", async () => {
        const store = await engine.open();
        for (const write of ["create a 1", "create b 1", "delete b"]) await apply(store, write);
        await store.compact(4);
        expect(inKeys(await store.range(""))).toBe("a");
        expect(await apply(store, "create b 2")).toBe("b=2 created 5 modified 5");
      });

      test("of the future is refused, of the past is done already", async () => {
        const store = await engine.open();
        for (const write of ["create a 1", "create b 1"]) await apply(store, write);
        await expect(store.compact(4)).rejects.toThrow(FutureRevisionError);
        await store.compact(3);
        await store.compact(2);
        expect(store.compactedRevision).toBe(3);
      });

      // Bounds that stand for "more than ever": each test narrows one.
      const wide: HistoryBounds = { maxRevisions: 1_000, maxBytes: 1_000_000, maxAgeMs: 1_000_000 };
      test.each([
        { name: "by count", history: { ...wide, maxRevisions: 10 }, stepMs: 0, keepsAtMost: 10 },
        { name: "by bytes", history: { ...wide, maxBytes: 1_000 }, stepMs: 0, keepsAtMost: 11 },
        { name: "by age", history: { ...wide, maxAgeMs: 1_000 }, stepMs: 100, keepsAtMost: 11 },
      ])(
        "happens by itself $name, and keeps at least nine tenths",
        async ({ history, stepMs, keepsAtMost }) => {
          const clock = new VirtualClock();
          const store = await engine.open({ clock, history });
          await store.create("a", new Uint8Array(100));
          for (let i = 0; i < 50; i++) {
            await clock.advance(stepMs);
            await store.update("a", new Uint8Array(100), store.revision);
            const kept = store.revision - Math.max(1, store.compactedRevision);
            expect(kept).toBeLessThanOrEqual(keepsAtMost);
            if (i > 20) expect(kept).toBeGreaterThanOrEqual(9);
          }
        },
      );
    });

    test.each([1, 2, 3])("does what the plain model does, seed %i", async (seed) => {
      await compareWithModel(engine, seed);
    });

    const testBound = engine.isBounded === false ? undefined : test;
    testBound?.(
      "at its bound it forgets its past, then says it is full, and recovers by deleting",
      async () => {
        const store = await engine.open({ maxBytes: 1_000_000 });
        const value = new Uint8Array(10_000);
        let count = 0;
        let full: unknown;
        for (; full === undefined; count++)
          await store.create(`/pods/${count}`, value).catch((error: unknown) => {
            full = error;
          });
        expect(full).toBeInstanceOf(StoreUnavailableError);
        expect(String(full)).toContain("the store is full: delete something, or give it more room");
        expect(count).toBeGreaterThan(50);
        const before = store.revision;
        await expect(store.update("/pods/0", new Uint8Array(50_000), 2)).rejects.toThrow("the store is full");
        expect([store.revision, (await store.range("")).entries.length]).toEqual([before, count - 1]);
        for (let i = 0; i < 10; i++) expect(await store.delete(`/pods/${i}`)).toMatchObject({ ok: true });
        for (let i = 0; i < 5; i++)
          expect(await store.create(`/more/${i}`, value)).toMatchObject({ ok: true });
        // Written over many times: what is superseded is room again.
        for (let i = 0; i < 200; i++) {
          const { modRevision } = (await store.get("/more/0"))!;
          expect(await store.update("/more/0", value, modRevision)).toMatchObject({ ok: true });
        }
        const keys = inKeys(await store.range(""));
        const again = (await engine.reopen?.(store)) ?? store;
        expect(inKeys(await again.range(""))).toBe(keys);
      },
    );

    describe("close", () => {
      test("finishes what was accepted, then ends watches and refuses everything", async () => {
        const store = await engine.open();
        const watcher = recorder();
        store.watch("", 0, watcher);
        const write = apply(store, "create a 1");
        await Promise.all([store.close(), store.close()]);
        expect(await write).toBe("a=1 created 2 modified 2");
        expect(watcher).toMatchObject({ events: ["2 put a=1"], ends: ["the store is closed"] });
        await expect(store.create("b", bytes("1"))).rejects.toThrow(StoreUnavailableError);
        await expect(store.get("a")).rejects.toThrow(StoreUnavailableError);
        expect(() => store.watch("", 0, recorder())).toThrow(StoreUnavailableError);
      });
    });
  });
}
