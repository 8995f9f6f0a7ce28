/**
 * The store: ordered keys, one growing revision, compare-and-swap, watch. It knows keys and bytes, not kinds.
 *
 * Every engine (memory, lmdb, later etcd) passes one contract suite, `store-contract.ts`.
 *
 *   revision      grows by one with each successful write and is given out in one place
 *   visibility    a write is readable and watchable only once it is durable; then its promise resolves.
 *                 Compare-and-swap is decided against the newest accepted write, durable or not yet
 *   history       reads at, and watches from, a past revision work back to the last compaction
 *   immutability  bytes handed in or out are never changed by anybody
 */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Revision of the write that created the key. */
  readonly createRevision: number;
  /** Revision of the last write. */
  readonly modRevision: number;
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

/** The outcome of a conditional write. Expected outcomes are values, not exceptions. */
export type WriteResult =
  | { readonly ok: true; readonly entry: Entry }
  /** The condition did not hold; `current` is what is there (undefined: no such key). */
  | { readonly ok: false; readonly current: Entry | undefined };

export type DeleteResult =
  | { readonly ok: true; readonly previous: Entry; readonly revision: number }
  | { readonly ok: false; readonly current: Entry | undefined };

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
  /** Called once, last, when the watch cannot go on (the store was closed). */
  onEnd?(reason: Error): void;
}

export interface WatchHandle {
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
  create(key: string, value: Uint8Array): Promise<WriteResult>;
  /** Writes a key whose last write must be `expectedRevision`. */
  update(key: string, value: Uint8Array, expectedRevision: number): Promise<WriteResult>;
  /** Deletes a key; when `expectedRevision` is given, only if that was its last write. Missing key: `ok: false`. */
  delete(key: string, expectedRevision?: number): Promise<DeleteResult>;
  /**
   * Events of keys with `prefix`, of revisions greater than `afterRevision`: first what history holds, then live.
   * Throws CompactedError at once when history no longer holds them. An `afterRevision` above the newest waits.
   */
  watch(prefix: string, afterRevision: number, watcher: Watcher): WatchHandle;
  /** Forgets history at and below `revision`: older reads and watches answer CompactedError. */
  compact(revision: number): Promise<void>;
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
