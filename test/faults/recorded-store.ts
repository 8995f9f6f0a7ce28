import { JournalRefusal } from "../../host/store/journal.ts";
import {
  type Entry,
  LeaseNotFoundError,
  type Operation,
  type Range,
  type RangeOptions,
  type Store,
  StoreUnavailableError,
  type TransactionResult,
  type WatchEvent,
  type Watcher,
  type WatchHandle,
} from "../../host/store/store.ts";
import {
  type Answer,
  type Ask,
  askedOperation,
  type HistoryRecord,
  toldEntry,
  toldEvent,
} from "./history.ts";

export interface Recorder {
  /** Takes records in the order in which they happen. */
  readonly write: (record: HistoryRecord) => void;
  /** Goes before every id: histories of several processes are read as one. */
  readonly name: string;
  /** Whether an error means for certain that nothing was carried out; otherwise nobody knows. */
  readonly isDefinite?: (error: unknown) => boolean;
}

/** A store whose clients are listened to: what they ask, what they are answered, what watchers are told. */
export class RecordedStore {
  readonly store: Store;
  readonly #recorder: Recorder;
  #count = 0;

  constructor(store: Store, recorder: Recorder) {
    this.store = store;
    this.#recorder = recorder;
  }

  get name(): string {
    return this.#recorder.name;
  }

  get(key: string, options: { revision?: number } = {}): Promise<Entry | undefined> {
    return this.#record(
      { verb: "get", key, ...options },
      () => this.store.get(key, options),
      (entry) => ({ got: entry === undefined ? null : toldEntry(entry) }),
    );
  }

  range(prefix: string, options: RangeOptions = {}): Promise<Range> {
    return this.#record(
      { verb: "range", prefix, ...options },
      () => this.store.range(prefix, options),
      ({ entries, revision, remaining }) => ({ ranged: entries.map(toldEntry), revision, remaining }),
    );
  }

  /** One operation goes by its own verb, several are a transaction. */
  async write(operations: readonly Operation[]): Promise<boolean> {
    const ask: Ask = { verb: "write", operations: operations.map(askedOperation) };
    const [first] = operations;
    if (operations.length !== 1 || first === undefined || first.type === "check") {
      const result = await this.#record(
        ask,
        () => this.store.transact(operations),
        (result) => transactionAnswer(result),
      );
      return result.ok;
    }
    if (first.type === "delete") {
      const result = await this.#record(
        ask,
        () => this.store.delete(first.key, first.expectedRevision),
        (result) =>
          result.ok
            ? { wrote: result.revision, told: [goneEvent(result.previous, result.revision)] }
            : { refused: [tellOrNull(result.current)] },
      );
      return result.ok;
    }
    const { key, value, lease } = first;
    const options = lease === undefined ? {} : { lease };
    const result = await this.#record(
      ask,
      () =>
        first.type === "create"
          ? this.store.create(key, value, options)
          : this.store.update(key, value, first.expectedRevision, options),
      (result): Answer =>
        result.ok
          ? {
              wrote: result.entry.modRevision,
              told: [{ key, revision: result.entry.modRevision, entry: toldEntry(result.entry) }],
            }
          : { refused: [tellOrNull(result.current)] },
    );
    return result.ok;
  }

  watch(
    prefix: string,
    after: number,
    watcher: Partial<Watcher> = {},
  ): WatchHandle & { readonly id: string } {
    const { write } = this.#recorder;
    const id = this.#nextId("w");
    // Recorded first, because the store may call back as soon as it likes.
    write({ at: "watch", id, prefix, after });
    let isOver = false;
    const over = () => {
      if (!isOver) write({ at: "over", id });
      isOver = true;
    };
    let handle: WatchHandle;
    try {
      handle = this.store.watch(prefix, after, {
        onEvents: (events: readonly WatchEvent[]) => {
          write({ at: "events", id, events: events.map(toldEvent) });
          watcher.onEvents?.(events);
        },
        onProgress: (revision) => {
          write({ at: "progress", id, revision });
          watcher.onProgress?.(revision);
        },
        onEnd: (reason) => {
          over();
          watcher.onEnd?.(reason);
        },
      });
    } catch (error) {
      over();
      throw error;
    }
    return {
      id,
      requestProgress: () => handle.requestProgress(),
      cancel: () => {
        handle.cancel();
        over();
      },
    };
  }

  /** Says that a watch has had the time it needs. */
  settled(id: string, revision: number): void {
    this.#recorder.write({ at: "settled", id, revision });
  }

  async #record<Result>(
    ask: Ask,
    action: () => Promise<Result>,
    answerOf: (result: Result) => Answer,
  ): Promise<Result> {
    const { write, isDefinite = () => false } = this.#recorder;
    const id = this.#nextId("a");
    write({ at: "ask", id, ask });
    try {
      const result = await action();
      write({ at: "answer", id, answer: answerOf(result) });
      return result;
    } catch (error) {
      const failed = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      write({ at: "answer", id, answer: { failed, isDefinite: isDefinite(error) } });
      throw error;
    }
  }

  #nextId(kind: string): string {
    this.#count += 1;
    return `${this.#recorder.name}.${kind}${this.#count}`;
  }
}

function transactionAnswer(result: TransactionResult): Answer {
  if (!result.ok) return { refused: result.current.map(tellOrNull) };
  return { wrote: result.revision, told: result.events.map(toldEvent) };
}

function tellOrNull(entry: Entry | undefined) {
  return entry === undefined ? null : toldEntry(entry);
}

function goneEvent(previous: Entry, revision: number) {
  return { key: previous.key, revision, entry: null, previous: toldEntry(previous) };
}

/** Whether an LMDB or a memory store promises that nothing of a write that failed so will ever be seen. */
export function isDefinitelyRefused(error: unknown): boolean {
  if (error instanceof LeaseNotFoundError) return true;
  return (
    error instanceof StoreUnavailableError &&
    (error.cause === undefined || error.cause instanceof JournalRefusal)
  );
}
