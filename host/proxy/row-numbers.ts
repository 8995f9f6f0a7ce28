/**
 * Gives out row numbers of a table, one or several in a row, and takes them back. Runs are rounded up to powers of two, so
 * what one gives back fits another; the caller makes room in the table for what `limit` says.
 */
export class RowNumbers {
  /** Free runs by the power of two of their length. */
  readonly #free: number[][] = [];
  #limit = 0;

  /** One above the highest number ever given out. */
  get limit(): number {
    return this.#limit;
  }

  /** @returns the first of `count` numbers; 0 for none */
  take(count = 1): number {
    if (count === 0) return 0;
    const power = powerOf(count);
    const free = this.#free[power]?.pop();
    if (free !== undefined) return free;
    const first = this.#limit;
    this.#limit += 1 << power;
    return first;
  }

  /** @param count  as when they were taken */
  give(first: number, count = 1): void {
    if (count === 0) return;
    const power = powerOf(count);
    this.#free[power] ??= [];
    this.#free[power].push(first);
  }
}

function powerOf(count: number): number {
  return 32 - Math.clz32(count - 1);
}
