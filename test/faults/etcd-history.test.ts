import { afterEach, describe, expect, test } from "vitest";
import { type Random, seededRandom } from "../../host/apimachinery/random.ts";
import { openEtcdStore } from "../../host/store/etcd-store.ts";
import { LeaseNotFoundError, type Store } from "../../host/store/store.ts";
import { EtcdProcess, hasEtcd } from "./etcd-process.ts";
import type { HistoryRecord } from "./history.ts";
import { checkHistory } from "./history-checker.ts";
import { RecordedStore } from "./recorded-store.ts";
import { pick, runWorkload } from "./workload.ts";

const isSoak = process.env["SOAK"] === "1";
const seed = Number(process.env["SEED"] ?? (isSoak ? process.pid : 1));
const FAULTS = isSoak ? 200 : 6;
const stores: Store[] = [];
const etcds: EtcdProcess[] = [];

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await Promise.all(etcds.splice(0).map((etcd) => etcd.remove()));
});

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function openStore(...endpoints: string[]): Promise<Store> {
  const store = await openEtcdStore(endpoints, { callLimitMs: 1_000 });
  stores.push(store);
  return store;
}

/**
 * Clients of both stores work while one fault after the other happens, and a while after the last.
 *
 * @param faults  each comes and goes again
 */
async function historyUnder(
  two: readonly Store[],
  random: Random,
  faults: readonly (() => Promise<void>)[],
): Promise<HistoryRecord[]> {
  const records: HistoryRecord[] = [];
  const write = (record: HistoryRecord) => void records.push(record);
  // A call that failed may have been carried out all the same: only a lease that is gone is certain.
  const isDefinite = (error: unknown) => error instanceof LeaseNotFoundError;
  let isOver = false;
  const work = runWorkload({
    stores: two.map((store, i) => new RecordedStore(store, { name: `s${i}`, write, isDefinite })),
    random,
    writers: 6,
    readers: 4,
    watchers: 6,
    leaseMs: 2_000,
    isOver: () => isOver,
    // The first store sees everything, so that the truth is known; the second may have to list again.
    compactsTo: () => two[0]!.revision - random.below(300),
    pause: () => wait(5),
  });
  const chance = random.fork("faults");
  for (let i = 0; i < FAULTS; i++) {
    await wait(100 + chance.below(200));
    await (i < faults.length ? faults[i]! : pick(chance, faults))();
  }
  await wait(300);
  isOver = true;
  await work;
  return records;
}

function summary(records: readonly HistoryRecord[]): string {
  const answers = records.flatMap((record) => (record.at === "answer" ? [record.answer] : []));
  const count = (what: string) => answers.filter((answer) => what in answer).length;
  return `${count("wrote")} writes acknowledged, ${count("failed")} without an answer, ${records.length} records`;
}

describe.runIf(hasEtcd())(
  "two stores on one etcd keep every promise",
  {
    timeout: isSoak ? 1_800_000 : 90_000,
  },
  () => {
    test(`while it is killed, stands still and is compacted, and one of them is cut off (SEED=${seed})`, async () => {
      const etcd = await EtcdProcess.start();
      etcds.push(etcd);
      const gate = await etcd.gate();
      const two = [await openStore(etcd.endpoint), await openStore(gate.endpoint)];
      const records = await historyUnder(two, seededRandom(seed), [
        async () => {
          await etcd.kill();
          await wait(100);
          await etcd.restart();
        },
        async () => {
          etcd.pause();
          await wait(400);
          etcd.resume();
        },
        async () => {
          await gate.close();
          await wait(300);
          await gate.open();
        },
      ]);
      console.log(summary(records));
      expect(checkHistory(records)).toEqual([]);
    });

    test(`while the members of three are killed and stand still in turn (SEED=${seed})`, async () => {
      const members = await EtcdProcess.startCluster(3);
      etcds.push(...members);
      const endpoints = members.map(({ endpoint }) => endpoint);
      const two = [await openStore(...endpoints), await openStore(...endpoints.toReversed())];
      const faults = members.flatMap((member) => [
        async () => {
          await member.kill();
          await wait(300);
          await member.restart();
        },
        async () => {
          member.pause();
          await wait(1_200);
          member.resume();
        },
      ]);
      const records = await historyUnder(two, seededRandom(seed), faults);
      console.log(summary(records));
      expect(checkHistory(records)).toEqual([]);
    });
  },
);
