import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { openLmdbStore } from "./lmdb-store.ts";
import type { Store } from "./store.ts";
import { runStoreContract } from "./store-contract.ts";

/** The open store of each directory. */
const opened = new Map<string, Store>();

afterEach(async () => {
  for (const [dir, store] of opened) {
    await store.close();
    rmSync(dir, { recursive: true });
  }
  opened.clear();
});

runStoreContract({
  name: "lmdb",
  open: async (options) => {
    const dir = mkdtempSync(join(tmpdir(), "pintle-store-"));
    const store = await openLmdbStore(dir, options);
    opened.set(dir, store);
    return store;
  },
  reopen: async (store) => {
    const [dir] = [...opened].find(([, known]) => known === store)!;
    await store.close();
    const again = await openLmdbStore(dir);
    opened.set(dir, again);
    return again;
  },
});
