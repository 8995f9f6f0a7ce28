import { type Clock, SystemClock } from "../apimachinery/clock.ts";
import { DEFAULT_HISTORY, type HistoryBounds } from "./history.ts";
import type { Journal, JournalBatch } from "./journal.ts";
import { JournalSize } from "./journal-size.ts";
import { Mvcc } from "./mvcc.ts";
import type { Store } from "./store.ts";

export interface MemoryStoreOptions {
  /** Says how old history is; real time unless given. */
  readonly clock?: Clock;
  readonly history?: Partial<HistoryBounds>;
  /** How much the values may take up; 8 GiB unless given. At the bound it does what `LmdbStoreOptions` says. */
  readonly maxBytes?: number;
}

const DEFAULT_MAX_BYTES = 8 * 1024 ** 3;

/** A store that lives as long as its process. Writes resolve after a few microtasks, in the order they were made. */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new Mvcc({
    clock: options.clock ?? new SystemClock(),
    journal: new MemoryJournal(options.maxBytes ?? DEFAULT_MAX_BYTES),
    history: { ...DEFAULT_HISTORY, ...options.history },
  });
}

/** Keeps nothing but count: what the engine has in memory is all there is. */
class MemoryJournal implements Journal {
  readonly #size: JournalSize;

  constructor(maxBytes: number) {
    this.#size = new JournalSize(maxBytes);
  }

  /** One turn of the microtask queue, so that writes made side by side are one delivery to each watcher. */
  async gather(): Promise<void> {}

  hasRoom(keyBytes: number, valueBytes: number, waitingBytes: number): boolean {
    return this.#size.hasRoom(keyBytes, valueBytes, waitingBytes);
  }

  async append(batch: JournalBatch): Promise<void> {
    this.#size.count(batch);
  }

  async close(): Promise<void> {}
}
