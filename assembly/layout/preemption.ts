import { F64, U32 } from "./field";

/**
 * A dry run asks how one node would judge a class if other pods were there. What a pod is to its node, its shape, is written
 * down for the question only; pods that are alike share one:
 *
 *   shapes   0: 900m, 500 MiB, parts 0..1      parts   0: track 3      tried   0: shape 0
 *            1: 100m, parts 1..3                       1: port 7               1: shape 0
 *                                                      2: 2 of gpu             2: shape 1
 */
export enum ShapeField {
  requestMilliCpu = F64 | 0,
  requestMemory = F64 | 8,
  requestEphemeral = F64 | 16,
  nonZeroMilliCpu = F64 | 24,
  nonZeroMemory = F64 | 32,
  firstPart = U32 | 40,
  partCount = U32 | 44,
  bytes = 48,
}

/** What else a pod takes of its node. */
export enum ShapePart {
  /** `amount` of an extended resource. */
  extended,
  /** An interned host port. */
  port,
  /** A track that it counts on. */
  track,
  /** A volume that it uses. */
  volume,
}

export enum ShapePartField {
  amount = F64 | 0,
  /** A ShapePart. */
  kind = U32 | 8,
  /** The number of the resource, port, track or volume. */
  id = U32 | 12,
  bytes = 16,
}

/** A pod of the node that is asked: first those that may have to go, in the order in which they are let back, then those nominated to it. */
export enum TriedPodField {
  shape = U32 | 0,
  /** Answer: 1 if it has to go. */
  isVictim = U32 | 4,
  bytes = 8,
}

/** 32 host ports of the node as they were: row `word` before the dry run, row `portWords + word` before nominated pods came. */
export enum SavedPortsField {
  bits = U32 | 0,
  bytes = 4,
}
