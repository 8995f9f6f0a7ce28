/**
 * Slots: row numbers of nodes in the core. The lowest free one is taken first, so without removals the order of slots is
 * the order in which nodes were added.
 */
export class SlotNumbers {
  readonly #names: string[] = [];
  /** Free slots, the lowest last. */
  #free: number[] = [];
  /** Released while an answer that may name them is under way. */
  #retiring: number[] = [];
  #holds = 0;

  /** One above the highest slot that the next `take` could give. */
  get limit(): number {
    return this.#free.length > 0 ? this.#names.length - 1 : this.#names.length;
  }

  take(name: string): number {
    const slot = this.#free.pop() ?? this.#names.length;
    this.#names[slot] = name;
    return slot;
  }

  release(slot: number): void {
    if (this.#holds > 0) this.#retiring.push(slot);
    else this.#addFree([slot]);
  }

  nameIn(slot: number): string {
    return this.#names[slot]!;
  }

  hold(): void {
    this.#holds++;
  }

  letGo(): void {
    this.#holds--;
    if (this.#holds > 0 || this.#retiring.length === 0) return;
    this.#addFree(this.#retiring);
    this.#retiring = [];
  }

  #addFree(slots: readonly number[]): void {
    this.#free = [...this.#free, ...slots].sort((a, b) => b - a);
  }
}
