import type { Clock } from "../apimachinery/clock.ts";
import { type Commit, History, type HistoryBounds } from "./history.ts";
import { type Journal, type JournalBatch, JournalRefusal, type LeaseChange } from "./journal.ts";
import { compareKeys } from "./key-order.ts";
import { countOf, findEntry, type KeyTree, slice, withEntry, withoutKey } from "./key-tree.ts";
import { type DueLeases, type GrantedLeases, LeaseTable } from "./lease-table.ts";
import {
  deleteResult,
  eventOf,
  holds,
  isPut,
  ownOperations,
  type Put,
  payloadBytes,
  wholeSeconds,
  writeResult,
} from "./operation.ts";
import { readRange } from "./read-range.ts";
import { entriesOf } from "./snapshot.ts";
import {
  type DeleteResult,
  type Entry,
  FutureRevisionError,
  type Lease,
  type Operation,
  type Range,
  type RangeOptions,
  type Snapshot,
  type Store,
  type StoreMetrics,
  StoreUnavailableError,
  type TransactionResult,
  type WatchEvent,
  type Watcher,
  type WatchHandle,
  type WriteOptions,
  type WriteResult,
} from "./store.ts";
import { type Change, MAX_WAITING_BYTES, type WaitingChange, WRITE_OVERHEAD_BYTES } from "./waiting.ts";
import { WatchHub } from "./watch-hub.ts";

