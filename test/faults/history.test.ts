import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../../host/apimachinery/clock.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { openLmdbStore } from "../../host/store/lmdb-store.ts";
import { createMemoryStore } from "../../host/store/memory-store.ts";
import type { Store } from "../../host/store/store.ts";
import type { HistoryRecord } from "./history.ts";
import { checkHistory } from "./history-checker.ts";
import { RecordedStore } from "./recorded-store.ts";
import { runWorkload } from "./workload.ts";

const seed = Number(process.env["SEED"] ?? 1);
const dirs: string[] = [];

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** A turn of the event loop, in which I/O and timers get theirs. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function historyIn(store: Store, runSeed: number, leaseMs: number): Promise<HistoryRecord[]> {
  const records: HistoryRecord[] = [];
  const random = seededRandom(runSeed);
  const recorded = new RecordedStore(store, {
    name: "s",
    write: (record) => records.push(record),
    isDefinite: () => true,
  });
  await runWorkload({
    stores: [recorded],
    random,
    writers: 8,
    readers: 4,
    watchers: 8,
    operations: 150,
    leaseMs,
    compactsTo: () => store.revision - random.below(200),
    pause: turn,
  });
  return records;
}

describe("what concurrent clients are told is a history that keeps its promises", () => {
  test(`memory, leases ending and the clock jumping meanwhile (SEED=${seed})`, async () => {
    const clock = new VirtualClock();
    const store = createMemoryStore({ clock, history: { maxRevisions: 500 } });
    const random = seededRandom(seed).fork("clock");
    let isOver = false;
    const time = (async () => {
      while (!isOver) await clock.advance(random.below(3_000));
    })();
    const records = await historyIn(store, seed, 5_000);
    isOver = true;
    await time;
    expect(checkHistory(records)).toEqual([]);
    expect(records.length).toBeGreaterThan(5_000);
  });

  test(`LMDB (SEED=${seed})`, async () => {
    const dir = mkdtempSync(join(tmpdir(), "pintle-history-"));
    dirs.push(dir);
    const store = await openLmdbStore(dir, { history: { maxRevisions: 500 } });
    const records = await historyIn(store, seed, 1_000);
    await store.close();
    expect(checkHistory(records)).toEqual([]);
    expect(records.length).toBeGreaterThan(5_000);
  });
});
