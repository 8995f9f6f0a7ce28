import type { ClientDuplexStream } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import type { Clock } from "../apimachinery/clock.ts";
import { type EtcdConnection, isServiceError } from "./etcd-connection.ts";
import { rangeRpc, type WatchRequest, type WatchResponse, watchRpc } from "./etcd-protocol.ts";
import { EVERY_KEY, entriesAt, entryOf } from "./etcd-range.ts";
import { type Commit, History, type HistoryBounds } from "./history.ts";
import { compareKeys } from "./key-order.ts";
import { EMPTY_TREE, findEntry, type KeyTree, treeOf, withEntry, withoutKey } from "./key-tree.ts";
import { CompactedError, type Entry, StoreUnavailableError, type WatchEvent } from "./store.ts";
import { WatchHub } from "./watch-hub.ts";

/** A question that costs etcd nothing and whose answer names the newest revision: is there a key that there never is? */
const WHICH_REVISION = { key: Buffer.from([0]), count_only: true };
/** How long a read or a write waits for the watch; gRPC takes 15 s to notice that a member has gone quiet. */
const FOLLOW_LIMIT_MS = 20_000;

/**
 * All keys of an etcd and their retained history, in this process, kept up by one watch on every key:
 *
 *     etcd --- one watch, every key ---> history (published) ---> watch hub
 *
 * Because the watch takes in every key, it is told of every revision there is. So "how far is the mirror" needs no
 * progress notice (those of etcd before 3.4.31 and 3.5.13 cannot be trusted): whoever waits for a revision that etcd
 * has given out, waits for an event that will come.
 */
export class EtcdMirror {
  readonly #etcd: EtcdConnection;
  readonly #clock: Clock;
  readonly #bounds: HistoryBounds;
  readonly #compactBeyond: (revision: number) => void;
  readonly hub = new WatchHub(() => this.history.newestRevision);
  history = new History();
  #stream: ClientDuplexStream<WatchRequest, WatchResponse> | undefined;
  #waiting: Waiting[] = [];
  #failure: StoreUnavailableError | undefined;

  /** @param compactBeyond  told when the history passed a bound and was compacted here */
  constructor(
    etcd: EtcdConnection,
    clock: Clock,
    bounds: HistoryBounds,
    compactBeyond: (revision: number) => void,
  ) {
    this.#etcd = etcd;
    this.#clock = clock;
    this.#bounds = bounds;
    this.#compactBeyond = compactBeyond;
  }

  /** Why nothing more will come: the mirror was closed, or met what it cannot read. */
  get failure(): StoreUnavailableError | undefined {
    return this.#failure;
  }

  /** Loads all keys with what etcd retains of the past, and follows from there. */
  async open(): Promise<void> {
    const newest = await this.#newestRevision();
    this.history = await this.#load(Math.max(1, newest - this.#bounds.maxRevisions));
    this.#follow();
    await this.until(newest);
  }

  /** Resolves when all that anybody was acknowledged before the call is published here. */
  async untilNewest(): Promise<void> {
    const known = this.history.newestRevision;
    const newest = await this.#newestRevision();
    // What one member has told is on a majority, so no member's answer to a later question can be older.
    if (newest < known) {
      const what = `it is at revision ${newest} and was at ${known}: its data was lost or an older backup restored`;
      this.#giveUp(new Error(what));
    }
    await this.until(newest);
  }

