/**
 * A process that writes to a store and says on stdout what it asked for and what was acknowledged, until it is killed
 * or the store takes no more. It runs the built store (`dist/`), as users do.
 *
 *     node writer.mjs DIR SEED WRITERS
 *
 * Lines: "open REVISION", "ask VERB KEY VALUE", "ack REVISION VERB KEY VALUE", "refused MESSAGE".
 */
import { writeSync } from "node:fs";
import { seededRandom } from "../../dist/host/apimachinery/random.js";
import { openLmdbStore } from "../../dist/host/store/lmdb-store.js";

const [dir, seed, writers] = process.argv.slice(2);
const say = (line) => writeSync(1, `${line}\n`);

// A short history, so that compactions happen all the time.
const store = await openLmdbStore(dir, { history: { maxRevisions: 100 } });
say(`open ${store.revision}`);

async function write(random, name) {
  for (let count = 0; ; count++) {
    const key = `/${name}/${random.below(20)}`;
    const current = await store.get(key);
    const verb = current === undefined ? "create" : random.below(3) === 0 ? "delete" : "update";
    // Some values are larger than a page.
    const value =
      verb === "delete" ? "" : `${name}-${count}-${"x".repeat(random.below(10) === 0 ? 9_000 : 30)}`;
    say(`ask ${verb} ${key} ${value}`);
    const result =
      verb === "create"
        ? await store.create(key, Buffer.from(value))
        : verb === "update"
          ? await store.update(key, Buffer.from(value), current.modRevision)
          : await store.delete(key, current.modRevision);
    if (!result.ok) throw new Error(`${verb} of ${key} met somebody else`);
    say(`ack ${verb === "delete" ? result.revision : result.entry.modRevision} ${verb} ${key} ${value}`);
  }
}

const random = seededRandom(Number(seed));
const names = Array.from({ length: Number(writers) }, (_, i) => `w${i}`);
// Each writer has keys of its own, so nothing is ever refused but for want of room.
try {
  await Promise.all(names.map((name) => write(random.fork(name), name)));
} catch (error) {
  say(`refused ${error.name}: ${error.message}`);
  const { entries } = await store.range("");
  say(`readable ${entries.length}`);
  await store.close();
}
