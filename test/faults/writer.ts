/**
 * A process that works on an LMDB store with many clients at once and tells its history on stdout, a record a line,
 * until it is killed or the store takes no more.
 *
 *     node dist/test/faults/writer.js DIR SEED WRITERS [PATIENCE]
 *
 * Before the history comes "open REVISION". When the store has refused PATIENCE writes (1 unless given), "refused
 * MESSAGE" and "readable KEYS" are the last.
 */
import { writeSync } from "node:fs";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { openLmdbStore } from "../../host/store/lmdb-store.ts";
import { isDefinitelyRefused, RecordedStore } from "./recorded-store.ts";
import { runWorkload } from "./workload.ts";

const [dir = "", seed, writers, patience = "1"] = process.argv.slice(2);
const say = (line: string) => writeSync(1, `${line}\n`);

// A short history, so that compactions happen all the time.
const store = await openLmdbStore(dir, { history: { maxRevisions: 100 } });
say(`open ${store.revision}`);
let refusals = 0;
let refusal = "";
const recorded = new RecordedStore(store, {
  name: String(seed),
  isDefinite: isDefinitelyRefused,
  write: (record) => {
    say(JSON.stringify(record));
    if (record.at !== "answer" || !("failed" in record.answer)) return;
    if (!record.answer.failed.startsWith("StoreUnavailableError")) return;
    refusals += 1;
    refusal = record.answer.failed;
  },
});
await runWorkload({
  stores: [recorded],
  random: seededRandom(Number(seed)),
  writers: Number(writers),
  readers: 1,
  watchers: 1,
  leaseMs: 1_000,
  isOver: () => refusals >= Number(patience),
  // Not at once, so that the one reader leaves the machine to the writers.
  pause: () => new Promise((resolve) => setTimeout(resolve, 1)),
});
say(`refused ${refusal}`);
say(`readable ${(await store.range("")).entries.length}`);
await store.close();
