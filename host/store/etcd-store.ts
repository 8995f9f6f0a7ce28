import { status } from "@grpc/grpc-js";
import { type Clock, SystemClock } from "../apimachinery/clock.ts";
import type { EtcdAccess } from "./etcd-access.ts";
import { EtcdConnection, isServiceError } from "./etcd-connection.ts";
import { EtcdMirror } from "./etcd-mirror.ts";
import {
  compactRpc,
  type LeaseResponse,
  leaseGrantRpc,
  leaseKeepAliveRpc,
  leaseRevokeRpc,
  txnRpc,
} from "./etcd-protocol.ts";
import { comparisonOf, currentOf, previousOf, requestsOf } from "./etcd-transaction.ts";
import { DEFAULT_HISTORY, type HistoryBounds } from "./history.ts";
import { countOf, findEntry } from "./key-tree.ts";
import { StoreOpenError } from "./open-error.ts";
import { deleteResult, eventOf, isPut, ownOperations, wholeSeconds, writeResult } from "./operation.ts";
import { readRange } from "./read-range.ts";
import { entriesOf } from "./snapshot.ts";
import {
  type DeleteResult,
  type Entry,
  FutureRevisionError,
  type Lease,
  LeaseNotFoundError,
  type Operation,
  type Range,
  type RangeOptions,
  type Snapshot,
  type Store,
  type StoreMetrics,
  StoreUnavailableError,
  type TransactionResult,
  type Watcher,
  type WatchHandle,
  type WriteOptions,
  type WriteResult,
} from "./store.ts";

export interface EtcdStoreOptions {
  /** Says how old history is; real time unless given. */
  readonly clock?: Clock;
  /** Passing a bound compacts etcd itself too, as Kubernetes' API server does every five minutes. */
  readonly history?: Partial<HistoryBounds>;
  /** How long a member may take to answer before another is asked; 5 s unless given. */
  readonly callLimitMs?: number;
  readonly tls?: EtcdAccess["tls"];
  readonly user?: EtcdAccess["user"];
}

/** Calls on their way to etcd; at the bound a further one is refused with StoreUnavailableError. */
export const MAX_CALLS = 10_000;

/**
 * Opens the store in an etcd (v3 API): keys as they are, revisions etcd's own, so that several processes on one etcd
 * serve one cluster. Unlike the other engines it does not promise that writes made side by side take their revisions in
 * the order they were made; their callers cannot tell.
 *
 * @throws StoreOpenError when none of the endpoints answers, or it holds what Kubernetes wrote in protobuf
 */
export async function openEtcdStore(
  endpoints: readonly string[],
  options: EtcdStoreOptions = {},
): Promise<Store> {
  const { tls, user } = options;
  const etcd = new EtcdConnection({ endpoints, tls, user }, options.callLimitMs);
  const store = new EtcdStore(etcd, options);
  try {
    await store.open();
    return store;
  } catch (error) {
    await store.close();
    if (error instanceof StoreOpenError) throw error;
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    if (cause instanceof StoreOpenError) throw cause;
    const reason = isServiceError(error) ? error.details : String(error);
    throw new StoreOpenError("unreadable", `etcd at ${endpoints.join(", ")} cannot be used: ${reason}`, {
      cause: error,
    });
  }
}

/**
 *     writes  -----> etcd: compare and write in one transaction -----> answer, once the mirror has that revision
 *     reads   -----> etcd: which revision is the newest? ----> from the mirror, once it has that revision
 *     watches -----> from the mirror
 *
 * `revision` is the newest revision in the mirror: its events have been delivered to the watchers here, or will be in
 * the microtasks that follow. Nothing that was acknowledged here, or by another process before the read began, is
 * missing from a read; reads that come together share one question to etcd.
 */
