/**
 * Runs tasks that are handed to it in order of arrival, a bounded number at a time. Whoever produces them asks for room
 * first: when `capacity` tasks wait, `room` resolves only once one has started.
 */
export class BoundedTasks {
  readonly #limit: number;
  readonly #capacity: number;
  readonly #waiting: (() => Promise<void>)[] = [];
  readonly #askers: (() => void)[] = [];
  readonly #idlers: (() => void)[] = [];
  #running = 0;

  /**
   * @param limit     most tasks that run at once
   * @param capacity  most tasks that may wait before `room` holds its callers back
   */
  constructor(limit: number, capacity: number) {
    this.#limit = limit;
    this.#capacity = capacity;
  }

  /** Tasks report their own failures: one that throws is a mistake of ours and ends the program. */
  run(task: () => Promise<void>): void {
    this.#waiting.push(task);
    this.#startNext();
  }

  /** Resolves when fewer than `capacity` tasks wait. */
  async room(): Promise<void> {
    while (this.#waiting.length >= this.#capacity) {
      await new Promise<void>((resolve) => this.#askers.push(resolve));
    }
  }

  /** Resolves when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    while (this.#running > 0) await new Promise<void>((resolve) => this.#idlers.push(resolve));
  }

  #startNext(): void {
    while (this.#running < this.#limit && this.#waiting.length > 0) {
      const task = this.#waiting.shift()!;
      this.#running++;
      for (const asker of this.#askers.splice(0)) asker();
      void task().finally(() => {
        this.#running--;
        this.#startNext();
        if (this.#running === 0) for (const idler of this.#idlers.splice(0)) idler();
      });
    }
  }
}
