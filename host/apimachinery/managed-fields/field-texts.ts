import type { FieldSet } from "./field-set.ts";

/**
 * Sets of fields by their JSON text, and the text of each: pods of one ReplicaSet are all of the same fields, so that one set
 * serves them all, is read once, and is never written again.
 *
 * Two generations, so that what is met again stays: a text that is found among the older ones moves to the younger; when
 * those are full they become the older ones, and the older ones are forgotten. What was forgotten is read and written anew.
 */
export class FieldTexts {
  #young = new Map<string, FieldSet>();
  #old = new Map<string, FieldSet>();
  #textsOfYoung = new Map<FieldSet, string>();
  #textsOfOld = new Map<FieldSet, string>();
  #characters = 0;

  /** @param maxCharacters  of the texts of one generation; a text longer than a hundredth of it is not kept */
  constructor(private readonly maxCharacters: number) {}

  /** @param text  as `JSON.stringify` would write the set; the set must not be changed, it is shared */
  setOf(text: string): FieldSet {
    const known = this.#young.get(text);
    if (known !== undefined) return known;
    const old = this.#old.get(text);
    const set = old ?? (JSON.parse(text) as FieldSet);
    if (text.length > this.maxCharacters / 100) return set;
    // Written anew: the text at hand may be a slice, which would keep all of what it was cut from.
    const own = old === undefined ? JSON.stringify(set) : this.#textsOfOld.get(old)!;
    if (own === text) this.#keep(own, set);
    return set;
  }

  /** A set that says the same and whose text is known, if there is one; else this one, which must not be changed any more. */
  shared(set: FieldSet): FieldSet {
    if (this.#textsOfYoung.has(set)) return set;
    const text = this.textOf(set);
    const known = this.#young.get(text) ?? this.#old.get(text) ?? set;
    if (!this.#textsOfYoung.has(known) && text.length <= this.maxCharacters / 100) this.#keep(text, known);
    return known;
  }

  textOf(set: FieldSet): string {
    return this.#textsOfYoung.get(set) ?? this.#textsOfOld.get(set) ?? JSON.stringify(set);
  }

  #keep(text: string, set: FieldSet): void {
    this.#characters += text.length;
    if (this.#characters > this.maxCharacters) {
      [this.#old, this.#textsOfOld] = [this.#young, this.#textsOfYoung];
      [this.#young, this.#textsOfYoung] = [new Map(), new Map()];
      this.#characters = text.length;
    }
    this.#young.set(text, set);
    this.#textsOfYoung.set(set, text);
  }
}

/** Those of this process. Field names are no secret of one server to another in it, and a set is the same for both. */
export const fieldTexts = new FieldTexts(4 * 1024 * 1024);
