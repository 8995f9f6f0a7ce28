import { type Clock, SystemClock } from "../apimachinery/clock.ts";
import { DEFAULT_HISTORY, type HistoryBounds } from "./history.ts";
import { noJournal } from "./journal.ts";
import { Mvcc } from "./mvcc.ts";
import type { Store } from "./store.ts";

export interface MemoryStoreOptions {
  /** Says how old history is; real time unless given. */
  readonly clock?: Clock;
  readonly history?: Partial<HistoryBounds>;
}

/** A store that lives as long as its process. Writes resolve after a few microtasks, in the order they were made. */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new Mvcc({
    clock: options.clock ?? new SystemClock(),
    journal: noJournal,
    history: { ...DEFAULT_HISTORY, ...options.history },
  });
}
