import { closeSync, fsyncSync, openSync, renameSync, rmSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { openDatabase } from "./lmdb-database.ts";
import { LmdbPages } from "./lmdb-pages.ts";
import { LmdbValues } from "./lmdb-values.ts";
import { loadJournal } from "./load-journal.ts";
import { StoreOpenError } from "./open-error.ts";

export type LmdbRecord = readonly [key: Buffer, value: Buffer];

/**
 * Writes the file of a store anew, record by record: what `backup` of npm lmdb writes is laid out otherwise than a file in
 * use, and cannot be checked. The new file is checked, values and all, before it takes the old one's place, so whoever
 * dies on the way leaves the old one.
 *
 * The caller holds the directory, and has found the file sound.
 *
 * @param renewed  a record as it shall be
 */
export async function rewriteFile(path: string, renewed: (record: LmdbRecord) => LmdbRecord): Promise<void> {
  const bytes = statSync(path).size;
  requireRoom(dirname(path), bytes);
  const draft = `${path}.new`;
  sweep(draft);
  try {
    await copyRecords(path, draft, bytes, renewed);
    checkFile(draft);
    sync(draft);
    renameSync(draft, path);
    sync(dirname(path));
    // It tells of the readers of the file that was there before.
    rmSync(`${path}-lock`, { force: true });
  } finally {
    sweep(draft);
  }
}

/** Reads the whole file of a store that nobody has open. @throws StoreOpenError */
export function checkFile(path: string): ReturnType<typeof loadJournal> {
  const pages = new LmdbPages(path);
  try {
    return loadJournal(pages, new LmdbValues(pages), true);
  } finally {
    pages.close();
  }
}

export function sync(path: string): void {
  const opened = openSync(path, "r");
  fsyncSync(opened);
  closeSync(opened);
}

/** Removes what is left of a file that was to be put in place. */
export function sweep(draft: string): void {
  for (const file of [draft, `${draft}-lock`]) rmSync(file, { force: true });
}

/** Npm lmdb ends the process on a disk that is full: so that is looked after before. */
function requireRoom(dir: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(dir);
  const free = bavail * bsize;
  if (free < bytes + SPARE_BYTES)
    throw new StoreOpenError(
      "unreadable",
      `${dir} has ${free} bytes left, and the store may need ${bytes} for its new file`,
    );
}

const SPARE_BYTES = 16 * 1024 * 1024;

/** Records of a transaction of the copy. */
const BATCH = 1_000;

async function copyRecords(
  from: string,
  to: string,
  fileBytes: number,
  renewed: (record: LmdbRecord) => LmdbRecord,
): Promise<void> {
  const source = openDatabase(from, fileBytes);
  const target = openDatabase(to, 2 * fileBytes);
  try {
    let batch: LmdbRecord[] = [];
    const write = async () => {
      await target.batch(() => {
        for (const [key, value] of batch) void target.put(key, value);
      });
      batch = [];
    };
    for (const { key, value } of source.getRange({ snapshot: true })) {
      batch.push(renewed([Buffer.from(key), Buffer.from(value)]));
      if (batch.length === BATCH) await write();
    }
    await write();
  } finally {
    await source.close();
    await target.close();
  }
}
