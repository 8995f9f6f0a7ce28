/** Runs steps one after the other, in the order in which they came; one that comes when none is under way begins at once. */
export class OneAtATime {
  /** Fulfilled when the last step is over; undefined when none is under way. */
  #last: Promise<void> | undefined;

  run<T>(step: () => Promise<T>): Promise<T> {
    const run = this.#last === undefined ? step() : this.#last.then(step);
    const done: Promise<void> = run.then(
      () => this.#end(done),
      // The caller has the failure; the next one only waits.
      () => this.#end(done),
    );
    this.#last = done;
    return run;
  }

  #end(step: Promise<void>): void {
    if (this.#last === step) this.#last = undefined;
  }
}
