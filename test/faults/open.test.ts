import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { open } from "lmdb";
import { afterEach, describe, expect, test } from "vitest";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { encodeRecord, recordKey } from "../../host/store/journal-record.ts";
import { openLmdbStore, STORE_FILE } from "../../host/store/lmdb-store.ts";
import { loadJournal } from "../../host/store/load-journal.ts";
import { StoreOpenError } from "../../host/store/open-error.ts";
import type { Store } from "../../host/store/store.ts";
import { AcknowledgedLog } from "./acknowledged-log.ts";

const isSoak = process.env["SOAK"] === "1";
const flips = isSoak ? 20_000 : 200;
const seed = Number(process.env["SEED"] ?? (isSoak ? process.pid : 7));
const dirs: string[] = [];

function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "pintle-open-"));
  dirs.push(dir);
  return dir;
}

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** A store with keys small and large, a history, deletes and freed pages; closed. */
async function filledDir(): Promise<string> {
  const dir = tempDir();
  const store = await openLmdbStore(dir, { history: { maxRevisions: 100 } });
  for (let round = 0; round < 4; round++) {
    const { entries } = await store.range("");
    const found = new Map(entries.map((entry) => [entry.key, entry.modRevision]));
    const writes = Array.from({ length: 60 }, (_, i) => {
      const key = `/registry/pods/default/pod-${i}`;
      const value = new Uint8Array(i % 7 === 0 ? 9_000 : 50 + i).fill(round + i);
      const revision = found.get(key);
      if (revision === undefined) return store.create(key, value);
      return i % 5 === 0 ? store.delete(key) : store.update(key, value, revision);
    });
    await Promise.all(writes);
  }
  await store.close();
  return dir;
}

/** The store as text: what a client can see of it. */
async function picture(store: Store): Promise<string> {
  const pages: string[] = [];
  for (const revision of [store.compactedRevision, store.revision]) {
    const { entries } = await store.range("", { revision });
    pages.push(
      ...entries.map(
        (entry) => `${entry.key}@${entry.modRevision} ${Buffer.from(entry.value).toString("hex")}`,
      ),
    );
  }
  return [store.revision, store.compactedRevision, ...pages].join("\n");
}

async function refusal(dir: string): Promise<StoreOpenError> {
  const error = await openLmdbStore(dir).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoreOpenError);
  expect((error as StoreOpenError).message).not.toContain("\n");
  return error as StoreOpenError;
}

/** Makes the file of a store say another format. */
async function sayFormat(dir: string, format: string): Promise<void> {
  const key = recordKey(0, "format");
  const record = Buffer.alloc(24 + format.length);
  encodeRecord(record, key, "about", 0, 0, Buffer.from(format));
  const database = open({
    path: join(dir, STORE_FILE),
    keyEncoding: "binary",
    encoding: "binary",
    overlappingSync: false,
  });
  await database.put(key, record);
  await database.close();
}

describe("a data directory that cannot be opened gives one clear line and stays as it was", () => {
  test.each([
    { name: "cut to nothing", damage: (file: string) => truncateSync(file, 0), reason: "corrupt" },
    {
      name: "cut within the first page",
      damage: (file: string) => truncateSync(file, 100),
      reason: "corrupt",
    },
    {
      name: "cut within the second page",
      damage: (file: string) => truncateSync(file, 5_000),
      reason: "corrupt",
    },
    { name: "cut in the middle", damage: (file: string) => truncateSync(file, 100_000), reason: "corrupt" },
    {
      name: "a text file",
      damage: (file: string) => writeFileSync(file, "hello\n".repeat(2_000)),
      reason: "corrupt",
    },
    {
      name: "zeros",
      damage: (file: string) => writeFileSync(file, new Uint8Array(65_536)),
      reason: "corrupt",
    },
    {
      name: "LMDB of another data version",
      damage: (file: string) => overwrite(file, 28, [1]),
      reason: "unknown-format",
    },
  ])("$name", async ({ damage, reason }) => {
    const dir = await filledDir();
    damage(join(dir, STORE_FILE));
    const before = contents(dir);
    const error = await refusal(dir);
    expect([error.reason, error.message]).toEqual([reason, expect.stringContaining(join(dir, STORE_FILE))]);
    expect(contents(dir)).toEqual(before);
  });

  test("a store of a later format", async () => {
    const dir = await filledDir();
    await sayFormat(dir, "pintle-store 3");
    const before = contents(dir);
    const error = await refusal(dir);
    expect(error.reason).toBe("unknown-format");
    expect(error.message).toContain(
      'has the format "pintle-store 3"; this version reads up to "pintle-store 2"',
    );
    expect(contents(dir)).toEqual(before);
  });

  test("a store of the first format becomes one of this", async () => {
    const dir = await filledDir();
    await sayFormat(dir, "pintle-store 1");
    expect(loadJournal(join(dir, STORE_FILE)).isOld).toBe(true);
    const store = await openLmdbStore(dir);
    const { revision } = store;
    const { id } = await store.grantLease(60_000);
    await store.create("leased", Buffer.from("1"), { lease: id });
    await store.close();
    expect(loadJournal(join(dir, STORE_FILE)).isOld).toBe(false);
    const again = await openLmdbStore(dir);
    expect([again.revision, (await again.get("leased"))?.lease]).toEqual([revision + 1, id]);
    await again.close();
  });

  test("a file where the directory should be", async () => {
    const file = join(tempDir(), "file");
    writeFileSync(file, "mine");
    expect((await refusal(file)).reason).toBe("unreadable");
    expect(readFileSync(file, "utf8")).toBe("mine");
  });

  // Either the damage is seen and nothing is touched, or it hit bytes that nobody uses: then all is there and it works.
  test(
    "flipped bits anywhere",
    async () => {
      const original = await filledDir();
      const size = readFileSync(join(original, STORE_FILE)).length;
      const intact = await openLmdbStore(original);
      const expected = await picture(intact);
      await intact.close();
      const random = seededRandom(seed);
      const outcomes = { refused: 0, harmless: 0 };
      for (let flip = 0; flip < flips; flip++) {
        const dir = tempDir();
        cpSync(join(original, STORE_FILE), join(dir, STORE_FILE));
        // Every fourth hits the two meta pages' headers, the rest anything.
        const at = flip % 4 === 0 ? (flip % 8 === 0 ? 0 : 4_096) + random.below(168) : random.below(size);
        const file = join(dir, STORE_FILE);
        overwrite(file, at, [readFileSync(file)[at]! ^ (1 << random.below(8))]);
        const before = contents(dir);
        const store = await openLmdbStore(dir).catch((error: unknown) => error);
        if (store instanceof Error) {
          expect(store, `flip ${flip} at byte ${at}: ${store.message}`).toBeInstanceOf(StoreOpenError);
          expect(contents(dir)).toEqual(before);
          outcomes.refused += 1;
        } else {
          const opened = store as Store;
          expect(await picture(opened), `flip ${flip} at byte ${at}`).toBe(expected);
          for (let i = 0; i < 10; i++) await opened.create(`/new/${i}`, new Uint8Array(i * 1_000));
          await opened.compact(opened.revision);
          await opened.close();
          const again = await openLmdbStore(dir);
          expect((await again.range("/new/")).entries.length).toBe(10);
          await again.close();
          outcomes.harmless += 1;
        }
        rmSync(dir, { recursive: true });
      }
      console.log(
        `${flips} flips (SEED=${seed}): ${outcomes.refused} refused, ${outcomes.harmless} harmless`,
      );
      expect(outcomes.refused).toBeGreaterThan(flips / 5);
      expect(outcomes.harmless).toBeGreaterThan(flips / 30);
    },
    isSoak ? 3_600_000 : 60_000,
  );
});

