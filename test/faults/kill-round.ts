import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import { type Random, seededRandom } from "../../host/apimachinery/random.ts";
import { openLmdbStore } from "../../host/store/lmdb-store.ts";
import { StoreOpenError } from "../../host/store/open-error.ts";
import type { Store } from "../../host/store/store.ts";
import type { HistoryRecord } from "./history.ts";
import { checkHistory } from "./history-checker.ts";
import { RecordedStore } from "./recorded-store.ts";

/** Compiled, as users run the store. */
export const WRITER = packageFile("dist/test/faults/writer.js");

export interface KillRound {
  readonly seed: number;
  readonly kills: number;
  /** How many of them came before the store was open. */
  readonly killedWhileOpening: number;
  readonly acknowledged: number;
  readonly records: readonly HistoryRecord[];
  readonly violations: readonly string[];
}

/**
 * Works on one data directory with one process after the other, kills each with SIGKILL, and holds the whole history,
 * over all openings and with what is there at the end, against what the store promises.
 *
 * @param onKill  told after each kill
 */
export async function killRound(seed: number, kills: number, onKill = () => {}): Promise<KillRound> {
  const random = seededRandom(seed);
  const dir = mkdtempSync(join(tmpdir(), "pintle-kill-"));
  const records: HistoryRecord[] = [];
  let killedWhileOpening = 0;
  try {
    for (let kill = 0; kill < kills; kill++) {
      if (!(await runAndKill(dir, random, records))) killedWhileOpening += 1;
      onKill();
    }
    await readAll(dir, records);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  const acknowledged = records.filter(isAcknowledgement).length;
  return { seed, kills, killedWhileOpening, acknowledged, records, violations: checkHistory(records) };
}

/**
 * Starts a writer and kills it: mostly after some number of writes, now and then at some time from its start on, which
 * may be while it opens the store.
 *
 * @returns whether it had opened the store
 */
async function runAndKill(dir: string, random: Random, records: HistoryRecord[]): Promise<boolean> {
  const writers = [1, 4, 32][random.below(3)]!;
  const args = [WRITER, dir, String(random.nextUint32()), String(writers)];
  const killAfterMs = random.below(5) === 0 ? random.below(300) : 20_000;
  const { end, said } = await runWriter(process.execPath, args, records, {
    killAfterMs,
    killAfterWrites: random.below(120),
  });
  if (end !== "SIGKILL") throw new Error(`a writer on ${dir} ended by itself with ${end}`);
  return said.some((line) => line.startsWith("open "));
}

/**
 * Runs a writer until it ends or is killed, and takes down its history.
 *
 * @returns the signal or code it ended with, and what it said beside its history
 */
export async function runWriter(
  command: string,
  args: readonly string[],
  records: HistoryRecord[],
  { killAfterMs, killAfterWrites }: { killAfterMs: number; killAfterWrites: number },
): Promise<{ end: string | number; said: readonly string[] }> {
  // Its own group, so that a tracer around it does not outlive it.
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"], detached: true });
  const kill = () => {
    try {
      process.kill(-child.pid!, "SIGKILL");
    } catch (error) {
      // It has ended by itself just now.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  };
  const timer = setTimeout(kill, killAfterMs);
  const ended = new Promise<string | number>((done) =>
    child.on("exit", (code, signal) => done(signal ?? code ?? "nothing")),
  );
  let writes = 0;
  const said: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    const record = parseRecord(line);
    if (record === undefined) {
      said.push(line);
      continue;
    }
    records.push(record);
    if (isAcknowledgement(record)) writes += 1;
    if (writes > killAfterWrites) kill();
  }
  clearTimeout(timer);
  return { end: await ended, said };
}

function isAcknowledgement(record: HistoryRecord): boolean {
  return record.at === "answer" && "wrote" in record.answer;
}

/** A line of a writer that is a record. The last one may have been cut off by the kill. */
export function parseRecord(line: string): HistoryRecord | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as HistoryRecord;
  } catch {
    return undefined;
  }
}

/** What is there at the end, with all that is retained of the past. */
export async function readAll(dir: string, records: HistoryRecord[]): Promise<void> {
  const store = await openWhenFree(dir);
  const recorded = new RecordedStore(store, { name: "end", write: (record) => records.push(record) });
  const watch = recorded.watch("", store.compactedRevision);
  await new Promise((resolve) => setImmediate(resolve));
  recorded.settled(watch.id, store.revision);
  await recorded.range("");
  watch.cancel();
  await store.close();
}

/** A process that was killed together with its tracer may take a moment longer to be gone. */
async function openWhenFree(dir: string): Promise<Store> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await openLmdbStore(dir);
    } catch (error) {
      if (!(error instanceof StoreOpenError) || error.reason !== "in-use" || attempt >= 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
