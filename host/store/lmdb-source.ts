import { existsSync } from "node:fs";
import { join } from "node:path";
import { open, type RootDatabase, type Transaction } from "lmdb";
import { copyOf } from "./copy-of.ts";
import { findHolder, lockDirectory } from "./directory-lock.ts";
import { decodeRecord, recordKey } from "./journal-record.ts";
import { compareKeys } from "./key-order.ts";
import { readLmdbFile } from "./lmdb-file.ts";
import { COMPACTED_RECORD, FORMAT, FORMAT_RECORD, READABLE_FORMATS } from "./lmdb-journal.ts";
import { STORE_FILE } from "./lmdb-store.ts";
import { StoreOpenError } from "./open-error.ts";
import type { StoreSource } from "./source.ts";
import type { Entry } from "./store.ts";

/**
 * A store's file as it stands now, whether a cluster writes to it or not: LMDB shows a reader the last transaction as
 * it was, however many follow, and they never wait for it (the file grows meanwhile). Keys are held in memory, values
 * are not.
 *
 * A file that nobody writes to is checked in full before LMDB is let near it: see `lmdb-file.ts`.
 *
 * @throws StoreOpenError when there is none, or it is corrupt or unknown
 */
export async function openLmdbSource(dir: string): Promise<StoreSource> {
  const path = join(dir, STORE_FILE);
  if (!existsSync(path)) throw new StoreOpenError("unreadable", `there is no store in ${dir}`);
  const lock = findHolder(dir) === undefined ? lockDirectory(dir) : undefined;
  let database: RootDatabase<Buffer, Buffer> | undefined;
  try {
    if (lock !== undefined) readLmdbFile(path, () => {});
    database = open<Buffer, Buffer>({
      path,
      keyEncoding: "binary",
      encoding: "binary",
      cache: false,
      readOnly: true,
    });
    const transaction = database.useReadTransaction();
    const { revision, newest } = readKeys(path, database, transaction);
    const close = async () => {
      transaction.done();
      await database?.close();
      lock?.release();
    };
    return {
      engine: "lmdb",
      revision,
      keys: newest.length,
      entries: entriesOf(path, database, transaction, newest),
      close,
    };
  } catch (error) {
    await database?.close();
    lock?.release();
    throw error;
  }
}

/** A live key and the revision it was last written at. */
type Newest = readonly (readonly [key: string, revision: number])[];

function readKeys(
  path: string,
  database: RootDatabase<Buffer, Buffer>,
  transaction: Transaction,
): { revision: number; newest: Newest } {
  const live = new Map<string, number>();
  let format: string | undefined;
  let revision = 1;
  for (const { key, value } of database.getRange({ transaction })) {
    const record = decodeRecord(key, value);
    if (record === undefined) throw corrupt(path);
    if (record.revision === 0) {
      const text = Buffer.from(record.value).toString();
      if (record.key === FORMAT_RECORD) format = text;
      // The newest revision itself may be forgotten, when it was a delete.
      else if (record.key === COMPACTED_RECORD) revision = Math.max(1, Number(text));
      continue;
    }
    revision = Math.max(revision, record.revision);
    if (record.kind === "delete") live.delete(record.key);
    else live.set(record.key, record.revision);
  }
  if (!READABLE_FORMATS.includes(format))
    throw new StoreOpenError(
      "unknown-format",
      `${path} has the format "${format}"; this version reads up to "${FORMAT}"`,
    );
  return { revision, newest: [...live].sort(([a], [b]) => compareKeys(a, b)) };
}

async function* entriesOf(
  path: string,
  database: RootDatabase<Buffer, Buffer>,
  transaction: Transaction,
  newest: Newest,
): AsyncGenerator<Entry, void, void> {
  for (const [key, modRevision] of newest) {
    const keyBytes = recordKey(modRevision, key);
    const bytes = database.get(keyBytes, { transaction });
    const record = bytes && decodeRecord(keyBytes, bytes);
    if (record === undefined) throw corrupt(path);
    const { createRevision, lease, value } = record;
    yield {
      key,
      value: copyOf(value),
      createRevision,
      modRevision,
      ...(lease === undefined ? {} : { lease }),
    };
  }
}

function corrupt(path: string): StoreOpenError {
  return new StoreOpenError("corrupt", `${path} is corrupt: a record's checksum does not match`);
}
