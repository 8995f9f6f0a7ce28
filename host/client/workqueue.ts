import type { Clock, Timer } from "../apimachinery/clock.ts";

export interface WorkqueueOptions {
  readonly clock: Clock;
  /** First and longest delay of `addRateLimited`. */
  readonly firstDelayMs?: number;
  readonly maxDelayMs?: number;
  /** Most keys that wait at once, ready or delayed. At the bound `add…` answers false and the key is not taken. */
  readonly capacity?: number;
}

/** Kubernetes' DefaultItemBasedRateLimiter: 5 ms · 2^failures, at most 1000 s. */
const FIRST_DELAY_MS = 5;
const MAX_DELAY_MS = 1_000_000;
/** Ten times the pods of the largest cluster we aim at would not wait at once: beyond it something is wrong. */
const CAPACITY = 500_000;

/**
 * A set of keys to look at, in order of arrival. A key waits at most once and is never handed to two workers at a time:
 * one that is added while it is being worked on is handed out again after `done`.
 *
 *   add ──► waiting ──get──► in work ──done──► gone, or waiting again if it was added meanwhile
 *   addAfter, addRateLimited ──► delayed ──its time──► waiting
 *
 * Source: client-go util/workqueue (queue.go, delaying_queue.go, default_rate_limiters.go).
 */
export class Workqueue {
  readonly #clock: Clock;
  readonly #firstDelayMs: number;
  readonly #maxDelayMs: number;
  readonly #capacity: number;
  readonly #waiting = new Set<string>();
  readonly #inWork = new Set<string>();
  /** Keys in work that were added again. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { dueMs: number; timer: Timer }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(options: WorkqueueOptions) {
    this.#clock = options.clock;
    this.#firstDelayMs = options.firstDelayMs ?? FIRST_DELAY_MS;
    this.#maxDelayMs = options.maxDelayMs ?? MAX_DELAY_MS;
    this.#capacity = options.capacity ?? CAPACITY;
  }

  /** Keys that are ready to be handed out. */
  get length(): number {
    return this.#waiting.size;
  }

  /** @returns false when the queue is full or closed and the key was not taken */
  add(key: string): boolean {
    if (this.#closed) return false;
    if (this.#inWork.has(key)) {
      this.#again.add(key);
      return true;
    }
    if (this.#waiting.has(key)) return true;
    if (this.#takers.length === 0 && !this.#hasRoom()) return false;
    this.#handOut(key);
    return true;
  }

  /** Adds the key `delayMs` from now. When it is delayed already, the earlier time holds. */
  addAfter(key: string, delayMs: number): boolean {
    if (delayMs <= 0) return this.add(key);
    if (this.#closed) return false;
    const dueMs = this.#clock.nowMs() + delayMs;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.dueMs <= dueMs) return true;
    if (known === undefined && !this.#hasRoom()) return false;
    known?.timer.cancel();
    const timer = this.#clock.setTimeout(() => {
      // Its room becomes free here, so the add is never refused.
      this.#delayed.delete(key);
      this.add(key);
    }, delayMs);
    this.#delayed.set(key, { dueMs, timer });
    return true;
  }

  /** Adds the key after a delay that doubles with each call, until `forget`. */
  addRateLimited(key: string): boolean {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    return this.addAfter(key, Math.min(this.#firstDelayMs * 2 ** failures, this.#maxDelayMs));
  }

  /** How often the key was rate limited since it was last forgotten. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Starts the key's delays again from the first; does not remove it. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, in work from now on until `done`; undefined once the queue is closed. */
  get(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      this.#inWork.add(key);
      return Promise.resolve(key);
    }
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#inWork.delete(key);
    if (this.#again.delete(key)) this.#handOut(key);
  }

  /** Forgets all keys and timers; every waiting `get` answers undefined. */
  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    this.#again.clear();
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  /** Gives the key to a worker that waits for one, else lets it wait. A key that came back from work always has room. */
  #handOut(key: string): void {
    const taker = this.#takers.shift();
    if (taker === undefined) {
      this.#waiting.add(key);
      return;
    }
    this.#inWork.add(key);
    taker(key);
  }

  #hasRoom(): boolean {
    return this.#waiting.size + this.#delayed.size < this.#capacity;
  }
}
