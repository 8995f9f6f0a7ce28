import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../../host/apimachinery/clock.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { DEFAULT_HISTORY } from "../../host/store/history.ts";
import { JournalRefusal } from "../../host/store/journal.ts";
import { openLmdbStore, STORE_FILE } from "../../host/store/lmdb-store.ts";
import { Mvcc } from "../../host/store/mvcc.ts";
import { StoreOpenError } from "../../host/store/open-error.ts";
import { requireComponent } from "../scenarios/requirements.ts";
import { contents } from "./damage.ts";
import type { HistoryRecord } from "./history.ts";
import { checkHistory } from "./history-checker.ts";
import { readAll, runWriter, WRITER } from "./kill-round.ts";
import { isDefinitelyRefused, RecordedStore } from "./recorded-store.ts";
import { runWorkload } from "./workload.ts";

const seed = Number(process.env["SEED"] ?? 1);
const dirs: string[] = [];
const mounts: string[] = [];

function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "pintle-disk-"));
  dirs.push(dir);
  return dir;
}

/** A disk of its own; only root may have one. */
function tempDisk(mebibytes: number): string {
  const dir = tempDir();
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", dir]);
  mounts.push(dir);
  return dir;
}

function canMount(): boolean {
  try {
    execFileSync("umount", [tempDisk(1)], { stdio: "ignore" });
    mounts.pop();
    return true;
  } catch {
    process.stderr.write("\n*** SKIPPED: full and read-only disks need the right to mount one ***\n");
    return false;
  }
}

