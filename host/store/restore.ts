import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { KeyAndValue } from "./backup-file.ts";
import { openLmdbStore, STORE_FILE } from "./lmdb-store.ts";
import { StoreOpenError } from "./open-error.ts";
import { OWN_PREFIX } from "./owner.ts";
import { isEmpty, restoreSnapshot } from "./snapshot.ts";
import type { Store } from "./store.ts";

/** There while a store that cannot be put in place as a whole is filled. */
const RESTORING = `${OWN_PREFIX}restoring`;

/** @throws StoreOpenError when the folder has a store already */
export function refuseStoreIn(dir: string): void {
  if (existsSync(join(dir, STORE_FILE)))
    throw new StoreOpenError("in-use", `${dir} has a store already; nothing was changed`);
}

/**
 * Makes an LMDB store of entries in a folder that has none. It is filled under another name and put in place when it is
 * whole and synced, so a restore that is cut short leaves no store.
 *
 * The caller holds the data directory.
 *
 * @returns how many entries were written
 */
export async function restoreToFolder(dir: string, entries: AsyncIterable<KeyAndValue>): Promise<number> {
  refuseStoreIn(dir);
  const draft = join(dirname(dir), `.${basename(dir)}.restoring`);
  rmSync(draft, { recursive: true, force: true });
  try {
    const store = await openLmdbStore(draft);
    let written: number;
    try {
      written = await restoreSnapshot(store, entries);
      // Nobody has seen these revisions, and a history of so many keys would make each opening longer.
      await store.compact(store.revision);
    } finally {
      await store.close();
    }
    // An empty folder is no store; one with files in it is not ours to remove.
    if (existsSync(dir) && readdirSync(dir).length === 0) rmdirSync(dir);
    renameSync(draft, dir);
    const folder = openSync(dirname(dir), "r");
    fsyncSync(folder);
    closeSync(folder);
    return written;
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Fills an open store that has nothing of a cluster in it. Cut short, it says so to whoever opens it next.
 *
 * @param where  what the user calls the store
 * @returns how many entries were written
 */
export async function restoreInto(
  store: Store,
  where: string,
  entries: AsyncIterable<KeyAndValue>,
): Promise<number> {
  await refuseHalfRestored(store, where);
  if (!(await isEmpty(store)))
    throw new StoreOpenError("in-use", `${where} has a cluster in it already; nothing was changed`);
  await store.create(RESTORING, new Uint8Array(0));
  const written = await restoreSnapshot(store, entries);
  await store.delete(RESTORING);
  return written;
}

/** @throws StoreOpenError when a restore into the store was cut short, or is under way */
export async function refuseHalfRestored(store: Store, where: string): Promise<void> {
  if ((await store.get(RESTORING)) === undefined) return;
  throw new StoreOpenError(
    "corrupt",
    `${where} holds a restore that was cut short; empty it and restore again: etcdctl del "" --prefix`,
  );
}
