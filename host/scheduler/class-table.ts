import type { Usage } from "../wasm/scheduler-facts.ts";
import type { PodFacts } from "./pod-facts.ts";
import type { ProfileFacts } from "./profile-facts.ts";

/** A class of pods as the core knows it. */
export interface ClassEntry {
  readonly id: number;
  readonly facts: PodFacts;
  readonly profile: ProfileFacts;
  /** What each of its pods takes. */
  readonly usage: Usage;
  /** Numbers of the images it is scored by. */
  readonly images: readonly number[];
  /** Names of the extended resources, in the order of the core's bits. */
  readonly extended: readonly string[];
  /** When it was asked for last, counted in askings. */
  usedAt: number;
}

/** The classes that the core holds, by profile and signature; the one that was used least recently is given up first. */
export class ClassTable {
  readonly #byProfile = new Map<ProfileFacts, Map<string, ClassEntry>>();
  #size = 0;
  #askings = 0;
  /** Classes asked for later than this are in somebody's hands. */
  #heldFrom = 0;

  get size(): number {
    return this.#size;
  }

  *values(): Iterable<ClassEntry> {
    for (const classes of this.#byProfile.values()) yield* classes.values();
  }

  find({ signature }: PodFacts, profile: ProfileFacts): ClassEntry | undefined {
    const known = this.#byProfile.get(profile)?.get(signature);
    if (known !== undefined) known.usedAt = ++this.#askings;
    return known;
  }

  add(entry: Omit<ClassEntry, "usedAt">): ClassEntry {
    const added = { ...entry, usedAt: ++this.#askings };
    const classes = this.#byProfile.get(entry.profile) ?? new Map<string, ClassEntry>();
    this.#byProfile.set(entry.profile, classes.set(entry.facts.signature, added));
    this.#size++;
    return added;
  }

  /** From now on classes that are asked for are not given up, until this is called again. */
  hold(): void {
    this.#heldFrom = this.#askings;
  }

  /** Gives up a class; undefined: all of them are held. */
  evict(): ClassEntry | undefined {
    let oldest: ClassEntry | undefined;
    for (const entry of this.values())
      if (entry.usedAt <= this.#heldFrom && entry.usedAt < (oldest?.usedAt ?? Number.POSITIVE_INFINITY))
        oldest = entry;
    if (oldest === undefined) return undefined;
    this.#byProfile.get(oldest.profile)!.delete(oldest.facts.signature);
    this.#size--;
    return oldest;
  }
}
