import { existsSync, renameSync, rmSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RootDatabase } from "lmdb";
import { type Clock, SystemClock } from "../apimachinery/clock.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { DEFAULT_HISTORY, type HistoryBounds } from "./history.ts";
import { JournalSize } from "./journal-size.ts";
import { openDatabase } from "./lmdb-database.ts";
import { revealTransaction } from "./lmdb-file.ts";
import { LmdbJournal } from "./lmdb-journal.ts";
import { LmdbPages } from "./lmdb-pages.ts";
import { LmdbValues } from "./lmdb-values.ts";
import { type LoadedJournal, loadJournal, OldFormatError } from "./load-journal.ts";
import { Mvcc } from "./mvcc.ts";
import { StoreOpenError } from "./open-error.ts";
import { sweep, sync } from "./rewrite-file.ts";
import type { Store } from "./store.ts";
import { upgradeFile } from "./upgrade-file.ts";

export interface LmdbStoreOptions {
  /** Says how old history is; real time unless given. */
  readonly clock?: Clock;
  readonly history?: Partial<HistoryBounds>;
  /**
   * How much the records may take up in the file; 8 GiB unless given, the most that is advised for etcd. At the bound
   * the past is compacted at once; when that makes no room, writes are refused with StoreUnavailableError "the store
   * is full" and only deletes are taken. The file itself never shrinks; freed pages are used again.
   */
  readonly maxBytes?: number;
  /** Reads all values when it is opened, so that a damaged one is refused then. Otherwise whoever asks for it is told. */
  readonly checksValues?: boolean;
}

export const DEFAULT_MAX_BYTES = 8 * 1024 ** 3;
/** The name of the file in the data directory; LMDB puts `store.mdb-lock` beside it. */
export const STORE_FILE = "store.mdb";

/**
 * Opens the store in a directory, or begins one. What was acknowledged before is there, with the retained history, so
 * that watches resume. Opening takes time for the live keys and that history, not for what came before, nor for values:
 * these are read when they are asked for, and then may prove to be damaged.
 *
 * @throws StoreOpenError when another process has it, or it is corrupt or unknown; the files stay as they are
 */
export async function openLmdbStore(dir: string, options: LmdbStoreOptions = {}): Promise<Store> {
  const lock = lockOrExplain(dir);
  let opened: LmdbValues | undefined;
  try {
    const path = join(dir, STORE_FILE);
    const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    if (!existsSync(path)) await createFile(path);
    const { values, history, leases, usedBytes, hidden } = await load(path, options.checksValues);
    opened = values;
    if (hidden !== undefined) revealTransaction(path, hidden);
    const database = openDatabase(path, maxBytes);
    values.attach(database);
    const journal = journalOf(database, path, maxBytes, usedBytes);
    return new Mvcc({
      clock: options.clock ?? new SystemClock(),
      journal: {
        append: (batch) => journal.append(batch),
        gather: () => journal.gather(),
        hasRoom: (...sizes) => journal.hasRoom(...sizes),
        close: async () => {
          values.close();
          await journal.close();
          lock.release();
        },
      },
      history: { ...DEFAULT_HISTORY, ...options.history },
      past: history,
      leases,
    });
  } catch (error) {
    opened?.close();
    lock.release();
    throw explained(dir, error);
  }
}

/** What is in the file, which is brought up to this version's format if it is not. */
async function load(
  path: string,
  checksValues: boolean | undefined,
): Promise<LoadedJournal & { readonly values: LmdbValues }> {
  for (;;) {
    const pages = new LmdbPages(path);
    const values = new LmdbValues(pages);
    try {
      return { ...loadJournal(pages, values, checksValues), values };
    } catch (error) {
      values.close();
      if (!(error instanceof OldFormatError)) throw error;
    }
    await upgradeFile(path);
  }
}

/**
 * Makes the file of an empty store under another name and puts it in place when it is whole. So whoever dies on the
 * way leaves no file, and an empty or half one is a torn one.
 */
async function createFile(path: string): Promise<void> {
  const draft = `${path}.new`;
  sweep(draft);
  try {
    const journal = journalOf(openDatabase(draft, 0), draft, 0, 0);
    await journal.begin();
    await journal.close();
  } catch (error) {
    sweep(draft);
    throw error;
  }
  rmSync(`${draft}-lock`, { force: true });
  renameSync(draft, path);
  sync(dirname(path));
}

function lockOrExplain(dir: string): DirectoryLock {
  try {
    return lockDirectory(dir);
  } catch (error) {
    throw explained(dir, error);
  }
}

function explained(dir: string, error: unknown): StoreOpenError {
  if (error instanceof StoreOpenError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new StoreOpenError("unreadable", `data directory ${dir} cannot be used: ${reason}`, {
    cause: error,
  });
}

function journalOf(
  database: RootDatabase<Buffer, Buffer>,
  path: string,
  maxBytes: number,
  usedBytes: number,
): LmdbJournal {
  return new LmdbJournal(database, new JournalSize(maxBytes, usedBytes), () => {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  });
}
