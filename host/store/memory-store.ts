import { type Clock, SystemClock } from "../apimachinery/clock.ts";
import { DEFAULT_HISTORY, type HistoryBounds } from "./history.ts";
import type { Journal, JournalBatch } from "./journal.ts";
import { JournalSize } from "./journal-size.ts";
import { Mvcc } from "./mvcc.ts";

export interface MemoryStoreOptions {
  /** Says how old history is; real time unless given. */
  readonly clock?: Clock;
  readonly history?: Partial<HistoryBounds>;
  /** How much the values may take up; 8 GiB unless given. At the bound it does what `LmdbStoreOptions` says. */
  readonly maxBytes?: number;
}

const DEFAULT_MAX_BYTES = 8 * 1024 ** 3;

/** A store that lives as long as its process. Writes resolve after a few microtasks, in the order they were made. */
export function createMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  return new MemoryStore(options, new JournalSize(options.maxBytes ?? DEFAULT_MAX_BYTES));
}

export class MemoryStore extends Mvcc {
  readonly #options: MemoryStoreOptions;
  readonly #size: JournalSize;

  /** @param past  what another store had; absent for a new one */
  constructor(
    options: MemoryStoreOptions,
    size: JournalSize,
    past: ReturnType<Mvcc["fork"]> | undefined = undefined,
  ) {
    super({
      clock: options.clock ?? new SystemClock(),
      journal: new MemoryJournal(size),
      history: { ...DEFAULT_HISTORY, ...options.history },
      ...past,
    });
    this.#options = options;
    this.#size = size;
  }

  /**
   * A store of its own with all that is visible in this one: keys, history and leases, whose times begin anew. The keys
   * are shared until one of the two changes them, so a clone of any size takes no time for them.
   *
   * @param clock  the clone's own; absent: it shares this one's
   */
  clone(clock?: Clock): MemoryStore {
    return new MemoryStore({ ...this.#options, ...(clock && { clock }) }, this.#size.clone(), this.fork());
  }
}

/** Keeps nothing but count: what the engine has in memory is all there is. */
class MemoryJournal implements Journal {
  readonly #size: JournalSize;

  constructor(size: JournalSize) {
    this.#size = size;
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