class EtcdStore implements Store {
  readonly #etcd: EtcdConnection;
  readonly #mirror: EtcdMirror;
  readonly #calls = new Set<Promise<unknown>>();
  readonly #counts = { commits: 0, conflicts: 0, failures: 0 };
  #question: Promise<void> | undefined;
  #nextQuestion: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(etcd: EtcdConnection, options: EtcdStoreOptions) {
    this.#etcd = etcd;
    const bounds = { ...DEFAULT_HISTORY, ...options.history };
    this.#mirror = new EtcdMirror(etcd, options.clock ?? new SystemClock(), bounds, (revision) =>
      this.#compactEtcd(revision).catch(() => {
        // Etcd keeps more than it must until the next time; the counter says so.
        this.#counts.failures += 1;
      }),
    );
  }

  open(): Promise<void> {
    return this.#mirror.open();
  }

  get revision(): number {
    return this.#mirror.history.newestRevision;
  }

  get compactedRevision(): number {
    return this.#mirror.history.compactedRevision;
  }

  async get(key: string, options: { revision?: number } = {}): Promise<Entry | undefined> {
    await this.#untilReadable(options.revision);
    return findEntry(this.#mirror.history.treeAt(options.revision), key);
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<Range> {
    await this.#untilReadable(options.revision);
    return readRange(this.#mirror.history, prefix, options);
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
    return await this.#run(async () => {
      const response = await this.#etcd.write(txnRpc, {
        compare: operations.map(comparisonOf),
        ...requestsOf(operations),
      });
      const revision = Number(response.header.revision);
      await this.#mirror.until(revision);
      if (!response.succeeded) {
        this.#counts.conflicts += 1;
        const found = new Map(operations.map(({ key }, i) => [key, currentOf(response.responses[i]!)]));
        return { ok: false, current: asked.map(({ key }) => found.get(key)) };
      }
      const writes = operations.filter(({ type }) => type !== "check");
      const events = writes.flatMap(
        (write, i) => eventOf(write, previousOf(response.responses[i]!), revision) ?? [],
      );
      if (events.length > 0) this.#counts.commits += 1;
      return { ok: true, revision, events };
    }, operations.find(isPut)?.lease);
  }

  watch(prefix: string, afterRevision: number, watcher: Watcher): WatchHandle {
    this.#assertOpen();
    return this.#mirror.hub.add(prefix, afterRevision, this.#mirror.history.after(afterRevision), watcher);
  }

  async compact(revision: number): Promise<void> {
    this.#assertOpen();
    const { history } = this.#mirror;
    if (revision > history.newestRevision) throw new FutureRevisionError(revision, history.newestRevision);
    if (revision <= history.compactedRevision) return;
    await this.#run(() => this.#compactEtcd(revision));
    history.compact(revision);
  }

  async snapshot(): Promise<Snapshot> {
    await this.#untilReadable(undefined);
    const { newestRevision, newestTree } = this.#mirror.history;
    return { revision: newestRevision, entries: entriesOf(newestTree) };
  }

  async grantLease(askedMs: number): Promise<Lease> {
    const TTL = wholeSeconds(askedMs) / 1000;
    return leaseOf(await this.#run(() => this.#etcd.write(leaseGrantRpc, { TTL })));
  }

  async keepLeaseAlive(id: string): Promise<Lease | undefined> {
    const kept = await this.#run(() => this.#etcd.exchange(leaseKeepAliveRpc, { ID: id }));
    return kept.TTL === "0" ? undefined : leaseOf(kept);
  }

  async revokeLease(id: string): Promise<boolean> {
    try {
      await this.#run(async () => {
        const { header } = await this.#etcd.write(leaseRevokeRpc, { ID: id });
        await this.#mirror.until(Number(header.revision));
      }, id);
      return true;
    } catch (error) {
      if (!(error instanceof LeaseNotFoundError)) throw error;
      // Whoever ended it: what that deleted is visible before this answer is.
      await this.#untilReadable(undefined);
      return false;
    }
  }

  metrics(): StoreMetrics {
    const { history, hub } = this.#mirror;
    return {
      ...this.#counts,
      eventsDelivered: hub.eventsDelivered,
      watchers: hub.watchers,
      keys: countOf(history.newestTree),
      retainedRevisions: history.retainedRevisions,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#etcd.within(CLOSE_LIMIT_MS, Promise.allSettled(this.#calls));
    this.#mirror.end(new StoreUnavailableError("the store is closed"));
    this.#etcd.close();
  }

  /** Resolves when the mirror has all that was acknowledged by anybody before the call. */
  async #untilReadable(revision: number | undefined): Promise<void> {
    this.#assertOpen();
    if (revision !== undefined && revision <= this.#mirror.history.newestRevision) return;
    // The question on its way may have been answered before this call; the next one is shared by all who come till then.
    this.#nextQuestion ??= (this.#question ?? Promise.resolve()).then(
      () => this.#ask(),
      () => this.#ask(),
    );
    await this.#nextQuestion;
  }

  #ask(): Promise<void> {
    this.#question = this.#nextQuestion;
    this.#nextQuestion = undefined;
    return this.#run(() => this.#mirror.untilNewest());
  }

  async #compactEtcd(revision: number): Promise<void> {
    try {
      await this.#etcd.write(compactRpc, { revision });
    } catch (error) {
      // Somebody has compacted to there or further.
      if (!isServiceError(error) || error.code !== status.OUT_OF_RANGE) throw unavailable(error);
    }
  }

  /**
   * Keeps count of what is on its way, and says what went wrong in the store's words.
   *
   * @param lease  what etcd means when it says "not found"
   */
  async #run<Result>(action: () => Promise<Result>, lease?: string): Promise<Result> {
    this.#assertOpen();
    const call = action();
    this.#calls.add(call);
    try {
      return await call;
    } catch (error) {
      if (lease !== undefined && isServiceError(error) && error.code === status.NOT_FOUND)
        throw new LeaseNotFoundError(lease);
      this.#counts.failures += 1;
      throw unavailable(error);
    } finally {
      this.#calls.delete(call);
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new StoreUnavailableError("the store is closed");
    if (this.#mirror.failure !== undefined) throw this.#mirror.failure;
    if (this.#calls.size >= MAX_CALLS)
      throw new StoreUnavailableError(`${MAX_CALLS} calls are on their way to etcd already`);
  }
}

/** How long closing waits for what is on its way. */
const CLOSE_LIMIT_MS = 6_000;

function leaseOf({ ID, TTL }: LeaseResponse): Lease {
  return { id: ID, ttlMs: Number(TTL) * 1000 };
}

function unavailable(error: unknown): Error {
  if (!isServiceError(error)) return error instanceof Error ? error : new Error(String(error));
  return new StoreUnavailableError(`etcd: ${error.details}`, { cause: error });
}