describe("one process at a time", () => {
  test("a second process is told who has it; after kill -9 it may", async () => {
    const dir = tempDir();
    const { child, line } = await startWriter([dir, "1", "1"]);
    expect(line).toBe("open 1");
    const error = await refusal(dir);
    expect(error.reason).toBe("in-use");
    expect(error.message).toBe(`data directory ${dir} is in use by another process (pid ${child.pid})`);
    child.kill("SIGKILL");
    await new Promise((done) => child.on("exit", done));
    await (await openLmdbStore(dir)).close();
    expect(readdirSync(dir).sort()).toEqual([STORE_FILE, `${STORE_FILE}-lock`]);
  });

  test("the same process is told as well", async () => {
    const dir = tempDir();
    const store = await openLmdbStore(dir);
    expect((await refusal(dir)).message).toContain(`in use by this process (pid ${process.pid})`);
    await store.close();
    await (await openLmdbStore(dir)).close();
  });

  test("of eight that come at once at most one goes in", async () => {
    const dir = tempDir();
    await (await openLmdbStore(dir)).close();
    const started = await Promise.all(Array.from({ length: 8 }, () => startWriter([dir, "1", "1"])));
    const inside = started.filter(({ line }) => line.startsWith("open"));
    for (const { child } of started) child.kill("SIGKILL");
    expect(inside.length).toBeLessThanOrEqual(1);
  });
});

describe("no room", () => {
  test("a disk that is full refuses writes, keeps what was acknowledged and stays readable", async () => {
    const dir = tempDir();
    // A limit on the size of files is what a full disk looks like to LMDB, without needing one. 1024-byte blocks.
    const { child, lines } = start("bash", [
      "-c",
      'ulimit -f 300 && exec "$@"',
      "bash",
      process.execPath,
      writer,
      dir,
      "1",
      "8",
    ]);
    const log = new AcknowledgedLog();
    const said: string[] = [];
    for await (const line of lines) {
      if (/^(ask|ack) /.test(line)) log.add(line);
      else said.push(line);
    }
    expect(
      await new Promise((done) => (child.exitCode === null ? child.on("exit", done) : done(child.exitCode))),
    ).toBe(0);
    expect(said.slice(1)).toEqual([
      expect.stringMatching(/^refused StoreUnavailableError: the disk is full or failing: /),
      expect.stringMatching(/^readable [1-9]/),
    ]);
    const store = await openLmdbStore(dir);
    await log.check(store);
    expect(await store.create("/again", new Uint8Array(100_000))).toMatchObject({ ok: true });
    await store.close();
  });
});

const writer = resolve(import.meta.dirname, "writer.mjs");

function start(command: string, args: readonly string[]) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
  return { child, lines: createInterface(child.stdout) };
}

/** A writer process and its first line; "gone" when it left without one. */
async function startWriter(args: readonly string[]) {
  const { child, lines } = start(process.execPath, [writer, ...args]);
  const line = await new Promise<string>((done) => {
    lines.once("line", done);
    lines.once("close", () => done("gone"));
  });
  return { child, line };
}

function overwrite(file: string, at: number, bytes: readonly number[]): void {
  const content = readFileSync(file);
  content.set(bytes, at);
  writeFileSync(file, content);
}

/** Every file but LMDB's own lock file, which is made anew with each opening. */
function contents(dir: string): Record<string, string> {
  const names = readdirSync(dir).filter((name) => name !== `${STORE_FILE}-lock`);
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(dir, name), "base64")]));
}
