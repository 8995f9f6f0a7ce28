import type { Clock } from "../apimachinery/clock.ts";
import { copyOf } from "./copy-of.ts";
import { type Commit, History, type HistoryBounds } from "./history.ts";
import { type Journal, type JournalBatch, JournalRefusal } from "./journal.ts";
import { assertKey, compareKeys } from "./key-order.ts";
import { findEntry, type KeyTree, rank, slice, withEntry, withoutKey } from "./key-tree.ts";
import {
  type DeleteResult,
  type Entry,
  FutureRevisionError,
  type Range,
  type RangeOptions,
  type Store,
  StoreUnavailableError,
  type WatchEvent,
  type Watcher,
  type WatchHandle,
  type WriteResult,
} from "./store.ts";
import { WatchHub } from "./watch-hub.ts";

export interface MvccOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly history: HistoryBounds;
  /** What was opened: the retained history with the newest tree. */
  readonly past?: History;
}

/** Bytes of writes that may wait for the journal; at the bound a write is refused with StoreUnavailableError. */
export const MAX_WAITING_BYTES = 256 * 1024 * 1024;
/** What a waiting write costs beside its key and value. */
const WRITE_OVERHEAD_BYTES = 256;

/**
 * The multi-version engine behind the memory and the LMDB store: all keys in memory, a journal behind them.
 *
 *     create, update, delete                                                     get, range, watch
 *          | compare with the accepted tree, take the next revision                     ^
 *          v                                                                            |
 *     accepted tree ---> waiting commits ---> journal, one batch at a time ---> history (published) ---> watch hub
 *          ^                                      | fails
 *          +--- back to the published tree <------+   all waiting writes are refused, nothing of them was visible
 *
 * Reads see the published trees only: a write is visible no sooner than it is durable. Everything runs on promises,
 * no timer and no I/O of its own, so the memory store under a virtual clock runs the same way each time.
 */
