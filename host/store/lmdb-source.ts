import { existsSync } from "node:fs";
import { join } from "node:path";
import { open, type RootDatabase, type Transaction } from "lmdb";
import { copyOf } from "./copy-of.ts";
import { findHolder, lockDirectory } from "./directory-lock.ts";
import { aboutKey, decodeValue, parseRecordKey, type RecordFacts, recordKey } from "./journal-record.ts";
import { compareKeys } from "./key-order.ts";
import { COMPACTED_RECORD, FORMAT, FORMAT_RECORD } from "./lmdb-journal.ts";
import { STORE_FILE } from "./lmdb-store.ts";
import { StoreOpenError } from "./open-error.ts";
import { checkFile } from "./rewrite-file.ts";
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
    if (lock !== undefined) checkFile(path);
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

/** Live keys, in order. */
type Newest = readonly RecordFacts[];

function readKeys(
  path: string,
  database: RootDatabase<Buffer, Buffer>,
  transaction: Transaction,
): { revision: number; newest: Newest } {
  const about = (name: string) => {
    const keyBytes = aboutKey(name);
    const bytes = database.get(keyBytes, { transaction });
    return bytes && decodeValue(keyBytes, bytes)?.toString();
  };
  const format = about(FORMAT_RECORD);
  if (format !== FORMAT)
    throw new StoreOpenError("unknown-format", `${path} has another format than "${FORMAT}"`);
  const live = new Map<string, RecordFacts>();
  // The newest revision itself may be forgotten, when it was a delete.
  let revision = Math.max(1, Number(about(COMPACTED_RECORD)));
  for (const keyBytes of database.getKeys({ transaction })) {
    const facts = parseRecordKey(keyBytes);
    if (facts === undefined) throw corrupt(path);
    if (facts.revision === 0) continue;
    revision = Math.max(revision, facts.revision);
    if (facts.kind === "delete") live.delete(facts.key);
    else live.set(facts.key, facts);
  }
  return { revision, newest: [...live.values()].sort((a, b) => compareKeys(a.key, b.key)) };
}

async function* entriesOf(
  path: string,
  database: RootDatabase<Buffer, Buffer>,
  transaction: Transaction,
  newest: Newest,
): AsyncGenerator<Entry, void, void> {
  for (const facts of newest) {
    const keyBytes = recordKey(facts);
    const bytes = database.get(keyBytes, { transaction });
    const value = bytes && decodeValue(keyBytes, bytes);
    if (value === undefined) throw corrupt(path);
    const { key, revision: modRevision, createRevision, lease } = facts;
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
