import type { Random } from "../../../host/apimachinery/random.ts";

/** Chance in the forms the generators ask it. */
export class Draw {
  constructor(private readonly random: Random) {}

  chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.random.below(values.length)]!;
  }

  many<T>(most: number, make: (i: number) => T): T[] {
    return Array.from({ length: this.random.below(most + 1) }, (_, i) => make(i));
  }

  below(bound: number): number {
    return this.random.below(bound);
  }

  /** Some of the values, in another order. */
  some<T>(values: readonly T[], most: number): T[] {
    const left = [...values];
    return this.many(Math.min(most, values.length), () => left.splice(this.below(left.length), 1)[0]!);
  }
}
