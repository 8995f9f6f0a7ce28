import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { openLmdbStore } from "./lmdb-store.ts";
import { CompactedError, type Store } from "./store.ts";
import { runStoreContract } from "./store-contract.ts";
import { apply, inKeys, recorder } from "./store-shorthand.ts";

/** The open store of each directory. */
const opened = new Map<string, Store>();

afterEach(async () => {
  for (const [dir, store] of opened) {
    await store.close();
    rmSync(dir, { recursive: true });
  }
  opened.clear();
});

runStoreContract({
  name: "lmdb",
  open: async (options) => {
    const dir = mkdtempSync(join(tmpdir(), "pintle-store-"));
    const store = await openLmdbStore(dir, options);
    opened.set(dir, store);
    return store;
  },
  reopen: async (store, clock) => {
    const [dir] = [...opened].find(([, known]) => known === store)!;
    await store.close();
    const again = await openLmdbStore(dir, { clock });
    opened.set(dir, again);
    return again;
  },
});

// Enough for a tree of three levels in the file, and for every size of record around the limits of a page.
test("opens what it wrote, whatever its size", async () => {
  const dir = mkdtempSync(join(tmpdir(), "pintle-store-"));
  const store = await openLmdbStore(dir, { history: { maxRevisions: 500 } });
  const sizes = Array.from({ length: 6_000 }, (_, i) => (i < 4_200 ? i : i % 50));
  await Promise.all(
    sizes.map((size, i) => store.create(`/registry/pods/default/pod-${i}`, new Uint8Array(size).fill(i))),
  );
  for (let i = 0; i < sizes.length; i += 3) void store.delete(`/registry/pods/default/pod-${i}`);
  await store.compact(store.revision);
  // Checksums: comparing eight megabytes element by element takes the test runner seconds.
  const picture = async (from: Store) =>
    (await from.range("")).entries.map((entry) => ({ ...entry, value: crc32(entry.value) }));
  const expected = await picture(store);
  await store.close();
  const again = await openLmdbStore(dir);
  opened.set(dir, again);
  expect(expected.length).toBe(4_000);
  expect(await picture(again)).toEqual(expected);
});

test("a watch resumes over a restart where it was, with previous values; before the compaction it is refused", async () => {
  const dir = mkdtempSync(join(tmpdir(), "pintle-store-"));
  const store = await openLmdbStore(dir);
  for (const write of ["create a 1", "create b 1", "update a@2 2", "delete b", "create c 1"])
    await apply(store, write);
  await store.compact(3);
  await store.close();
  const again = await openLmdbStore(dir);
  opened.set(dir, again);
  const watcher = recorder();
  again.watch("", 3, watcher);
  await apply(again, "update c@6 2");
  expect(watcher.events).toEqual([
    "4 put a=2 was 1@2",
    "5 delete b was 1@3",
    "6 put c=1",
    "7 put c=2 was 1@6",
  ]);
  expect(() => again.watch("", 2, watcher)).toThrow(CompactedError);
  expect(inKeys(await again.range("", { revision: 4 }))).toBe("a b");
});
