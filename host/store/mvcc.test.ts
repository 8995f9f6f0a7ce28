import { expect, test } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { DEFAULT_HISTORY } from "./history.ts";
import { type Journal, type JournalBatch, JournalRefusal } from "./journal.ts";
import { createMemoryStore } from "./memory-store.ts";
import { Mvcc } from "./mvcc.ts";
import { type Store, StoreUnavailableError } from "./store.ts";
import { apply, inKeys, recorder, settled } from "./store-shorthand.ts";
import { MAX_WAITING_BYTES } from "./waiting.ts";
import { MAX_WATCHERS } from "./watch-hub.ts";

/** A journal that does what the test says, batch by batch, and otherwise waits. */
class ScriptedJournal implements Journal {
  readonly batches: JournalBatch[] = [];
  #current: { resolve: () => void; reject: (error: Error) => void } | undefined;

  append(batch: JournalBatch): Promise<void> {
    this.batches.push(batch);
    return new Promise((resolve, reject) => {
      this.#current = { resolve, reject };
    });
  }

  async gather(): Promise<void> {}

  hasRoom(): boolean {
    return true;
  }

  async close(): Promise<void> {}

  /** Ends the batch that is being appended, and lets the engine take the next one. */
  async finish(error?: Error): Promise<void> {
    await settled();
    if (error === undefined) this.#current!.resolve();
    else this.#current!.reject(error);
    await settled();
  }

  revisions(): number[][] {
    return this.batches.map(({ commits }) => commits.map((commit) => commit.revision));
  }
}

function scripted(): { store: Store; journal: ScriptedJournal } {
  const journal = new ScriptedJournal();
  return { journal, store: new Mvcc({ clock: new VirtualClock(), journal, history: DEFAULT_HISTORY }) };
}

/** A write told in shorthand, and how it ended: its outcome in words, or the refusal. */
function told(store: Store, write: string): Promise<string> {
  return apply(store, write).catch(String);
}

test("writes made while a batch is on its way share the next one", async () => {
  const { store, journal } = scripted();
  const writes = ["a", "b"].map((key) => told(store, `create ${key} 1`));
  await settled();
  writes.push(...["c", "d", "e"].map((key) => told(store, `create ${key} 1`)));
  await journal.finish();
  await journal.finish();
  expect(journal.revisions()).toEqual([
    [2, 3],
    [4, 5, 6],
  ]);
  expect((await Promise.all(writes)).length).toBe(5);
});

test("nothing is visible before the journal has it", async () => {
  const { store, journal } = scripted();
  const watcher = recorder();
  store.watch("", 0, watcher);
  const write = told(store, "create a 1");
  await settled();
  expect([store.revision, await store.get("a"), watcher.events]).toEqual([1, undefined, []]);
  await journal.finish();
  expect([await write, store.revision, watcher.events]).toEqual([
    "a=1 created 2 modified 2",
    2,
    ["2 put a=1"],
  ]);
});

test("a refused batch takes what was built on it along, leaves no trace, and the next write goes on", async () => {
  const { store, journal } = scripted();
  const watcher = recorder();
  store.watch("", 0, watcher);
  const first = told(store, "create a 1");
  await journal.finish();
  const writes = [told(store, "update a@2 2"), told(store, "create b 1")];
  await settled();
  writes.push(told(store, "update a@3 3"), told(store, "create b 2"), told(store, "create c 1"));
  await journal.finish(new JournalRefusal("the disk is full"));
  expect(await Promise.all([first, ...writes])).toEqual([
    "a=1 created 2 modified 2",
    ...writes.map(() => "StoreUnavailableError: the disk is full"),
  ]);
  expect([store.revision, inKeys(await store.range("")), watcher.events]).toEqual([2, "a", ["2 put a=1"]]);
  const next = told(store, "update a@2 4");
  await journal.finish();
  expect(await next).toBe("a=4 created 2 modified 3");
  expect(watcher.events).toEqual(["2 put a=1", "3 put a=4 was 1@2"]);
});

test("after a failure nobody can explain the store is read-only, and says why", async () => {
  const { store, journal } = scripted();
  const first = told(store, "create a 1");
  await journal.finish();
  await first;
  const failed = told(store, "create b 1");
  await journal.finish(new Error("the disk is on fire"));
  expect(await failed).toBe("StoreUnavailableError: the disk is on fire");
  expect(await Promise.all([told(store, "create c 1"), told(store, "delete a")])).toEqual([
    "StoreUnavailableError: the disk is on fire",
    "StoreUnavailableError: the disk is on fire",
  ]);
  expect(inKeys(await store.range(""))).toBe("a");
  await store.close();
});

test("writes that wait for the disk are bounded", async () => {
  const { store, journal } = scripted();
  const value = new Uint8Array(MAX_WAITING_BYTES / 4);
  const writes = ["a", "b", "c", "d"].map((key) => store.create(key, value).then(() => key, String));
  await journal.finish();
  await journal.finish().catch(() => {});
  expect(await Promise.all(writes)).toEqual([
    "a",
    "b",
    "c",
    `StoreUnavailableError: ${MAX_WAITING_BYTES} bytes of writes are waiting for the disk already`,
  ]);
});

test("watches are bounded", () => {
  const store = createMemoryStore();
  const watcher = { onEvents: () => {} };
  const handles = Array.from({ length: MAX_WATCHERS }, () => store.watch("/pods/", 1, watcher));
  expect(() => store.watch("/pods/", 1, watcher)).toThrow(StoreUnavailableError);
  handles[0]!.cancel();
  handles[0]!.cancel();
  store.watch("/nodes/", 1, watcher);
  expect(() => store.watch("/pods/", 1, watcher)).toThrow(StoreUnavailableError);
});

test("a value is copied out of larger memory, and kept where it has its own", async () => {
  const store = createMemoryStore({});
  const own = Buffer.allocUnsafeSlow(8);
  const slice = Buffer.allocUnsafeSlow(16).subarray(4, 12);
  for (const [key, value] of Object.entries({ own, slice })) await store.create(key, value);
  const [first, second] = (await store.range("")).entries.map(({ value }) => value);
  expect(first).toBe(own);
  expect(slice.equals(second!)).toBe(true);
  expect(second!.buffer.byteLength).toBe(8);
});