export interface MvccOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly history: HistoryBounds;
  /** What was opened: the retained history with the newest tree. */
  readonly past?: History;
  /** The leases that were there; their times begin anew. */
  readonly leases?: GrantedLeases;
}

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
  readonly #hub = new WatchHub(() => this.#history.newestRevision);
  readonly #leases: LeaseTable;
  readonly #counts = { commits: 0, conflicts: 0, failures: 0 };
  #acceptedTree: KeyTree;
  #acceptedRevision: number;
  #waiting: WaitingChange[] = [];
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
    this.#leases = new LeaseTable(this.#clock, (due) => this.#endLeases(due), options.leases);
    this.#leases.attachAll(slice(this.#acceptedTree, 0, countOf(this.#acceptedTree)));
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
    return readRange(this.#history, prefix, options);
  }

  async create(key: string, value: Uint8Array, options: WriteOptions = {}): Promise<WriteResult> {
    return writeResult(await this.transact([{ type: "create", key, value, ...options }]));
  }

  async update(
    key: string,
    value: Uint8Array,
    expectedRevision: number,
    options: WriteOptions = {},
  ): Promise<WriteResult> {
    return writeResult(await this.transact([{ type: "update", key, value, expectedRevision, ...options }]));
  }

  async delete(key: string, expectedRevision?: number): Promise<DeleteResult> {
    return deleteResult(await this.transact([{ type: "delete", key, expectedRevision }]));
  }

  async transact(asked: readonly Operation[]): Promise<TransactionResult> {
    const operations = ownOperations(asked);
    const bytes = payloadBytes(operations);
    this.#assertWritable(bytes);
    const puts = operations.filter(isPut);
    if (!this.#hasRoom(puts)) await this.#makeRoom(puts, bytes);
    for (const { lease } of puts) if (lease !== undefined) this.#leases.assertLive(lease);
    const accepted = this.#acceptedTree;
    const found = operations.map(({ key }) => findEntry(accepted, key));
    if (!operations.every((operation, i) => holds(operation, found[i]))) {
      await this.#untilVisible(operations, found);
      this.#counts.conflicts += 1;
      return { ok: false, current: asked.map(({ key }) => findEntry(accepted, key)) };
    }
    const revision = this.#acceptedRevision + 1;
    const events = operations.flatMap((operation, i) => eventOf(operation, found[i], revision) ?? []);
    if (events.length === 0) {
      await this.#untilVisible(operations, found);
      return { ok: true, revision: this.#history.newestRevision, events };
    }
    await this.#accept(events, bytes);
    return { ok: true, revision, events };
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
    await this.#enqueue({}, 0);
  }

  async snapshot(): Promise<Snapshot> {
    this.#assertOpen();
    return { revision: this.#history.newestRevision, entries: entriesOf(this.#history.newestTree) };
  }

  async grantLease(askedMs: number): Promise<Lease> {
    const ttlMs = wholeSeconds(askedMs);
    this.#assertWritable(0);
    const lease = { id: this.#leases.reserve(), ttlMs };
    try {
      await this.#enqueue({ leaseChanges: [{ type: "grant", lease }] }, 0);
    } catch (error) {
      this.#leases.release();
      throw error;
    }
    return lease;
  }

  async keepLeaseAlive(id: string): Promise<Lease | undefined> {
    this.#assertOpen();
    return this.#leases.keepAlive(id);
  }

  async revokeLease(id: string): Promise<boolean> {
    this.#assertWritable(0);
    if (!this.#leases.beginEnd(id)) {
      // Somebody else may be ending it; then that is visible before this answer is.
      await this.#enqueue({}, 0);
      return false;
    }
    const keys = this.#leases.keysOf(id).toSorted(compareKeys);
    const revision = this.#acceptedRevision + 1;
    const events = keys.flatMap((key): WatchEvent[] => {
      const previous = findEntry(this.#acceptedTree, key);
      return previous?.lease === id ? [{ type: "delete", key, revision, entry: undefined, previous }] : [];
    });
    const leaseChanges: readonly LeaseChange[] = [{ type: "end", ids: [id] }];
    try {
      await (events.length === 0
        ? this.#enqueue({ leaseChanges }, 0)
        : this.#accept(events, 0, leaseChanges));
    } catch (error) {
      this.#leases.undoEnd(id);
      throw error;
    }
    return true;
  }

  metrics(): StoreMetrics {
    return {
      ...this.#counts,
      eventsDelivered: this.#hub.eventsDelivered,
      watchers: this.#hub.watchers,
      keys: countOf(this.#history.newestTree),
      retainedRevisions: this.#history.retainedRevisions,
    };
  }

  /** What is visible now, as options of an engine that goes its own way from here. */
  fork(): { past: History; leases: GrantedLeases } {
    this.#assertOpen();
    return { past: this.#history.clone(), leases: this.#leases.all() };
  }

  /** Those without keys go together, so that a million can end at once. */
  #endLeases({ empty, keyed }: DueLeases): void {
    if (empty.length > 0)
      this.#retryUnlessDone(this.#enqueue({ leaseChanges: [{ type: "end", ids: empty }] }, 0), empty);
    for (const id of keyed) this.#retryUnlessDone(this.revokeLease(id), [id]);
  }

  /** When the journal refuses, the table calls again. */
  #retryUnlessDone(end: Promise<unknown>, ids: readonly string[]): void {
    end.catch((error: unknown) => {
      if (!(error instanceof StoreUnavailableError)) throw error;
      for (const id of ids) this.#leases.undoEnd(id);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#refusal = new StoreUnavailableError("the store is closed");
    this.#leases.close();
    await this.#committing;
    this.#hub.end(this.#refusal);
    await this.#journal.close();
  }

  /**
   * What a write was compared with may not be durable yet, and its caller will read it next: so the answer waits until
   * that is visible. When the write in the way fails, so does the one that was compared with it.
   *
   * @param found  what the accepted tree has under the keys of the operations
   */
  async #untilVisible(
    operations: readonly Operation[],
    found: readonly (Entry | undefined)[],
  ): Promise<void> {
    const published = this.#history.newestTree;
    if (operations.some(({ key }, i) => findEntry(published, key) !== found[i])) await this.#enqueue({}, 0);
  }

  /** Takes the next revision for events that have it already; the only place that does. */
  #accept(
    events: readonly WatchEvent[],
    payloadBytes: number,
    leaseChanges?: readonly LeaseChange[],
  ): Promise<void> {
    let tree = this.#acceptedTree;
    for (const { key, entry } of events) {
      tree = entry === undefined ? withoutKey(tree, key) : withEntry(tree, entry);
      if (entry?.lease !== undefined) this.#leases.attach(entry.lease, key);
    }
    this.#acceptedTree = tree;
    this.#acceptedRevision += 1;
    const commit: Commit = { revision: this.#acceptedRevision, atMs: this.#clock.nowMs(), events, tree };
    return this.#enqueue({ commit, leaseChanges }, payloadBytes);
  }

  /** Resolves when the batch that holds the change, or the next one when there is none, is durable and visible. */
  #enqueue({ commit, leaseChanges }: Change, payloadBytes: number): Promise<void> {
    const bytes = payloadBytes + WRITE_OVERHEAD_BYTES;
    this.#waitingBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ commit, leaseChanges, bytes, resolve, reject });
      this.#committing ??= this.#commitAll();
    });
  }

  async #commitAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#journal.gather();
      const batch = this.#waiting;
      this.#waiting = [];
      const commits = batch.flatMap(({ commit }) => commit ?? []);
      const leases = batch.flatMap(({ leaseChanges }) => leaseChanges ?? []);
      const compaction = this.#dueCompaction(commits);
      try {
        if (commits.length > 0 || leases.length > 0 || compaction !== undefined)
          await this.#journal.append({ commits, leases, compaction });
      } catch (cause) {
        this.#rollBack(batch, cause);
        continue;
      }
      for (const commit of commits) this.#history.push(commit);
      if (compaction !== undefined) this.#history.compact(compaction.revision);
      this.#counts.commits += commits.length;
      this.#publishLeases(commits, leases);
      this.#hub.publish(commits);
      for (const write of batch) {
        this.#waitingBytes -= write.bytes;
        write.resolve();
      }
    }
    this.#committing = undefined;
  }

  #publishLeases(commits: readonly Commit[], changes: readonly LeaseChange[]): void {
    for (const { events } of commits)
      for (const { key, previous } of events) {
        const lease = previous?.lease;
        // What is accepted on top may have come back to the lease.
        const trees = [this.#history.newestTree, this.#acceptedTree];
        if (lease !== undefined && trees.every((tree) => findEntry(tree, key)?.lease !== lease))
          this.#leases.detach(lease, key);
      }
    for (const change of changes)
      if (change.type === "grant") this.#leases.grant(change.lease);
      else for (const id of change.ids) this.#leases.remove(id);
  }

  #dueCompaction(added: readonly Commit[]): JournalBatch["compaction"] {
    const overdue = this.#history.overdue(this.#bounds, added, this.#clock.nowMs()) ?? 0;
    const revision = Math.max(overdue, this.#wantedCompaction);
    this.#wantedCompaction = 0;
    if (revision <= this.#history.compactedRevision) return undefined;
    return { revision, forgotten: this.#history.upTo(revision) };
  }

  /** Refuses the batch and all that was accepted on top of it meanwhile: their conditions rest on what failed. */
  #rollBack(batch: readonly WaitingChange[], cause: unknown): void {
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
      if (write.commit !== undefined) this.#counts.failures += 1;
      write.reject(refusal);
    }
  }

  #hasRoom(puts: readonly Put[]): boolean {
    let waitingBytes = this.#waitingBytes;
    return puts.every(({ key, value }) => {
      const fits = this.#journal.hasRoom(key.length, value.length, waitingBytes);
      waitingBytes += key.length + value.length + WRITE_OVERHEAD_BYTES;
      return fits;
    });
  }

  /** A full store gives up its past first; when that is not enough, it takes nothing but deletes. */
  async #makeRoom(puts: readonly Put[], payloadBytes: number): Promise<void> {
    if (this.compactedRevision < this.revision) await this.compact(this.revision);
    if (!this.#hasRoom(puts))
      throw new StoreUnavailableError("the store is full: delete something, or give it more room");
    this.#assertWritable(payloadBytes);
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
