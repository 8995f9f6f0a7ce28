import type { RootDatabase } from "lmdb";
import type { Commit } from "./history.ts";
import {
  type Journal,
  type JournalBatch,
  JournalRefusal,
  type LeaseChange,
  obsoleteAfter,
} from "./journal.ts";
import {
  aboutKey,
  deleteKey,
  encodeValue,
  entryKey,
  recordBytes,
  VALUE_HEAD_BYTES,
} from "./journal-record.ts";
import type { JournalSize } from "./journal-size.ts";

/** Names of the records at revision 0, which tell about the file. */
export const FORMAT_RECORD = "format";
export const COMPACTED_RECORD = "compacted";
/** A record for each lease under this and its id, and one that names the last id given out. */
export const LEASE_RECORD = "lease/";
export const LAST_LEASE_RECORD = "last-lease";
/** What this version reads and writes. Files of earlier formats become this one when they are opened. */
export const FORMAT = "pintle-store 3";

/**
 * MDB_MAP_FULL, and the numbers of ENOSPC, EDQUOT, EFBIG and EIO (what LMDB makes of a write that was cut short, and of
 * a failed fsync). All mean that the transaction was given up before its meta page: nothing of it is in the file, and
 * the pages it wrote to are free as before. But when it is the meta page that cannot be written, LMDB gives the same
 * code and refuses all that follows; `#isSound` tells.
 */
const SOUND_CODES: readonly unknown[] = [-30792, 28, 122, 27, 5];

/**
 * What is left of the disk when puts are refused; deletes may use it up, since LMDB copies the pages that they change.
 * Without it LMDB itself would meet the full disk, and npm lmdb then writes beyond the end of the buffer in which it
 * puts the reason, which now and then ends the process.
 */
const DISK_RESERVE_BYTES = 4 * 1024 * 1024;

/** A batch's scratch buffer is kept for the next one up to this size. */
const KEPT_SCRATCH_BYTES = 16 * 1024 * 1024;

/**
 * The journal in an LMDB file: one record per change under its revision, as etcd keeps it. A write appends one record;
 * a compaction removes, in the same transaction as the batch it comes with, the records that nothing newer than it
 * needs. So the file holds the live keys and the retained history, whatever came before.
 */
export class LmdbJournal implements Journal {
  readonly #database: RootDatabase<Buffer, Buffer>;
  readonly #size: JournalSize;
  readonly #freeDiskBytes: () => number;
  #scratch = Buffer.alloc(0);

  /** @param freeDiskBytes  what the disk has left */
  constructor(database: RootDatabase<Buffer, Buffer>, size: JournalSize, freeDiskBytes: () => number) {
    this.#database = database;
    this.#size = size;
    this.#freeDiskBytes = freeDiskBytes;
  }

