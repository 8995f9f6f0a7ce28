import { F64, OFFSET, U32 } from "./field";

/** So many of the last changes are written down; an index that lags by more reads the nodes. */
export const PAIRED_CHANGES: u32 = 4096;

/**
 * What a plain class asks of two nodes that changed one after the other, so that both are filtered and scored at once. It is
 * read from the nodes once for each change, however many classes catch up with it. Every field has a place for either node:
 *
 *   change                     4   |   5
 *   allocatableMilliCpu     | 4000 | 8000 |    8 bytes each
 *   allocatableMemory       | 2^35 | 2^34 |
 *   …
 *   bucket                  |  81  |   0  |    4 bytes each
 */
export enum ChangedPairField {
  allocatableMilliCpu = F64 | 0,
  allocatableMemory = F64 | 16,
  nonZeroMilliCpu = F64 | 32,
  nonZeroMemory = F64 | 48,
  requestedMilliCpu = F64 | 64,
  requestedMemory = F64 | 80,
  /** Allocatable less requested. */
  freeMilliCpu = F64 | 96,
  freeMemory = F64 | 112,
  /** NaN, which nothing is below, where there is no room for another pod. */
  freeEphemeral = F64 | 128,
  /** The node's balance without the pod; UNBALANCED: it lacks cpu or memory, and has to be scored by itself. */
  balance = F64 | 144,
  /** Of the class that catches up: by resources alone. */
  bucket = U32 | 160,
  bytes = 168,
}

export const UNBALANCED: f64 = -1.0;

/** Both places of a field. */
export function getPair(pair: usize, field: ChangedPairField): v128 {
  return v128.load(pair + <usize>(field & OFFSET));
}

/** Where the places of a change begin: those of 8 bytes. A change with an odd number is the second. */
export function placeOf(pair: usize, change: u32): usize {
  return pair + (<usize>(change & 1) << 3);
}

export function bucketOfChange(pair: usize, change: u32): u32 {
  return load<u32>(pair + (<usize>(change & 1) << 2) + <usize>(ChangedPairField.bucket & OFFSET));
}

export function setBuckets(pair: usize, buckets: v128): void {
  v128.store64_lane(pair + <usize>(ChangedPairField.bucket & OFFSET), buckets, 0);
}