  /** Resolves when the revision, which etcd has given out, is published here and its events are about to be delivered. */
  until(revision: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (revision <= this.history.newestRevision) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        revision,
        resolve: () => {
          limit.cancel();
          resolve();
        },
        reject: (reason) => {
          limit.cancel();
          reject(reason);
        },
      };
      const limit = this.#etcd.after(FOLLOW_LIMIT_MS, () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        reject(
          new StoreUnavailableError(`etcd is at revision ${revision}, but its watch does not get there`),
        );
      });
      this.#waiting.push(waiting);
    });
  }

  /** Ends every watch and whoever waits. */
  end(reason: StoreUnavailableError): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#stream?.cancel();
    this.hub.end(reason);
    for (const { reject } of this.#waiting) reject(reason);
    this.#waiting = [];
  }

  async #newestRevision(): Promise<number> {
    const { header } = await this.#etcd.read(rangeRpc, WHICH_REVISION);
    return Number(header.revision);
  }

  /** @param oldest  where history should begin; later when etcd has been compacted beyond it */
  async #load(oldest: number): Promise<History> {
    for (let base = oldest; ; ) {
      try {
        return new History(base, await this.#treeAt(base), base === 1 ? 0 : base);
      } catch (error) {
        if (!isServiceError(error) || error.code !== status.OUT_OF_RANGE) throw error;
        base = await this.#compactedRevision();
      }
    }
  }

  async #treeAt(revision: number): Promise<KeyTree> {
    const entries: Entry[] = [];
    for await (const entry of entriesAt(this.#etcd, revision)) entries.push(entry);
    return entries.length === 0 ? EMPTY_TREE : treeOf(entries.sort((a, b) => compareKeys(a.key, b.key)));
  }

  /** How far etcd is compacted: it says so to a watch that begins before. */
  #compactedRevision(): Promise<number> {
    return new Promise((resolve, reject) => {
      const stream = this.#etcd.stream(watchRpc);
      stream.on("error", reject);
      stream.on("data", (response: WatchResponse) => {
        if (!response.canceled) return;
        if (response.compact_revision === "0") reject(new Error(`etcd: ${response.cancel_reason}`));
        else resolve(Number(response.compact_revision));
        // Cancelling is an error to the stream, which nobody needs to hear of.
        stream.removeListener("error", reject).on("error", () => {});
        stream.cancel();
      });
      stream.write({ create_request: { ...EVERY_KEY, start_revision: 1 } });
    });
  }

  /** Watches every key from the newest revision on, over again whenever the stream ends. */
  #follow(): void {
    const member = this.#etcd.current;
    const stream = this.#etcd.stream(watchRpc);
    this.#stream = stream;
    let isOver = false;
    const again = (resume: () => Promise<void>) => {
      if (isOver) return;
      isOver = true;
      stream.cancel();
      if (this.#failure !== undefined) return;
      this.#etcd
        .pause()
        .then(resume)
        .then(
          () => this.#failure ?? this.#follow(),
          (error: unknown) => (isServiceError(error) ? this.#follow() : this.#giveUp(error)),
        );
    };
    const elsewhere = () =>
      again(async () => {
        this.#etcd.avoid(member);
        // A token that etcd has forgotten ends a watch like everything else.
        await this.#etcd.renewToken();
      });
    stream.on("error", elsewhere);
    stream.on("end", elsewhere);
    this.#etcd.onTurn(elsewhere);
    stream.on("data", (response: WatchResponse) => {
      if (isOver || this.#failure !== undefined) return;
      if (response.canceled && response.compact_revision === "0") elsewhere();
      else if (response.canceled) again(() => this.#reload(Number(response.compact_revision)));
      else this.#takeIn(response);
    });
    stream.write({ create_request: { ...EVERY_KEY, start_revision: this.history.newestRevision + 1 } });
  }

  /** Etcd was compacted beyond what is known here: what happened in between nobody can tell any more. */
  async #reload(compacted: number): Promise<void> {
    const lost = new CompactedError(this.history.newestRevision, compacted);
    const history = await this.#load(compacted);
    this.hub.end(lost);
    this.history = history;
    this.#settle();
  }

  #takeIn({ events }: WatchResponse): void {
    try {
      const commits = this.#commitsOf(events);
      if (commits.length === 0) return;
      const overdue = this.history.overdue(this.#bounds, commits, this.#clock.nowMs());
      for (const commit of commits) this.history.push(commit);
      if (overdue !== undefined) {
        this.history.compact(overdue);
        this.#compactBeyond(overdue);
      }
      this.hub.publish(commits);
      this.#settle();
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #settle(): void {
    const ready = this.#waiting.filter(({ revision }) => revision <= this.history.newestRevision);
    if (ready.length === 0) return;
    this.#waiting = this.#waiting.filter(({ revision }) => revision > this.history.newestRevision);
    for (const { resolve } of ready) resolve();
  }

  /** Events come in order of revision, those of one revision together. */
  #commitsOf(events: WatchResponse["events"]): Commit[] {
    const commits: Commit[] = [];
    let tree = this.history.newestTree;
    let newest = this.history.newestRevision;
    for (let i = 0; i < events.length; ) {
      const revision = Number(events[i]!.kv.mod_revision);
      const changes: WatchEvent[] = [];
      for (; i < events.length && Number(events[i]!.kv.mod_revision) === revision; i++) {
        const change = changeOf(events[i]!, tree);
        tree = change.entry === undefined ? withoutKey(tree, change.key) : withEntry(tree, change.entry);
        changes.push(change);
      }
      // A stream that was resumed may repeat what is known.
      if (revision <= newest) continue;
      if (revision !== newest + 1) throw new Error(`etcd left out revision ${newest + 1}`);
      newest = revision;
      commits.push({ revision, atMs: this.#clock.nowMs(), events: changes, tree });
    }
    return commits;
  }

  #giveUp(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.end(new StoreUnavailableError(`etcd cannot be followed: ${reason}`, { cause }));
  }
}

interface Waiting {
  readonly revision: number;
  resolve(): void;
  reject(reason: Error): void;
}

function changeOf({ type, kv }: WatchResponse["events"][number], tree: KeyTree): WatchEvent {
  const key = kv.key.toString();
  const revision = Number(kv.mod_revision);
  const previous = findEntry(tree, key);
  if (type === 1) return { type: "delete", key, revision, entry: undefined, previous };
  return { type: "put", key, revision, entry: entryOf(kv), previous };
}
