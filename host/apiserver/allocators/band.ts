import type { Random } from "../../apimachinery/random.ts";

/**
 * Numbers 0 to size-1, each held by at most one owner. The lower band is left to those who ask for a number; the others
 * start at a random place of the upper band and go up with wrap, and use the lower band only when the upper is full.
 *
 *   0 .......... offset .......................... size-1
 *   asked for    | given out
 *
 * A number is held because the store says so, or because a write that will say so is on its way. Several writes of one
 * owner may reserve the same number; it is free when the last of them has given it back and none was stored.
 *
 * Source: service-tables 8.1 and 8.2.
 */
export class Band {
  readonly #stored = new Map<number, string>();
  readonly #reserved = new Map<number, { readonly owner: string; count: number }>();

  constructor(
    readonly size: number,
    readonly offset: number,
    private readonly random: Random,
  ) {}

  /** Who has it in the store. */
  storedOwner(index: number): string | undefined {
    return this.#stored.get(index);
  }

  /** What the store says; undefined: nobody has it. */
  setStored(index: number, owner: string | undefined): void {
    if (owner === undefined) this.#stored.delete(index);
    else this.#stored.set(index, owner);
  }

  forgetStored(): void {
    this.#stored.clear();
  }

  /** Reserves a number, to be given back by `release`. @returns whether it was free, or the owner's already */
  take(index: number, owner: string): boolean {
    const reserved = this.#reserved.get(index);
    const present = this.#stored.get(index) ?? reserved?.owner;
    if (present !== undefined && present !== owner) return false;
    if (reserved === undefined) this.#reserved.set(index, { owner, count: 1 });
    else reserved.count += 1;
    return true;
  }

  /** Reserves any number. @returns undefined when every number is taken */
  takeNext(owner: string): number | undefined {
    const index = this.#findFree(this.offset, this.size) ?? this.#findFree(0, this.offset);
    if (index !== undefined) this.#reserved.set(index, { owner, count: 1 });
    return index;
  }

  /** Gives back what one `take` or `takeNext` reserved. */
  release(index: number): void {
    const reserved = this.#reserved.get(index);
    if (reserved === undefined) return;
    reserved.count -= 1;
    if (reserved.count === 0) this.#reserved.delete(index);
  }

  #findFree(from: number, to: number): number | undefined {
    if (to <= from) return undefined;
    const start = this.random.below(to - from);
    for (let step = 0; step < to - from; step++) {
      const index = from + ((start + step) % (to - from));
      if (!this.#stored.has(index) && !this.#reserved.has(index)) return index;
    }
    return undefined;
  }
}

/** How many low numbers are left to explicit requests: a share of the range between two bounds; none of a tiny range. */
export function staticBand(size: number, share: number, least: number, most: number): number {
  return size <= 16 ? 0 : Math.min(most, Math.max(least, Math.floor(size / share)));
}