export class Mvcc implements Store {
  readonly #clock: Clock;
  readonly #journal: Journal;
  readonly #bounds: HistoryBounds;
  readonly #history: History;
  readonly #hub = new WatchHub();
  #acceptedTree: KeyTree;
  #acceptedRevision: number;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Somebody asked for a compaction up to here, and it has not been published yet. */
  #wantedCompaction = 0;
  #committing: Promise<void> | undefined;
  /** Why nothing may be written any more. */
  #refusal: StoreUnavailableError | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: MvccOptions) {
    this.#clock = options.clock;
    this.#journal = options.journal;
    this.#bounds = options.history;
    this.#history = options.past ?? new History();
    this.#acceptedTree = this.#history.newestTree;
    this.#acceptedRevision = this.#history.newestRevision;
  }

  get revision(): number {
    return this.#history.newestRevision;
  }

  get compactedRevision(): number {
    return this.#history.compactedRevision;
  }

  async get(key: string, options: { revision?: number } = {}): Promise<Entry | undefined> {
    this.#assertOpen();
    return findEntry(this.#history.treeAt(options.revision), key);
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<Range> {
    this.#assertOpen();
    const { after, limit = Number.POSITIVE_INFINITY } = options;
    const tree = this.#history.treeAt(options.revision);
    let from = rank(tree, (key) => compareKeys(key, prefix) < 0);
    if (after !== undefined)
      from = Math.max(
        from,
        rank(tree, (key) => compareKeys(key, after) <= 0),
      );
    const end = Math.max(
      from,
      rank(tree, (key) => key.startsWith(prefix) || compareKeys(key, prefix) < 0),
    );
    const to = Math.min(end, from + limit);
    return {
      entries: slice(tree, from, to),
      revision: options.revision ?? this.#history.newestRevision,
      remaining: end - to,
    };
  }

  async create(key: string, value: Uint8Array): Promise<WriteResult> {
    assertKey(key);
    this.#assertWritable(key.length + value.length);
    if (!this.#hasRoom(key, value)) await this.#makeRoom(key, value);
    const current = findEntry(this.#acceptedTree, key);
    if (current !== undefined) return this.#refuse(key, current);
    return this.#put(key, value, undefined);
  }

  async update(key: string, value: Uint8Array, expectedRevision: number): Promise<WriteResult> {
    assertKey(key);
    this.#assertWritable(key.length + value.length);
    if (!this.#hasRoom(key, value)) await this.#makeRoom(key, value);
    const current = findEntry(this.#acceptedTree, key);
    if (current?.modRevision !== expectedRevision) return this.#refuse(key, current);
    return this.#put(key, value, current);
  }

  async delete(key: string, expectedRevision?: number): Promise<DeleteResult> {
    assertKey(key);
    this.#assertWritable(key.length);
    const current = findEntry(this.#acceptedTree, key);
    if (current === undefined || (expectedRevision !== undefined && current.modRevision !== expectedRevision))
      return this.#refuse(key, current);
    const revision = this.#acceptedRevision + 1;
    const event: WatchEvent = { type: "delete", key, revision, entry: undefined, previous: current };
    await this.#accept(event, withoutKey(this.#acceptedTree, key));
    return { ok: true, previous: current, revision };
  }

  watch(prefix: string, afterRevision: number, watcher: Watcher): WatchHandle {
    this.#assertOpen();
    return this.#hub.add(prefix, afterRevision, this.#history.after(afterRevision), watcher);
  }

  async compact(revision: number): Promise<void> {
    this.#assertWritable(0);
    if (revision > this.#history.newestRevision)
      throw new FutureRevisionError(revision, this.#history.newestRevision);
    if (revision <= this.#history.compactedRevision) return;
    this.#wantedCompaction = Math.max(this.#wantedCompaction, revision);
    await this.#enqueue(undefined, 0);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#refusal = new StoreUnavailableError("the store is closed");
    await this.#committing;
    this.#hub.end(this.#refusal);
    await this.#journal.close();
  }

  /**
   * The answer to a write whose condition does not hold. What stood in its way may not be durable yet, and its caller
   * will read it next: so the answer waits until that is visible. When the write in the way failed, so does this one.
   */
  async #refuse(
    key: string,
    current: Entry | undefined,
  ): Promise<{ readonly ok: false; current: Entry | undefined }> {
    if (current !== findEntry(this.#history.newestTree, key)) await this.#enqueue(undefined, 0);
    return { ok: false, current };
  }

  async #put(key: string, bytes: Uint8Array, previous: Entry | undefined): Promise<WriteResult> {
    const revision = this.#acceptedRevision + 1;
    // A copy of its own: callers' buffers are often slices of a pool, whose 8 KiB would live as long as the slice.
    const value = copyOf(bytes);
    const entry: Entry = {
      key,
      value,
      createRevision: previous?.createRevision ?? revision,
      modRevision: revision,
    };
    const event: WatchEvent = { type: "put", key, revision, entry, previous };
    await this.#accept(event, withEntry(this.#acceptedTree, entry));
    return { ok: true, entry };
  }

  /** Takes the next revision; the only place that does. */
  #accept(event: WatchEvent, tree: KeyTree): Promise<void> {
    this.#acceptedTree = tree;
    this.#acceptedRevision = event.revision;
    const commit: Commit = {
      revision: event.revision,
      atMs: this.#clock.nowMs(),
      events: [event],
      tree,
    };
    return this.#enqueue(commit, event.key.length + (event.entry?.value.length ?? 0));
  }

  /** Resolves when the batch that holds the commit, or the next one when there is none, is durable and visible. */
  #enqueue(commit: Commit | undefined, payloadBytes: number): Promise<void> {
    const bytes = payloadBytes + WRITE_OVERHEAD_BYTES;
    this.#waitingBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ commit, bytes, resolve, reject });
      this.#committing ??= this.#commitAll();
    });
  }

  async #commitAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#journal.gather();
      const batch = this.#waiting;
      this.#waiting = [];
      const commits = batch.flatMap(({ commit }) => commit ?? []);
      const compaction = this.#dueCompaction(commits);
      try {
        if (commits.length > 0 || compaction !== undefined)
          await this.#journal.append({ commits, compaction });
      } catch (cause) {
        this.#rollBack(batch, cause);
        continue;
      }
      for (const commit of commits) this.#history.push(commit);
      if (compaction !== undefined) this.#history.compact(compaction.revision);
      this.#hub.publish(commits);
      for (const write of batch) {
        this.#waitingBytes -= write.bytes;
        write.resolve();
      }
    }
    this.#committing = undefined;
  }

  #dueCompaction(added: readonly Commit[]): JournalBatch["compaction"] {
    const overdue = this.#history.overdue(this.#bounds, added, this.#clock.nowMs()) ?? 0;
    const revision = Math.max(overdue, this.#wantedCompaction);
    this.#wantedCompaction = 0;
    if (revision <= this.#history.compactedRevision) return undefined;
    return { revision, forgotten: this.#history.upTo(revision) };
  }

  /** Refuses the batch and all that was accepted on top of it meanwhile: their conditions rest on what failed. */
  #rollBack(batch: readonly Waiting[], cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const refusal = new StoreUnavailableError(reason, { cause });
    // What the disk holds now, only opening it again can tell.
    if (!(cause instanceof JournalRefusal)) this.#refusal ??= refusal;
    const refused = [...batch, ...this.#waiting];
    this.#waiting = [];
    this.#wantedCompaction = 0;
    this.#acceptedTree = this.#history.newestTree;
    this.#acceptedRevision = this.#history.newestRevision;
    for (const write of refused) {
      this.#waitingBytes -= write.bytes;
      write.reject(refusal);
    }
  }

  #hasRoom(key: string, value: Uint8Array): boolean {
    return this.#journal.hasRoom(key.length, value.length, this.#waitingBytes);
  }

  /** A full store gives up its past first; when that is not enough, it takes nothing but deletes. */
  async #makeRoom(key: string, value: Uint8Array): Promise<void> {
    if (this.compactedRevision < this.revision) await this.compact(this.revision);
    if (!this.#hasRoom(key, value))
      throw new StoreUnavailableError("the store is full: delete something, or give it more room");
    this.#assertWritable(key.length + value.length);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new StoreUnavailableError("the store is closed");
  }

  #assertWritable(payloadBytes: number): void {
    if (this.#refusal !== undefined) throw this.#refusal;
    if (this.#waitingBytes + payloadBytes > MAX_WAITING_BYTES)
      throw new StoreUnavailableError(
        `${MAX_WAITING_BYTES} bytes of writes are waiting for the disk already`,
      );
  }
}

/** A write, a compaction or an answer that waits for the next batch. */
interface Waiting {
  readonly commit: Commit | undefined;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (reason: StoreUnavailableError) => void;
}
