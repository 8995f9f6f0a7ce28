import type { Random } from "../../apimachinery/random.ts";

/**
 * Numbers 0 to size-1, each held by at most one owner. The lower band is left to those who ask for a number; the others
 * start at a random place of the upper band and go up with wrap, and use the lower band only when the upper is full.
 *
 *   0 .......... offset .......................... size-1
 *   asked for    | given out
 *
 * Source: service-tables 8.1 and 8.2.
 */
export class Band {
  readonly #owners = new Map<number, string>();

  constructor(
    readonly size: number,
    readonly offset: number,
    private readonly random: Random,
  ) {}

  owner(index: number): string | undefined {
    return this.#owners.get(index);
  }

  /** @returns whether the number was free, or the owner's already */
  take(index: number, owner: string): boolean {
    const present = this.#owners.get(index);
    if (present !== undefined && present !== owner) return false;
    this.#owners.set(index, owner);
    return true;
  }

  /** @returns undefined when every number is taken */
  takeNext(owner: string): number | undefined {
    const index = this.#findFree(this.offset, this.size) ?? this.#findFree(0, this.offset);
    if (index !== undefined) this.#owners.set(index, owner);
    return index;
  }

  free(index: number, owner: string): void {
    if (this.#owners.get(index) === owner) this.#owners.delete(index);
  }

  #findFree(from: number, to: number): number | undefined {
    if (to <= from) return undefined;
    const start = this.random.below(to - from);
    for (let step = 0; step < to - from; step++) {
      const index = from + ((start + step) % (to - from));
      if (!this.#owners.has(index)) return index;
    }
    return undefined;
  }
}

/** How many low numbers are left to explicit requests: a share of the range between two bounds; none of a tiny range. */
export function staticBand(size: number, share: number, least: number, most: number): number {
  return size <= 16 ? 0 : Math.min(most, Math.max(least, Math.floor(size / share)));
}
