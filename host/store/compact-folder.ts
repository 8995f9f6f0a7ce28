import { closeSync, fsyncSync, openSync, renameSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { lockDirectory } from "./directory-lock.ts";
import { readLmdbFile } from "./lmdb-file.ts";
import { DEFAULT_MAX_BYTES, openDatabase, openLmdbStore, STORE_FILE } from "./lmdb-store.ts";
import { StoreOpenError } from "./open-error.ts";

export interface Compaction {
  /** History below this is forgotten. */
  readonly revision: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * Forgets the history of a store that nobody has open, and writes its file anew without the pages that are free: LMDB
 * uses those again, but never gives them back. The new file is checked before it takes the old one's place.
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
  requireRoom(dir, bytesBefore);
  const lock = lockDirectory(dir);
  const draft = `${path}.new`;
  try {
    rmSync(draft, { force: true });
    await copyRecords(path, draft);
    readLmdbFile(draft, () => {});
    for (const synced of [draft, dir]) {
      const opened = openSync(synced, "r");
      fsyncSync(opened);
      closeSync(opened);
    }
    renameSync(draft, path);
    // It tells of the readers of the file that was there before.
    rmSync(`${path}-lock`, { force: true });
    return { revision, bytesBefore, bytesAfter: statSync(path).size };
  } finally {
    rmSync(draft, { force: true });
    rmSync(`${draft}-lock`, { force: true });
    lock.release();
  }
}

/** Npm lmdb ends the process on a disk that is full: so that is looked after before. */
function requireRoom(dir: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(dir);
  const free = bavail * bsize;
  if (free < bytes + SPARE_BYTES)
    throw new StoreOpenError(
      "unreadable",
      `${dir} has ${free} bytes left, and the store may need ${bytes} for its new file; its history is forgotten all the same`,
    );
}

const SPARE_BYTES = 16 * 1024 * 1024;

/** Records of a transaction of the copy. */
const BATCH = 1_000;

/** Record by record: what `backup` of npm lmdb writes is laid out otherwise than a file in use, and cannot be checked. */
async function copyRecords(from: string, to: string): Promise<void> {
  const source = openDatabase(from, 0);
  const target = openDatabase(to, DEFAULT_MAX_BYTES);
  try {
    let batch: [key: Buffer, value: Buffer][] = [];
    const write = async () => {
      await target.batch(() => {
        for (const [key, value] of batch) void target.put(key, value);
      });
      batch = [];
    };
    for (const { key, value } of source.getRange({ snapshot: true })) {
      batch.push([Buffer.from(key), Buffer.from(value)]);
      if (batch.length === BATCH) await write();
    }
    await write();
  } finally {
    await source.close();
    await target.close();
  }
}
