/**
 * The store: ordered keys, one growing revision, compare-and-swap, watch. It knows keys and bytes, not kinds.
 *
 * Every engine (memory, lmdb, etcd) passes one contract suite, `store-contract.ts`.
 *
 *   revision      grows by one with each successful write and is given out in one place
 *   visibility    a write is readable and watchable only once it is durable; then its promise resolves.
 *                 Compare-and-swap is decided against the newest accepted write, durable or not yet
 *   history       reads at, and watches from, a past revision work back to the last compaction
 *   immutability  bytes handed in or out are never changed by anybody
 */
export interface Entry {
  readonly key: string;
  /** Of LMDB, an entry from before the store was opened reads it when it is first asked for: then it may throw DamagedValueError. */
  readonly value: Uint8Array;
  /** Revision of the write that created the key. */
  readonly createRevision: number;
  /** Revision of the last write. */
  readonly modRevision: number;
  /** The lease it was last written with: it is deleted when that ends. */
  readonly lease?: string;
}

export interface RangeOptions {
  /** Read as of this revision; absent: the newest. Throws CompactedError below the compaction, FutureRevisionError above the newest. */
  readonly revision?: number;
  /** Only keys that sort after this one. */
  readonly after?: string;
  /** At most this many entries; absent: all. */
  readonly limit?: number;
}

export interface Range {
  readonly entries: readonly Entry[];
  /** The revision the range was read at. */
  readonly revision: number;
  /** How many keys with the prefix come after the last one returned. */
  readonly remaining: number;
}

export interface WriteOptions {
  /** The id of a lease whose end deletes the key; absent: the key stays, whatever lease it had before. */
  readonly lease?: string;
}

/** The outcome of a conditional write. Expected outcomes are values, not exceptions. */
export type WriteResult =
  | { readonly ok: true; readonly entry: Entry }
  /** The condition did not hold; `current` is what is there (undefined: no such key). */
  | { readonly ok: false; readonly current: Entry | undefined };

export type DeleteResult =
  | { readonly ok: true; readonly previous: Entry; readonly revision: number }
  | { readonly ok: false; readonly current: Entry | undefined };

/** One key of a transaction, with its condition: the same ones that `create`, `update` and `delete` have. */
export type Operation =
  | { readonly type: "create"; readonly key: string; readonly value: Uint8Array; readonly lease?: string }
  | {
      readonly type: "update";
      readonly key: string;
      readonly value: Uint8Array;
      readonly expectedRevision: number;
      readonly lease?: string;
    }
  | { readonly type: "delete"; readonly key: string; readonly expectedRevision?: number }
  /** Writes nothing: the key's last write must be `expectedRevision`; 0: there must be no such key. */
  | { readonly type: "check"; readonly key: string; readonly expectedRevision: number };

/** How many keys a transaction may have; more is a RangeError. As in etcd (`--max-txn-ops`). */
export const MAX_OPERATIONS = 128;

export type TransactionResult =
  /** The events of the one revision it took, in byte order of their keys; none when it only checked. */
  | { readonly ok: true; readonly revision: number; readonly events: readonly WatchEvent[] }
  /** Some condition did not hold and nothing was written; `current` is what is there, in the order of the operations. */
  | { readonly ok: false; readonly current: readonly (Entry | undefined)[] };

export interface Lease {
  /** Digits; an id is never given out twice. */
  readonly id: string;
  /** Whole seconds, in milliseconds; may be longer than what was asked for, never shorter. */
  readonly ttlMs: number;
}

/** All entries as of one revision, in byte order of their keys. */
export interface Snapshot {
  readonly revision: number;
  readonly entries: AsyncIterable<Entry>;
}

/** Counters since the store was opened, and how much there is now. */
export interface StoreMetrics {
  /** Writes and transactions that were acknowledged, ends of leases among them. */
  readonly commits: number;
  /** Writes whose condition did not hold. */
  readonly conflicts: number;
  /** Writes that failed: refused by the disk or by etcd, or their outcome is unknown. */
  readonly failures: number;
  readonly eventsDelivered: number;
  readonly watchers: number;
  readonly keys: number;
  readonly retainedRevisions: number;
}

export interface WatchEvent {
  readonly type: "put" | "delete";
  readonly key: string;
  readonly revision: number;
  /** The entry after a put; undefined for a delete. */
  readonly entry: Entry | undefined;
  /** The entry before; undefined when a put created the key. */
  readonly previous: Entry | undefined;
}

