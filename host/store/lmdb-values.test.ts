import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { openLmdbStore, STORE_FILE } from "./lmdb-store.ts";
import { checkFile } from "./rewrite-file.ts";
import { DamagedValueError, type Store, StoreUnavailableError } from "./store.ts";

/** Values on pages of their own, and one among the keys. */
const SIZES = { "/large": 9_000, "/other": 5_000, "/small": 50 } as const;
type Key = keyof typeof SIZES;

const dirs: string[] = [];
const opened: Store[] = [];

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

function bytesOf(key: Key, letter = key[1]!): Buffer {
  return Buffer.alloc(SIZES[key], letter);
}

async function filled(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "pintle-values-"));
  dirs.push(dir);
  const store = await openLmdbStore(dir);
  for (const key of Object.keys(SIZES)) await store.create(key, bytesOf(key as Key));
  await store.compact(store.revision);
  await store.close();
  return dir;
}

async function open(dir: string): Promise<Store> {
  const store = await openLmdbStore(dir);
  opened.push(store);
  return store;
}

/**
 * Wherever the value is: pages that are free by now have it, too.
 *
 * @param distance  of the byte that gets a wrong bit, from the first of the value
 */
function flip(dir: string, key: Key, distance: number): void {
  const file = join(dir, STORE_FILE);
  const bytes = readFileSync(file);
  const value = bytesOf(key);
  for (let at = bytes.indexOf(value); at >= 0; at = bytes.indexOf(value, at + value.length))
    bytes[at + distance]! ^= 1;
  writeFileSync(file, bytes);
}

async function revisionOf(store: Store, key: Key): Promise<number> {
  return (await store.get(key))!.modRevision;
}

test.each(["/large", "/small"] as const)(
  "a damaged value is named to whoever asks for it, and to the check; all else is there: %s",
  async (key) => {
    const dir = await filled();
    flip(dir, key, 7);
    expect(() => checkFile(join(dir, STORE_FILE))).toThrow(`the value of ${key} does not match its checksum`);
    await expect(openLmdbStore(dir, { checksValues: true })).rejects.toThrow(/is corrupt: the value of /);
    const store = await open(dir);
    const { entries } = await store.range("");
    for (const entry of entries)
      if (entry.key !== key) expect(Buffer.compare(entry.value, bytesOf(entry.key as Key))).toBe(0);
    const damaged = entries.find((entry) => entry.key === key)!;
    const message = `the value of ${key} (revision ${damaged.modRevision}) cannot be read`;
    for (let asked = 0; asked < 2; asked++) expect(() => damaged.value).toThrow(message);
    expect(() => damaged.value).toThrow(DamagedValueError);
    expect((await store.create("/new", bytesOf("/small"))).ok).toBe(true);
  },
);

// The number of pages lies 20 bytes into the first page's header of 24, and 12 bytes are before the value.
test.each([
  { name: "the number of its pages", distance: -12 - 24 + 20 },
  { name: "the transaction that wrote it", distance: -12 - 24 + 14 },
  { name: "its own number", distance: -12 - 24 },
])(
  "LMDB is not made to free the pages of a record whose header says something else: $name",
  async ({ distance }) => {
    const dir = await filled();
    flip(dir, "/large", distance);
    const store = await open(dir);
    expect((await store.delete("/large")).ok).toBe(true);
    const refused = store.compact(store.revision);
    await expect(refused).rejects.toThrow(StoreUnavailableError);
    await expect(refused).rejects.toThrow(
      /store\.mdb is damaged: the value of \/large \(revision 2\) cannot be read/,
    );
    await expect(store.create("/new", bytesOf("/small"))).rejects.toThrow(StoreUnavailableError);
    const { entries } = await store.range("");
    expect(entries.map(({ key, value }) => `${key} ${value.length}`)).toEqual(["/other 5000", "/small 50"]);
  },
);

test("who holds an entry still has its value when the record is gone and its room used again", async () => {
  const dir = await filled();
  const store = await open(dir);
  const snapshot = await store.snapshot();
  const entries = new Map((await store.range("")).entries.map((entry) => [entry.key, entry]));
  for (const key of Object.keys(SIZES) as Key[])
    await store.update(key, bytesOf(key, "!"), await revisionOf(store, key));
  await store.compact(store.revision);
  for (let i = 0; i < 50; i++) await store.create(`/new/${i}`, bytesOf("/large", "?"));
  for await (const entry of snapshot.entries) {
    expect(Buffer.compare(entry.value, bytesOf(entry.key as Key))).toBe(0);
    expect(entries.get(entry.key)!.value).toBe(entry.value);
  }
});

test("what was not asked for before the store was closed is not there any more", async () => {
  const store = await open(await filled());
  const { entries } = await store.range("/large");
  await store.close();
  expect(() => entries[0]!.value).toThrow(StoreUnavailableError);
});
