import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { openLmdbSource } from "../../host/store/lmdb-source.ts";
import { openLmdbStore, STORE_FILE } from "../../host/store/lmdb-store.ts";
import { StoreOpenError } from "../../host/store/open-error.ts";
import { checkFile } from "../../host/store/rewrite-file.ts";
import type { Entry } from "../../host/store/store.ts";
import { inKeys, recorder, settled } from "../../host/store/store-shorthand.ts";
import { contents } from "./damage.ts";

/**
 * A directory as the last version with format 2 left it: 21 revisions, history from 11, keys small, large, leased,
 * deleted and beyond ASCII, a transaction of which one key begins as another does.
 */
const FORMAT_2 = gunzipSync(readFileSync(new URL("format-2.mdb.gz", import.meta.url)));
const dirs: string[] = [];

function oldDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "pintle-old-"));
  dirs.push(dir);
  writeFileSync(join(dir, STORE_FILE), FORMAT_2);
  return dir;
}

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

function inWords({ key, value, createRevision, modRevision, lease }: Entry): string {
  const first = Buffer.from(value).toString("latin1", 0, 1);
  return `${key} ${value.length}${first}@${modRevision} of ${createRevision}${lease === undefined ? "" : ` lease ${lease}`}`;
}

test("a store of an older format is brought up to date when it is opened, with its history and leases", async () => {
  const dir = oldDir();
  for (let opening = 0; opening < 2; opening++) {
    const store = await openLmdbStore(dir);
    expect([store.revision, store.compactedRevision]).toEqual([21, 11]);
    expect((await store.range("")).entries.map(inWords)).toEqual([
      "/a/large 8000L@20 of 3",
      "/a/leased 3000m@4 of 4 lease 1",
      "/a/small 20s@2 of 2",
      "/b/0 1000@7 of 7",
      "/b/1 1001@8 of 8",
      "/b/10 1000@17 of 17",
      "/b/11 1001@18 of 18",
      "/b/2 1002@9 of 9",
      "/b/5 1005@12 of 12",
      "/b/6 1006@13 of 13",
      "/b/7 1007@14 of 14",
      "/b/8 1008@15 of 15",
      "/b/9 1009@16 of 16",
      "/c 3c@21 of 21",
      "/c/1 3d@21 of 21",
      "/\uffee/wide 5w@6 of 6",
      "/\u{1f600}/smile 5x@5 of 5",
    ]);
    expect(inKeys(await store.range("/b/", { revision: 18, limit: 7 }))).toBe(
      "/b/0 /b/1 /b/10 /b/11 /b/2 /b/3 /b/4 +5",
    );
    const watcher = recorder();
    store.watch("", 18, watcher);
    await settled();
    expect(watcher.events.map((event) => event.replace(/(\w)\1{2,}/g, "$1"))).toEqual([
      "19 delete /b/3 was 3@10",
      "20 put /a/large=L was l@3",
      "21 delete /b/4 was 4@11",
      "21 put /c=c",
      "21 put /c/1=d",
    ]);
    expect(await store.keepLeaseAlive("1")).toEqual({ id: "1", ttlMs: 3_600_000 });
    await store.close();
    checkFile(join(dir, STORE_FILE));
    expect(readdirSync(dir).toSorted()).toEqual([STORE_FILE, `${STORE_FILE}-lock`]);
  }
});

test("whoever only reads leaves it as it is, and says who brings it up to date", async () => {
  const dir = oldDir();
  const before = contents(dir);
  const refusal = await openLmdbSource(dir).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(StoreOpenError);
  expect((refusal as Error).message).toMatch(/is of an older version; .* pintle store compact$/);
  expect(contents(dir)).toBe(before);
});

test("a damaged one is refused and left alone", async () => {
  const cut = oldDir();
  truncateSync(join(cut, STORE_FILE), 40_000);
  const flipped = oldDir();
  const bytes = Buffer.from(FORMAT_2);
  bytes[bytes.lastIndexOf("LLLL") - 2_000]! ^= 1;
  writeFileSync(join(flipped, STORE_FILE), bytes);
  for (const dir of [cut, flipped]) {
    const before = contents(dir);
    await expect(openLmdbStore(dir)).rejects.toThrow(/is corrupt: /);
    expect(contents(dir)).toBe(before);
  }
});

test("what an upgrade that was killed left behind is swept away by the next", async () => {
  const dir = oldDir();
  writeFileSync(join(dir, `${STORE_FILE}.new`), "half");
  await (await openLmdbStore(dir)).close();
  expect(readdirSync(dir).toSorted()).toEqual([STORE_FILE, `${STORE_FILE}-lock`]);
});
