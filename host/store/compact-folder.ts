import { statSync } from "node:fs";
import { join } from "node:path";
import { lockDirectory } from "./directory-lock.ts";
import { openLmdbStore, STORE_FILE } from "./lmdb-store.ts";
import { rewriteFile } from "./rewrite-file.ts";

export interface Compaction {
  /** History below this is forgotten. */
  readonly revision: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * Forgets the history of a store that nobody has open, and writes its file anew without the pages that are free: LMDB
 * uses those again, but never gives them back.
 */
export async function compactFolder(dir: string): Promise<Compaction> {
  const path = join(dir, STORE_FILE);
  const bytesBefore = statSync(path).size;
  const store = await openLmdbStore(dir);
  const { revision } = store;
  try {
    await store.compact(revision);
  } finally {
    await store.close();
  }
  const lock = lockDirectory(dir);
  try {
    await rewriteFile(path, (record) => record);
    return { revision, bytesBefore, bytesAfter: statSync(path).size };
  } finally {
    lock.release();
  }
}
