import type { Commit } from "./history.ts";
import type { Entry, Lease } from "./store.ts";

/**
 * Where commits are made to last. The engine decides, numbers and remembers; a journal only keeps.
 *
 * The engine hands over one batch at a time and waits for it: everything that was written in the meantime makes up
 * the next batch, so many writers share one fsync.
 */
export interface Journal {
  /**
   * Keeps all of the batch or nothing of it, and returns once it would survive a loss of power. Rejects with
   * JournalRefusal when nothing was kept and the journal is sound, so that later batches may fare better; after any
   * other error it cannot be trusted with writes until it has been opened again.
   */
  append(batch: JournalBatch): Promise<void>;
  /**
   * Awaited before a batch is closed: how long it stays open for others. Those who were answered a moment ago mostly
   * have their next write ready; without a pause they would miss this batch, and batches would be half as large.
   */
  gather(): Promise<void>;
  /**
   * Whether a value of this size still fits, beside what waits already. Deleting and compacting needs no leave: it is
   * how room is made.
   */
  hasRoom(keyBytes: number, valueBytes: number, waitingBytes: number): boolean;
  close(): Promise<void>;
}

export interface JournalBatch {
  /** In order; each one revision after the one before. May be empty when there is only something to forget. */
  readonly commits: readonly Commit[];
  /** Leases granted and ended, in order. An end comes with the commit that deletes the keys. */
  readonly leases: readonly LeaseChange[];
  /** Forget the past up to here. */
  readonly compaction: Compaction | undefined;
}

export type LeaseChange =
  | { readonly type: "grant"; readonly lease: Lease }
  | { readonly type: "end"; readonly ids: readonly string[] };

export interface Compaction {
  readonly revision: number;
  /** The commits at and below `revision` that had not been forgotten before, oldest first. */
  readonly forgotten: readonly Commit[];
}

export class JournalRefusal extends Error {
  override readonly name = "JournalRefusal";
}

/** A record that nothing newer than a compaction needs. */
export interface ObsoleteRecord {
  readonly revision: number;
  readonly key: string;
  /** What was put; undefined: it is a delete. */
  readonly entry: Entry | undefined;
}

/**
 * What a compaction past a commit makes obsolete: the put that it replaced or deleted, and, when it is a delete, the
 * commit itself.
 */
export function obsoleteAfter(commit: Commit): ObsoleteRecord[] {
  return commit.events.flatMap(({ type, key, revision, previous }) => [
    ...(previous === undefined ? [] : [{ revision: previous.modRevision, key, entry: previous }]),
    ...(type === "delete" ? [{ revision, key, entry: undefined }] : []),
  ]);
}