function hasStrace(): boolean {
  try {
    execFileSync("strace", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    return requireComponent("strace", false);
  }
}

afterEach(() => {
  for (const mount of mounts.splice(0)) execFileSync("umount", [mount]);
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

async function refusal(dir: string): Promise<StoreOpenError> {
  const error = await openLmdbStore(dir).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StoreOpenError);
  expect((error as StoreOpenError).message).not.toContain("\n");
  return error as StoreOpenError;
}

describe.runIf(canMount())("a disk", () => {
  test("that is full refuses writes in one line, takes deletes, and goes on when there is room", async () => {
    const dir = join(tempDisk(24), "store");
    const store = await openLmdbStore(dir, { history: { maxRevisions: 50 } });
    const refused: string[] = [];
    const acknowledged: string[] = [];
    const fill = async (name: string) => {
      for (let i = 0; refused.length < 8; i++) {
        const key = `/${name}/${i}`;
        await store.create(key, Buffer.alloc(9_000, name)).then(
          () => acknowledged.push(key),
          (error: Error) => refused.push(`${error.name}: ${error.message}`),
        );
      }
    };
    await Promise.all(["a", "b", "c", "d"].map(fill));
    for (const line of refused)
      expect(line).toMatch(/^StoreUnavailableError: the disk is full: it has \d+ bytes left$/);
    const inOrder = acknowledged.toSorted();
    expect((await store.range("")).entries.map(({ key }) => key)).toEqual(inOrder);
    await store.close();

    const again = await openLmdbStore(dir);
    expect((await again.range("")).entries.map(({ key }) => key)).toEqual(inOrder);
    for (const key of inOrder.slice(0, 800)) expect(await again.delete(key)).toMatchObject({ ok: true });
    await again.compact(again.revision);
    expect(await again.create("/more", Buffer.alloc(9_000))).toMatchObject({ ok: true });
    await again.close();
  });

  test("that is full from the start, or can only be read, gives one line and stays as it was", async () => {
    const full = tempDisk(1);
    mkdirSync(join(full, "store"));
    execFileSync("sh", ["-c", `cat /dev/zero > ${full}/rest 2>/dev/null || true`]);
    expect((await refusal(join(full, "store"))).message).toMatch(/^data directory \S+ cannot be used: /);
    expect(contents(join(full, "store"))).toBe("");
    execFileSync("sh", ["-c", `rm ${full}/rest && mount -o remount,size=24m ${full}`]);
    await (await openLmdbStore(join(full, "store"))).close();

    const disk = tempDisk(24);
    const dir = join(disk, "store");
    const store = await openLmdbStore(dir);
    await store.create("/a", Buffer.from("1"));
    await store.close();
    const before = contents(dir);
    execFileSync("mount", ["-o", "remount,ro", disk]);
    const { reason, message } = await refusal(dir);
    expect([reason, message]).toEqual(["unreadable", expect.stringMatching(/EROFS: read-only file system/)]);
    expect(contents(dir)).toBe(before);
  });
});

test("a file that may not be written gives one line", async () => {
  const dir = tempDir();
  mkdirSync(join(dir, STORE_FILE));
  expect((await refusal(dir)).reason).toBe("unreadable");
  writeFileSync(join(dir, "other"), "mine");
  expect((await refusal(join(dir, "other"))).reason).toBe("unreadable");
});

// A limit on the size of files is what LMDB itself meets on a full disk that is not seen coming. 1024-byte blocks.
test("a disk that fills up under LMDB refuses writes, keeps what was acknowledged and stays readable", async () => {
  const dir = tempDir();
  const records: HistoryRecord[] = [];
  const limit = ["-c", 'ulimit -f 200 && exec "$@"', "bash"];
  const args = [...limit, process.execPath, WRITER, dir, String(seed), "8"];
  const { end, said } = await runWriter("bash", args, records, { killAfterMs: 20_000, killAfterWrites: 1e6 });
  await readAll(dir, records);
  expect(checkHistory(records)).toEqual([]);
  // Npm lmdb may end the process when it words the error; then it is a crash like any other.
  if (end !== "SIGABRT" && end !== "SIGSEGV")
    expect([end, ...said.slice(1)]).toEqual([
      0,
      expect.stringMatching(/^refused StoreUnavailableError: the disk is full or failing: /),
      expect.stringMatching(/^readable [1-9]/),
    ]);
});

describe.runIf(hasStrace())(
  "the system calls of LMDB fail, now and then or from some time on",
  { timeout: 60_000 },
  () => {
    test.each([
      "fdatasync:error=EIO:when=20",
      "fdatasync:error=EIO:when=15+7",
      "fdatasync:error=EIO:when=25+",
      "pwrite64:error=ENOSPC:when=30+11",
      "pwrite64:error=EIO:when=60+",
      "writev:error=EIO:when=5+3",
    ])(`%s (SEED=${seed})`, async (fault) => {
      const dir = tempDir();
      const records: HistoryRecord[] = [];
      const tracer = [
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        `trace=${fault.split(":")[0]}`,
        "-e",
        `inject=${fault}`,
      ];
      const args = [...tracer, process.execPath, WRITER, dir, String(seed), "8", "60"];
      await runWriter("strace", args, records, { killAfterMs: 20_000, killAfterWrites: 400 });
      const refused = records.filter((record) => record.at === "answer" && "failed" in record.answer);
      expect(refused.length).toBeGreaterThan(0);
      await readAll(dir, records);
      expect(checkHistory(records)).toEqual([]);
    });
  },
);

test(`a journal that refuses now and then loses and invents nothing (SEED=${seed})`, async () => {
  const random = seededRandom(seed).fork("journal");
  const store = new Mvcc({
    clock: new VirtualClock(),
    history: { ...DEFAULT_HISTORY, maxRevisions: 200 },
    journal: {
      gather: async () => {},
      hasRoom: () => true,
      append: async () => {
        if (random.below(5) === 0) throw new JournalRefusal("no");
      },
      close: async () => {},
    },
  });
  const records: HistoryRecord[] = [];
  const write = (record: HistoryRecord) => void records.push(record);
  await runWorkload({
    stores: [new RecordedStore(store, { name: "s", write, isDefinite: isDefinitelyRefused })],
    random,
    writers: 8,
    readers: 4,
    watchers: 6,
    operations: 150,
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  });
  expect(checkHistory(records)).toEqual([]);
  expect(store.metrics().failures).toBeGreaterThan(50);
});