export interface Watcher {
  /** Events in order of revision, without gaps; never called again after `cancel`. */
  onEvents(events: readonly WatchEvent[]): void;
  /** All events up to this revision have been delivered; the answer to `requestProgress`. */
  onProgress?(revision: number): void;
  /** Called once, last, when the watch cannot go on (the store was closed). */
  onEnd?(reason: Error): void;
}

export interface WatchHandle {
  /**
   * Asks for one `onProgress`, with the store's newest revision at that moment or a later one. Requests made before it
   * comes share it. A watcher whose keys are quiet so learns how far it is, and its place is not lost to a compaction.
   */
  requestProgress(): void;
  cancel(): void;
}

export interface Store {
  /** The newest readable revision; 1 for a new store, as in etcd. */
  readonly revision: number;
  /** Reads below this revision are refused. */
  readonly compactedRevision: number;
  get(key: string, options?: { revision?: number }): Promise<Entry | undefined>;
  /** Entries whose key starts with `prefix`, in byte order of their keys. */
  range(prefix: string, options?: RangeOptions): Promise<Range>;
  /** Writes a key that must not exist. */
  create(key: string, value: Uint8Array, options?: WriteOptions): Promise<WriteResult>;
  /** Writes a key whose last write must be `expectedRevision`. */
  update(
    key: string,
    value: Uint8Array,
    expectedRevision: number,
    options?: WriteOptions,
  ): Promise<WriteResult>;
  /** Deletes a key; when `expectedRevision` is given, only if that was its last write. Missing key: `ok: false`. */
  delete(key: string, expectedRevision?: number): Promise<DeleteResult>;
  /** Carries out all operations under one revision, or none. Each key may be named once. */
  transact(operations: readonly Operation[]): Promise<TransactionResult>;
  /**
   * Events of keys with `prefix`, of revisions greater than `afterRevision`: first what history holds, then live.
   * Throws CompactedError at once when history no longer holds them. An `afterRevision` above the newest waits.
   */
  watch(prefix: string, afterRevision: number, watcher: Watcher): WatchHandle;
  /** Forgets history at and below `revision`: older reads and watches answer CompactedError. */
  compact(revision: number): Promise<void>;
  /** What is there now, to be read at leisure: writes and compactions that come later do not touch it. */
  snapshot(): Promise<Snapshot>;
  /**
   * Grants a lease. Once its time has passed without `keepLeaseAlive`, it ends and its keys are deleted under one
   * revision. It outlives a restart, and begins its full time anew then, as in etcd: no write is spent on a keep-alive.
   */
  grantLease(ttlMs: number): Promise<Lease>;
  /** Begins the lease's time anew; undefined when there is no such lease any more. */
  keepLeaseAlive(id: string): Promise<Lease | undefined>;
  /** Ends the lease at once; false when there is no such lease. */
  revokeLease(id: string): Promise<boolean>;
  metrics(): StoreMetrics;
  close(): Promise<void>;
}

export class CompactedError extends Error {
  override readonly name = "CompactedError";
  constructor(
    readonly requestedRevision: number,
    readonly compactedRevision: number,
  ) {
    super(`revision ${requestedRevision} has been compacted (oldest readable: ${compactedRevision})`);
  }
}

export class FutureRevisionError extends Error {
  override readonly name = "FutureRevisionError";
  constructor(
    readonly requestedRevision: number,
    readonly currentRevision: number,
  ) {
    super(`revision ${requestedRevision} is in the future (newest: ${currentRevision})`);
  }
}

/** The store cannot accept writes now: full, read-only, failed or closed. Nothing of the refused write is kept. */
export class StoreUnavailableError extends Error {
  override readonly name = "StoreUnavailableError";
}

/** A value is not as it was written, or cannot be read any more. Thrown by who asks for it: `Entry.value`. */
export class DamagedValueError extends Error {
  override readonly name = "DamagedValueError";
  constructor(
    readonly key: string,
    readonly revision: number,
    path: string,
    options?: ErrorOptions,
  ) {
    super(`${path} is damaged: the value of ${key} (revision ${revision}) cannot be read`, options);
  }
}

/** A key was to be written with a lease that has ended or never was. */
export class LeaseNotFoundError extends Error {
  override readonly name = "LeaseNotFoundError";
  constructor(readonly lease: string) {
    super(`there is no lease ${lease}`);
  }
}
