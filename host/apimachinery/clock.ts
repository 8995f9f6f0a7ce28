/**
 * Time, passed in everywhere. Nothing else in host/ reads the machine's clock or sets a timer.
 *
 * `SystemClock` is real time. `VirtualClock` stands still until it is advanced: every timer then fires in order of
 * (due time, order of creation), and between two timers all promise work that is ready runs first. So a control
 * plane whose parts only wait on each other and on this clock runs the same way each time.
 */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
  /** Milliseconds since some moment: never set back or forth by whoever sets the machine's time. For how long things take. */
  monotonicMs(): number;
  /** Calls back once, at or after `delayMs` from now; never before this call returns. */
  setTimeout(callback: () => void, delayMs: number): Timer;
}

export interface Timer {
  /** Harmless when it has fired already. */
  cancel(): void;
}

/** The longest delay Node's own timer takes, about 24.8 days; longer ones fire at that point and are set again. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const dueMs = performance.now() + delayMs;
    let handle: NodeJS.Timeout;
    const arm = () => {
      const leftMs = dueMs - performance.now();
      if (leftMs > MAX_DELAY_MS) handle = setTimeout(arm, MAX_DELAY_MS);
      else handle = setTimeout(callback, Math.max(0, leftMs));
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  }
}

interface VirtualTimer {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

export class VirtualClock implements Clock {
  #nowMs: number;
  #created = 0;
  /** Sorted by (dueMs, order); the soonest last, so that taking it is a pop. */
  readonly #timers: VirtualTimer[] = [];

  /** @param startMs  milliseconds since 1970; 2026-01-01T00:00:00Z unless told otherwise */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#created++, callback };
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timers[middle]!.dueMs > timer.dueMs) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return {
      cancel: () => {
        const index = this.#timers.indexOf(timer);
        if (index >= 0) this.#timers.splice(index, 1);
      },
    };
  }

  /** Fires every timer due within the next `ms`, in order, and ends with the clock `ms` later. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const next = this.#timers.at(-1);
      if (next === undefined || next.dueMs > endMs) break;
      this.#timers.pop();
      this.#nowMs = next.dueMs;
      next.callback();
      await settle();
    }
    this.#nowMs = endMs;
  }

  /**
   * Advances from timer to timer until `done()` holds.
   *
   * @param limitMs  virtual milliseconds after which it gives up
   * @returns whether `done()` held in time
   */
  async advanceUntil(done: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
    const endMs = this.#nowMs + limitMs;
    await settle();
    while (!(await done())) {
      const next = this.#timers.at(-1);
      if (next === undefined || next.dueMs > endMs) return false;
      this.#timers.pop();
      this.#nowMs = next.dueMs;
      next.callback();
      await settle();
    }
    return true;
  }
}

/** Waits until all promise work that is ready has run: a macrotask starts only when no microtask is left. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A promise that resolves after `delayMs` of the given clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, delayMs);
  });
}

/** The API's time format, whole seconds: `2026-01-01T00:00:00Z` (metav1.Time). */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** `2026-01-01T00:00:00.000Z` */
export function formatMilliTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** The API's time format with microseconds: `2026-01-01T00:00:00.000000Z` (metav1.MicroTime). */
export function formatMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}