  /** One turn of the event loop: requests that have arrived meanwhile may still join. */
  gather(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  hasRoom(keyBytes: number, valueBytes: number, waitingBytes: number): boolean {
    return this.#size.hasRoom(keyBytes, valueBytes, waitingBytes);
  }

  /** Writes what a new file has to say about itself. */
  async begin(): Promise<void> {
    await this.#commit(() => {
      this.#putAbout(FORMAT_RECORD, FORMAT);
      this.#putAbout(COMPACTED_RECORD, "0");
    });
  }

  async append(batch: JournalBatch): Promise<void> {
    const { commits, leases, compaction } = batch;
    this.#assertDiskHasRoom(batch);
    const obsolete = (compaction?.forgotten ?? []).flatMap(obsoleteAfter);
    // LMDB gives as many pages free as a large record's first page says, so that has to be looked at; and whoever still
    // holds the entry, in a snapshot or on its way to a watcher, reads the value later.
    for (const { entry } of obsolete) void entry?.value;
    await this.#commit(() => {
      this.#putCommits(commits);
      for (const change of leases) this.#putLease(change);
      if (compaction === undefined) return;
      for (const { revision, key, entry } of obsolete)
        void this.#database.remove(entry === undefined ? deleteKey(revision, key) : entryKey(entry));
      this.#putAbout(COMPACTED_RECORD, String(compaction.revision));
    });
    this.#size.count(batch);
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  #assertDiskHasRoom({ commits, leases }: JournalBatch): void {
    let bytes = 0;
    for (const { events } of commits)
      for (const { key, entry } of events)
        if (entry !== undefined) bytes += recordBytes(key.length, entry.value.length);
    for (const { type } of leases) if (type === "grant") bytes += LEASE_RECORD_BYTES;
    if (bytes === 0) return;
    // Pages that are filled by half, and those that lead to them.
    const wanted = 2 * bytes + DISK_RESERVE_BYTES;
    const free = this.#freeDiskBytes();
    if (free >= wanted) return;
    // Free pages of the file may lie apart, so that a large value needs new ones all the same.
    if (free < bytes || free + this.#freePageBytes() < wanted)
      throw new JournalRefusal(`the disk is full: it has ${free} bytes left`);
  }

  /** What deletes and compactions have left free within the file. */
  #freePageBytes(): number {
    const { root, free, pageSize, lastPageNumber } = this.#database.getStats() as LmdbStats;
    return (lastPageNumber + 1 - META_PAGES - pagesOf(root) - pagesOf(free)) * pageSize;
  }

  #putCommits(commits: readonly Commit[]): void {
    let bytes = 0;
    for (const { events } of commits)
      for (const { entry } of events) bytes += VALUE_HEAD_BYTES + (entry?.value.length ?? 0);
    // LMDB's writer thread reads the values where they lie until the batch is committed; then the space is free again.
    const scratch = this.#takeScratch(bytes);
    let at = 0;
    for (const { revision, atMs, events } of commits) {
      for (const { key, entry } of events) {
        const value = entry?.value ?? NO_BYTES;
        const target = scratch.subarray(at, at + VALUE_HEAD_BYTES + value.length);
        at += target.length;
        const keyBytes = entry === undefined ? deleteKey(revision, key) : entryKey(entry);
        encodeValue(target, keyBytes, atMs, value);
        void this.#database.put(keyBytes, target);
      }
    }
  }

  #putLease(change: LeaseChange): void {
    if (change.type === "end") {
      for (const id of change.ids) void this.#database.remove(aboutKey(LEASE_RECORD + id));
      return;
    }
    this.#putAbout(LEASE_RECORD + change.lease.id, String(change.lease.ttlMs));
    this.#putAbout(LAST_LEASE_RECORD, change.lease.id);
  }

  #putAbout(name: string, text: string): void {
    const { keyBytes, bytes } = aboutRecord(name, text);
    void this.#database.put(keyBytes, bytes);
  }

  #takeScratch(bytes: number): Buffer {
    if (bytes <= this.#scratch.length) return this.#scratch;
    const scratch = Buffer.allocUnsafeSlow(bytes);
    if (bytes <= KEPT_SCRATCH_BYTES) this.#scratch = scratch;
    return scratch;
  }

  /** One LMDB transaction on its own thread: all the writes of `action`, and an fsync before the promise resolves. */
  async #commit(action: () => void): Promise<void> {
    try {
      await this.#database.batch(action);
    } catch (error) {
      const cause = await commitError(error);
      const { code } = cause as { code?: unknown };
      const message = `the disk is full or failing: ${cause.message}`;
      throw SOUND_CODES.includes(code) && this.#isSound()
        ? new JournalRefusal(message, { cause })
        : new Error(message, { cause });
    }
  }

  /** Whether another transaction can begin. Asked at once, since a batch on a file that LMDB has given up never ends. */
  #isSound(): boolean {
    try {
      this.#database.transactionSync(() => {});
      return true;
    } catch {
      return false;
    }
  }
}

/** A record about the file. */
export function aboutRecord(name: string, text: string): { keyBytes: Buffer; bytes: Buffer } {
  const value = Buffer.from(text);
  const bytes = Buffer.allocUnsafe(VALUE_HEAD_BYTES + value.length);
  const keyBytes = aboutKey(name);
  encodeValue(bytes, keyBytes, 0, value);
  return { keyBytes, bytes };
}

/** About what a lease takes up. */
const LEASE_RECORD_BYTES = 64;
const META_PAGES = 2;

interface LmdbStats {
  readonly root: LmdbTreeStats;
  readonly free: LmdbTreeStats;
  readonly pageSize: number;
  readonly lastPageNumber: number;
}

interface LmdbTreeStats {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

function pagesOf({ treeBranchPageCount, treeLeafPageCount, overflowPages }: LmdbTreeStats): number {
  return treeBranchPageCount + treeLeafPageCount + overflowPages;
}

const NO_BYTES = new Uint8Array(0);

/** Npm lmdb rejects with "Commit failed", which carries a promise that rejects with the reason. */
async function commitError(error: unknown): Promise<Error> {
  const failure = error instanceof Error ? error : new Error(String(error));
  try {
    await (failure as { commitError?: Promise<never> }).commitError;
    return failure;
  } catch (reason) {
    return reason instanceof Error ? reason : failure;
  }
}
