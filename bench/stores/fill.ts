import { openLmdbStore } from "../../host/store/lmdb-store.ts";
import { podKey } from "./keys.ts";

/**
 * Fills a store, says "filled" and waits to be killed, as no store is closed in a crash.
 * `node dist/bench/stores/fill.js FOLDER KEYS VALUE_BYTES`
 */
const [folder = "", keys = "", valueBytes = ""] = process.argv.slice(2);
const value = Buffer.alloc(Number(valueBytes), "x");
const store = await openLmdbStore(folder, { maxBytes: 64 * 1024 ** 3 });
const IN_FLIGHT = 5_000;
for (let first = 0; first < Number(keys); first += IN_FLIGHT) {
  const count = Math.min(IN_FLIGHT, Number(keys) - first);
  await Promise.all(Array.from({ length: count }, (_, i) => store.create(podKey(first + i), value)));
}
console.log("filled");
// The store's timers do not keep a process alive.
setInterval(() => {}, 60_000);
