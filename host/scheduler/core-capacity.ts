import type { CapacityName, CoreCapacity } from "../wasm/scheduler-facts.ts";
import { CapacityError } from "./capacity.ts";

/** Small enough that an idle cluster costs little; every dimension doubles when it is full. */
export const FIRST_CAPACITY: CoreCapacity = {
  nodes: 64,
  attributeSets: 16,
  classes: 16,
  extendedResources: 8,
  portWords: 2,
  requests: 1024,
  topologyKeys: 2,
  domains: 128,
  tracks: 16,
  classTracks: 8,
  terms: 8,
  profiles: 1,
  scoredResources: 4,
  images: 16,
  classImages: 4,
  // A cluster that asks for no volumes and devices keeps no room for them.
  volumes: 0,
  volumeUses: 0,
  classVolumes: 0,
  drivers: 0,
  rules: 0,
  requirements: 0,
  bindingClaims: 0,
  candidates: 0,
  devicePools: 0,
  // Nor one where nobody preempts for that.
  shapes: 0,
  shapeParts: 0,
  triedPods: 0,
};

/** The answer at these bounds is a CapacityError. Classes are evicted before, requests are split into batches. */
const MAX_CAPACITY: CoreCapacity = {
  nodes: 2 ** 20,
  attributeSets: 2 ** 21,
  classes: 512,
  extendedResources: 1024,
  portWords: 2048,
  requests: 1024,
  topologyKeys: 64,
  domains: 2 ** 21,
  tracks: 2 ** 16,
  classTracks: 2 ** 14,
  terms: 2 ** 12,
  profiles: 1024,
  scoredResources: 1024,
  images: 2 ** 14,
  classImages: 1024,
  volumes: 2 ** 22,
  volumeUses: 2 ** 24,
  classVolumes: 1024,
  drivers: 256,
  rules: 2 ** 17,
  requirements: 4096,
  bindingClaims: 1024,
  candidates: 2 ** 22,
  devicePools: 2 ** 16,
  shapes: 2 ** 18,
  shapeParts: 2 ** 22,
  triedPods: 2 ** 18,
};

/** Tables of two dimensions that could outgrow the core's memory together, and the cells each may have. */
const PAIRS: readonly (readonly [CapacityName, CapacityName, cells: number])[] = [
  ["nodes", "tracks", 2 ** 27],
  ["domains", "terms", 2 ** 27],
  ["classes", "terms", 2 ** 27],
  // A bit each.
  ["nodes", "images", 2 ** 31],
  ["drivers", "nodes", 2 ** 27],
  ["bindingClaims", "attributeSets", 2 ** 27],
  // A bit each.
  ["rules", "attributeSets", 2 ** 31],
  ["classVolumes", "nodes", 2 ** 31],
];

/**
 * What a core is opened with that is to hold so many nodes: it need not be made anew while they come. Memory that nobody has
 * written to costs nothing, so there is room for many classes, too.
 */
export function capacityFor(nodes: number): CoreCapacity {
  const rows = Math.max(FIRST_CAPACITY.nodes, Math.min(nodes, MAX_CAPACITY.nodes));
  return {
    ...FIRST_CAPACITY,
    nodes: rows,
    domains: Math.max(FIRST_CAPACITY.domains, rows + 2),
    classes: MAX_CAPACITY.classes,
    tracks: Math.min(128, Math.floor(2 ** 27 / rows)),
    attributeSets: 64,
    topologyKeys: 4,
  };
}

export const MAX_CLASSES = MAX_CAPACITY.classes;

/** Keeps the core as large as the ids given out need: grows it by doubling, by being told to. */
export class GrowingCapacity {
  #capacity: CoreCapacity;
  readonly #grow: (capacity: CoreCapacity) => void;

  constructor(first: CoreCapacity, grow: (capacity: CoreCapacity) => void) {
    this.#capacity = first;
    this.#grow = grow;
  }

  /** @throws CapacityError, and nothing has changed */
  ensure(dimension: CapacityName, rows: number): void {
    if (rows <= this.#capacity[dimension]) return;
    if (rows > MAX_CAPACITY[dimension])
      throw new CapacityError(
        `${dimension}: ${MAX_CAPACITY[dimension]} are the most a scheduler can hold`,
        dimension,
      );
    let larger = Math.max(1, this.#capacity[dimension]);
    while (larger < rows) larger *= 2;
    const wanted = { ...this.#capacity, [dimension]: Math.min(larger, MAX_CAPACITY[dimension]) };
    for (const [one, other, cells] of PAIRS)
      if (wanted[one] * wanted[other] > cells)
        throw new CapacityError(
          `${dimension}: ${wanted[one]} ${one} and ${wanted[other]} ${other} are more than a scheduler can hold together`,
          dimension,
        );
    this.#capacity = wanted;
    this.#grow(this.#capacity);
  }
}

/** Numbers for names, in order of first appearance; given out for good. */
export class InternedNames<T> {
  readonly #ids = new Map<string, number>();
  readonly #values: T[] = [];

  /** @param room  called with the size needed before a new number is given out; may throw */
  constructor(private readonly room: (size: number) => void) {}

  get values(): readonly T[] {
    return this.#values;
  }

  intern(key: string, value: T): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#values.length;
    this.room(id + 1);
    this.#values.push(value);
    this.#ids.set(key, id);
    return id;
  }
}
