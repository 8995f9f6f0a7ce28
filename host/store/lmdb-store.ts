import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { open, type RootDatabase, type RootDatabaseOptionsWithPath } from "lmdb";
import { type Clock, SystemClock } from "../apimachinery/clock.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { DEFAULT_HISTORY, type HistoryBounds } from "./history.ts";
import { JournalSize } from "./journal-size.ts";
import { revealTransaction } from "./lmdb-file.ts";
import { LmdbJournal } from "./lmdb-journal.ts";
import { loadJournal } from "./load-journal.ts";
import { Mvcc } from "./mvcc.ts";
import { StoreOpenError } from "./open-error.ts";
import type { Store } from "./store.ts";

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
}

export const DEFAULT_MAX_BYTES = 8 * 1024 ** 3;
/** The name of the file in the data directory; LMDB puts `store.mdb-lock` beside it. */
export const STORE_FILE = "store.mdb";

/**
 * Opens the store in a directory, or begins one. What was acknowledged before is there, with the retained history, so
 * that watches resume. Opening takes time for the live keys and that history, not for what came before.
 *
 * @throws StoreOpenError when another process has it, or it is corrupt or unknown; the files stay as they are
 */
export async function openLmdbStore(dir: string, options: LmdbStoreOptions = {}): Promise<Store> {
  const lock = lockOrExplain(dir);
  try {
    const path = join(dir, STORE_FILE);
    const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    if (!existsSync(path)) await createFile(path);
    const { history, leases, usedBytes, isOld, hidden } = loadJournal(path);
    if (hidden !== undefined) revealTransaction(path, hidden);
    const journal = openJournal(path, maxBytes, usedBytes);
    if (isOld) await journal.upgrade();
    return new Mvcc({
      clock: options.clock ?? new SystemClock(),
      journal: {
        append: (batch) => journal.append(batch),
        gather: () => journal.gather(),
        hasRoom: (...sizes) => journal.hasRoom(...sizes),
        close: async () => {
          await journal.close();
          lock.release();
        },
      },
      history: { ...DEFAULT_HISTORY, ...options.history },
      past: history,
      leases,
    });
  } catch (error) {
    lock.release();
    throw explained(dir, error);
  }
}

/**
 * Makes the file of an empty store under another name and puts it in place when it is whole. So whoever dies on the
 * way leaves no file, and an empty or half one is a torn one.
 */
async function createFile(path: string): Promise<void> {
  const draft = `${path}.new`;
  const sweep = () => {
    for (const file of [draft, `${draft}-lock`]) rmSync(file, { force: true });
  };
  sweep();
  try {
    const journal = openJournal(draft, 0, 0);
    await journal.begin();
    await journal.close();
  } catch (error) {
    sweep();
    throw error;
  }
  rmSync(`${draft}-lock`, { force: true });
  renameSync(draft, path);
  const directory = openSync(dirname(path), "r");
  fsyncSync(directory);
  closeSync(directory);
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

function openJournal(path: string, maxBytes: number, usedBytes: number): LmdbJournal {
  return new LmdbJournal(openDatabase(path, maxBytes), new JournalSize(maxBytes, usedBytes), () => {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  });
}

export function openDatabase(path: string, maxBytes: number): RootDatabase<Buffer, Buffer> {
  const options: RootDatabaseOptionsWithPath & { permissionsMode: number } = {
    path,
    keyEncoding: "binary",
    encoding: "binary",
    cache: false,
    compression: false,
    // The plain way of LMDB: data is synced, then the meta page that makes it valid, then the write is acknowledged.
    // Npm lmdb's overlapping sync shows a commit before it is durable, and was not faster here.
    overlappingSync: false,
    // With it npm lmdb makes a promise of its own for each turn of the event loop, which nobody can take: when a commit
    // fails (a full disk), its rejection ended the process.
    eventTurnBatching: false,
    // Secrets are in it.
    permissionsMode: 0o600,
    // Address space only. Records fill pages by half at worst, and the free list and copied pages need their share.
    mapSize: Math.ceil((2 * maxBytes + MAP_RESERVE_BYTES) / MAP_ALIGNMENT) * MAP_ALIGNMENT,
  };
  allocateLockFile(path);
  return open(options);
}

/**
 * LMDB maps its lock file and lets the disk give the pages when they are touched; when it is full that is a SIGBUS. So
 * the pages of a new one are taken before, where a full disk is an error like any other. One that is there may be in use
 * by a process that reads a backup.
 */
function allocateLockFile(path: string): void {
  if (existsSync(`${path}-lock`)) return;
  writeFileSync(`${path}-lock`, new Uint8Array(LOCK_FILE_BYTES), { mode: 0o600 });
}

/** What LMDB needs for its 126 readers, in whole pages. */
const LOCK_FILE_BYTES = 3 * 4096;

const MAP_RESERVE_BYTES = 256 * 1024 * 1024;
const MAP_ALIGNMENT = 64 * 1024;
