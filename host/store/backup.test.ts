import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkBackup, entriesOfBackup, writeBackup } from "./backup-file.ts";
import { compactFolder } from "./compact-folder.ts";
import { openLmdbSource } from "./lmdb-source.ts";
import { openLmdbStore } from "./lmdb-store.ts";
import { createMemoryStore } from "./memory-store.ts";
import { restoreInto, restoreToFolder } from "./restore.ts";
import { carried } from "./source.ts";
import type { Store } from "./store.ts";
import { bytes, inKeys } from "./store-shorthand.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pintle-backup-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ORIGIN = { engine: "lmdb", revision: 41, createdAt: "2026-01-01T00:00:00Z" } as const;

async function* entries(...given: (readonly [key: string, value: Uint8Array])[]) {
  for (const [key, value] of given) yield { key, value };
}

/** Keys and values, the values in hexadecimal. */
async function all(store: Store): Promise<string[]> {
  const { entries } = await store.range("");
  return entries.map(({ key, value }) => `${key}=${Buffer.from(value).toString("hex")}`);
}

/** `name=value` of what is carried from a folder. */
async function carriedFrom(dir: string): Promise<string[]> {
  const source = await openLmdbSource(dir);
  const words: string[] = [];
  for await (const { key, value } of carried(source.entries)) words.push(`${key}=${Buffer.from(value)}`);
  await source.close();
  return words;
}

describe("a backup file", () => {
  const path = () => join(folder, "backup");

  test("gives back every byte", async () => {
    const values: [string, Uint8Array][] = [
      ["a", bytes("")],
      ["b", bytes('{"10":1,"2":"\\u2028 line\\nend "}\n')],
      ["c", Buffer.from([0xff, 0x00, 0x0a])],
      ["d", Buffer.from("\ufeffé😀")],
      ["e", randomBytes(3 * 1024 * 1024)],
      ["\u{1f600}", bytes("a key beyond the BMP")],
    ];
    const written = await writeBackup(path(), ORIGIN, entries(...values));
    expect(written).toMatchObject({ ...ORIGIN, keys: 6, bytes: statSync(path()).size });
    expect(await checkBackup(path())).toEqual(written);
    const read: [string, string][] = [];
    for await (const { key, value } of entriesOfBackup(path(), written))
      read.push([key, Buffer.from(value).toString("hex")]);
    expect(read).toEqual(values.map(([key, value]) => [key, Buffer.from(value).toString("hex")]));
    expect([statSync(path()).mode & 0o777, readdirSync(folder)]).toEqual([0o600, ["backup"]]);
  });

  test("does not take another's place, and leaves nothing when it fails", async () => {
    writeFileSync(path(), "mine");
    await expect(writeBackup(path(), ORIGIN, entries())).rejects.toThrow("is there already");
    async function* failing() {
      yield* entries(["a", bytes("1")]);
      throw new Error("etcd went away");
    }
    await expect(writeBackup(join(folder, "other"), ORIGIN, failing())).rejects.toThrow("went away");
    expect(readdirSync(folder)).toEqual(["backup"]);
  });

  test("that was cut anywhere is refused", async () => {
    await writeBackup(path(), ORIGIN, entries(["a", bytes('{"x":1}')], ["b", bytes("2")]));
    const whole = readFileSync(path());
    const cut = join(folder, "cut");
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(cut, whole.subarray(0, length));
      await expect(checkBackup(cut)).rejects.toThrow(/cut (is|was) |cut short|empty|not a backup/);
    }
  });

  test("of which any one bit was flipped is refused", async () => {
    await writeBackup(path(), ORIGIN, entries(["a", bytes('{"x":1}')], ["b", bytes("2")]));
    const whole = readFileSync(path());
    const flipped = join(folder, "flipped");
    for (let bit = 0; bit < whole.length * 8; bit += 7) {
      const copy = Buffer.from(whole);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(flipped, copy);
      await expect(checkBackup(flipped), `bit ${bit}`).rejects.toThrow(/flipped is /);
    }
  });

  test.each([
    { name: "an empty file", text: "", says: "is empty, not a backup" },
    { name: "a picture", text: "\x89PNG\r\n\x1a\n\0\0", says: "is not a backup of Pintle's" },
    { name: "another JSON", text: '{"kind":"List"}\n', says: "is not a backup of Pintle's" },
    { name: "a later version", text: '{"format":"pintle-backup","version":2}\n', says: "reads version 1" },
  ])("$name is none", async ({ text, says }) => {
    writeFileSync(path(), text);
    await expect(checkBackup(path())).rejects.toThrow(says);
  });

  test("that changes between its check and its use ends with an error", async () => {
    const checked = await writeBackup(path(), ORIGIN, entries(["a", bytes("1")]));
    rmSync(path());
    await writeBackup(path(), ORIGIN, entries(["a", bytes("2")]));
    const read = async () => {
      for await (const _ of entriesOfBackup(path(), checked));
    };
    await expect(read()).rejects.toThrow("was changed while it was read");
  });
});

