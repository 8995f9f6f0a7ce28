import type { Clock, Timer } from "../apimachinery/clock.ts";

export interface BoundedRunnerOptions {
  readonly clock: Clock;
  /** From the end of a run to the start of the next. */
  readonly minIntervalMs: number;
  /** A run without any request comes so long after the last. */
  readonly maxIntervalMs: number;
  /** After a run that failed, the next comes after this at the latest; doubled with each failure, up to the second. */
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
  /** @returns whether it succeeded; must not throw */
  run(): Promise<boolean>;
}

/**
 * Runs something at a bounded frequency: requests that come while it runs, or too soon after, are met by one run.
 * Source: kube-proxy's BoundedFrequencyRunner.
 */
export class BoundedRunner {
  readonly #options: BoundedRunnerOptions;
  #timer: Timer | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #requested = false;
  #lastEndMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #stopped = false;

  constructor(options: BoundedRunnerOptions) {
    this.#options = options;
  }

  /** Asks for a run as soon as may be. */
  request(): void {
    if (this.#running !== undefined) this.#requested = true;
    else this.#runAt(this.#lastEndMs + this.#options.minIntervalMs);
  }

  /** Runs now, and from then on. Resolves after that first run. */
  async start(): Promise<void> {
    await this.#run();
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #runAt(dueMs: number): void {
    if (this.#stopped || dueMs >= this.#dueMs) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    const delayMs = Math.max(0, dueMs - this.#options.clock.monotonicMs());
    this.#timer = this.#options.clock.setTimeout(() => void this.#run(), delayMs);
  }

  #run(): Promise<void> {
    this.#timer?.cancel();
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#requested = false;
    this.#running = this.#options.run().then((succeeded) => {
      const { clock, minIntervalMs, maxIntervalMs, firstRetryMs, maxRetryMs } = this.#options;
      this.#running = undefined;
      this.#lastEndMs = clock.monotonicMs();
      this.#failures = succeeded ? 0 : this.#failures + 1;
      const retryMs = Math.min(firstRetryMs * 2 ** (this.#failures - 1), maxRetryMs);
      this.#runAt(this.#lastEndMs + (succeeded ? maxIntervalMs : retryMs));
      if (this.#requested) this.#runAt(this.#lastEndMs + minIntervalMs);
    });
    return this.#running;
  }
}
