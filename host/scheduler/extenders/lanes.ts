/**
 * Runs tasks side by side, except those that have a key in common: of these one begins when the one before it is over, in
 * the order in which they came. As many wait as there are callers; each is a link of a chain.
 */
export class Lanes<Key> {
  readonly #last = new Map<Key, Promise<void>>();
  #count = 0;
  #idlers: (() => void)[] = [];

  /** Tasks report their own failures: one that throws is a mistake of ours and ends the program. */
  run(keys: readonly Key[], task: () => Promise<void>): void {
    this.#count++;
    const before = Promise.all(keys.map((key) => this.#last.get(key)));
    const done: Promise<void> = before.then(task).finally(() => {
      for (const key of keys) if (this.#last.get(key) === done) this.#last.delete(key);
      this.#count--;
      if (this.#count === 0) for (const idler of this.#idlers.splice(0)) idler();
    });
    for (const key of keys) this.#last.set(key, done);
  }

  /** Resolves when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    while (this.#count > 0) await new Promise<void>((resolve) => this.#idlers.push(resolve));
  }
}