describe("a source of an LMDB store", () => {
  const dir = () => join(folder, "store");

  test("shows one revision while a cluster writes on, without leases and what is the store's own", async () => {
    const store = await openLmdbStore(dir(), { history: { maxRevisions: 10 } });
    for (let i = 0; i < 50; i++) await store.create(`k${i % 25}-${i}`, bytes(`${i}`));
    await store.update("k0-0", bytes("new"), 2);
    await store.delete("k1-1");
    await store.create("/pintle/owner", bytes("me"));
    const { id } = await store.grantLease(60_000);
    await store.create("leased", bytes("1"), { lease: id });
    const source = await openLmdbSource(dir());
    expect(source).toMatchObject({ engine: "lmdb", revision: store.revision });
    const before = (await store.range("k")).entries.map(({ key, value }) => `${key}=${Buffer.from(value)}`);
    const seen: string[] = [];
    for await (const { key, value } of carried(source.entries)) {
      seen.push(`${key}=${Buffer.from(value)}`);
      // Enough that every free page is used again.
      await Promise.all(
        Array.from({ length: 20 }, () => store.create(`n${store.revision}`, bytes("x")).catch(() => {})),
      );
      const found = await store.get("k2-2");
      await store.update("k2-2", randomBytes(5_000), found!.modRevision);
    }
    expect(seen).toEqual(before);
    await source.close();
    await store.close();
    expect((await carriedFrom(dir())).length).toBeGreaterThan(before.length);
    // Nothing was left behind that would keep the next one out.
    await (await openLmdbStore(dir())).close();
  });

  test("of a store that is damaged is refused before anything is read", async () => {
    const store = await openLmdbStore(dir());
    for (let i = 0; i < 100; i++) await store.create(`k${i}`, randomBytes(100));
    await store.close();
    const file = join(dir(), "store.mdb");
    const whole = readFileSync(file);
    // The number of a page is damaged: LMDB would follow it.
    const copy = Buffer.from(whole);
    copy.writeBigUInt64LE(2n ** 40n, 4096 * 2 + 24);
    writeFileSync(file, copy.subarray(0, whole.length / 2));
    await expect(openLmdbSource(dir())).rejects.toThrow(/is corrupt/);
    await expect(openLmdbSource(join(folder, "none"))).rejects.toThrow(/there is no store in .*none/);
    expect(existsSync(join(folder, "none"))).toBe(false);
  });
});

describe("a restore", () => {
  test("to a folder appears whole or not at all, and never over a store", async () => {
    const dir = join(folder, "data", "store");
    async function* failing() {
      yield* entries(["a", bytes("1")]);
      throw new Error("torn");
    }
    await expect(restoreToFolder(dir, failing())).rejects.toThrow("torn");
    expect(readdirSync(join(folder, "data"))).toEqual([]);
    expect(await restoreToFolder(dir, entries(["a", bytes("1")], ["b", bytes("2")]))).toBe(2);
    await expect(restoreToFolder(dir, entries())).rejects.toThrow("has a store already; nothing was changed");
    const store = await openLmdbStore(dir);
    expect(await all(store)).toEqual(["a=31", "b=32"]);
    await store.close();
  });

  test("into an open store that is cut short is not taken for a cluster", async () => {
    const store = createMemoryStore();
    await store.create("/pintle/owner", bytes("me"));
    async function* failing() {
      for (let i = 100; i < 400; i++) yield { key: `k${i}`, value: bytes("1") };
      throw new Error("torn");
    }
    await expect(restoreInto(store, "this etcd", failing())).rejects.toThrow("torn");
    await expect(restoreInto(store, "this etcd", entries())).rejects.toThrow("a restore that was cut short");
    const other = createMemoryStore();
    await other.create("/pintle/owner", bytes("me"));
    expect(await restoreInto(other, "this etcd", entries(["a", bytes("1")]))).toBe(1);
    await expect(restoreInto(other, "this etcd", entries())).rejects.toThrow("has a cluster in it already");
    expect(inKeys(await other.range(""))).toBe("/pintle/owner a");
  });
});

test("compacting a folder forgets history and gives room back", async () => {
  const dir = join(folder, "store");
  const store = await openLmdbStore(dir);
  for (let i = 0; i < 20; i++)
    await Promise.all(Array.from({ length: 50 }, (_, k) => store.create(`k${i}-${k}`, randomBytes(4_000))));
  for (let i = 1; i < 20; i++)
    await Promise.all(Array.from({ length: 50 }, (_, k) => store.delete(`k${i}-${k}`)));
  const before = await all(store);
  const { revision } = store;
  await store.close();
  const done = await compactFolder(dir);
  expect(done.revision).toBe(revision);
  expect(done.bytesAfter).toBeLessThan(done.bytesBefore / 5);
  // The newest revision was a delete, of which nothing is left.
  const source = await openLmdbSource(dir);
  expect([source.revision, source.keys]).toEqual([revision, before.length]);
  await source.close();
  const again = await openLmdbStore(dir);
  expect([again.revision, again.compactedRevision, await all(again)]).toEqual([revision, revision, before]);
  await again.create("more", bytes("1"));
  await again.close();
  const next = await openLmdbStore(dir);
  expect(next.revision).toBe(revision + 1);
  // In use: refused, and as it was.
  await expect(compactFolder(dir)).rejects.toThrow("in use");
  await next.close();
  expect(readdirSync(dir).filter((name) => name.includes("new"))).toEqual([]);
});
