import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { open } from "lmdb";
import { afterEach, describe, expect, test } from "vitest";
import { aboutRecord } from "../../host/store/lmdb-journal.ts";
import { openLmdbStore, STORE_FILE } from "../../host/store/lmdb-store.ts";
import { StoreOpenError } from "../../host/store/open-error.ts";
import { contents, type Damage, damageRun, filledDir } from "./damage.ts";
import { WRITER } from "./kill-round.ts";

const seed = Number(process.env["SEED"] ?? 7);
const dirs: string[] = [];

function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "pintle-open-"));
  dirs.push(dir);
  return dir;
}

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

async function filled(): Promise<string> {
  const { dir } = await filledDir(seed);
  dirs.push(dir);
  return dir;
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
  const { keyBytes, bytes } = aboutRecord("format", format);
  const database = open({
    path: join(dir, STORE_FILE),
    keyEncoding: "binary",
    encoding: "binary",
    overlappingSync: false,
  });
  await database.put(keyBytes, bytes);
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
    const dir = await filled();
    damage(join(dir, STORE_FILE));
    const before = contents(dir);
    const error = await refusal(dir);
    expect([error.reason, error.message]).toEqual([reason, expect.stringContaining(join(dir, STORE_FILE))]);
    expect(contents(dir)).toEqual(before);
  });

  test("a store of a later format", async () => {
    const dir = await filled();
    await sayFormat(dir, "pintle-store 4");
    const before = contents(dir);
    const error = await refusal(dir);
    expect(error.reason).toBe("unknown-format");
    expect(error.message).toContain(
      'has the format "pintle-store 4"; this version reads up to "pintle-store 3"',
    );
    expect(contents(dir)).toEqual(before);
  });

  test("a file where the directory should be", async () => {
    const file = join(tempDir(), "file");
    writeFileSync(file, "mine");
    expect((await refusal(file)).reason).toBe("unreadable");
    expect(readFileSync(file, "utf8")).toBe("mine");
  });
});

// The long form is `npm run soak:store`, which adds up over runs.
describe("a damaged file is refused and left alone, or what is damaged is named, or it is intact", () => {
  test.each<{ damage: Damage; count: number }>([
    { damage: "bit", count: 200 },
    { damage: "bit of a transaction number", count: 100 },
    { damage: "cut", count: 40 },
    { damage: "zeroed block", count: 40 },
    { damage: "garbage block", count: 40 },
    { damage: "moved block", count: 40 },
    { damage: "forgotten block", count: 40 },
  ])(
    `$damage, $count times (SEED=${seed})`,
    async ({ damage, count }) => {
      const { violations, refused, told, harmless } = await damageRun(seed, damage, count);
      console.log(`${damage}: ${refused} refused, ${told} told, ${harmless} harmless`);
      expect(violations).toEqual([]);
      expect(refused + told).toBeGreaterThan(count / 10);
      expect(refused + told + harmless).toBe(count);
    },
    120_000,
  );

  test("what a crash leaves of an unfinished transaction is no damage", async () => {
    const { violations, harmless } = await damageRun(seed, "unfinished transaction", 20);
    expect(violations).toEqual([]);
    expect(harmless).toBe(20);
  });
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

function start(command: string, args: readonly string[]) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
  return { child, lines: createInterface(child.stdout) };
}

/** A writer process and its first line; "gone" when it left without one. */
async function startWriter(args: readonly string[]) {
  const { child, lines } = start(process.execPath, [WRITER, ...args]);
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
