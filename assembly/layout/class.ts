import { F64, I32, U32 } from "./field";

/**
 * A class of pods: all pods with the same scheduling signature. What the pod asks for is here; what its selectors,
 * tolerations and affinities say of a node is in the class's row of verdicts, one per attribute set.
 *
 *   requestMilliCpu … requestEphemeral   f64  what NodeResourcesFit checks, and what an assumed pod adds to its node
 *   scoreMilliCpu, scoreMemory           f64  what LeastAllocated adds (100m and 200 MiB where a container asks nothing,
 *                                             pod-level requests ignored: the 1.36 quirk)
 *   nonZeroMilliCpu, nonZeroMemory       f64  what an assumed pod adds to its node's non-zero sums
 *   extendedCount                        u32  entries in the class's row of extended requests
 *   wantsPorts                           u32  1: the port words are to be looked at
 *   prefersNodes                         u32  1: has preferred node affinity terms (else NodeAffinity is not scored)
 *   termCount, filterTermCount           u32  entries in the class's row of terms, and how many of them, first, are filters
 *   trackCount                           u32  entries in the class's row of tracks
 *   matchesOwnAffinity                   u32  1: the pod matches all its required affinity terms itself
 *   requiresAllKeys                      u32  1: a node without one of the keys of its soft constraints is not scored
 *
 * A request may be any number >= 0, however large: one that is more than a node can have never fits.
 */
export enum ClassField {
  requestMilliCpu = F64 | 0,
  requestMemory = F64 | 8,
  requestEphemeral = F64 | 16,
  scoreMilliCpu = F64 | 24,
  scoreMemory = F64 | 32,
  nonZeroMilliCpu = F64 | 40,
  nonZeroMemory = F64 | 48,
  extendedCount = U32 | 56,
  wantsPorts = U32 | 60,
  prefersNodes = U32 | 64,
  termCount = U32 | 68,
  filterTermCount = U32 | 72,
  trackCount = U32 | 76,
  matchesOwnAffinity = U32 | 80,
  requiresAllKeys = U32 | 84,
  bytes = 88,
}

/** What a class makes of an attribute set: row `class * attributeSets + set`. */
export enum VerdictField {
  /** Bits of `Verdict`. */
  refusals = U32 | 0,
  /** PreferNoSchedule taints not tolerated. */
  intolerableTaints = U32 | 4,
  /** Sum of the weights of the preferred node affinity terms that match. */
  affinityWeight = I32 | 8,
  bytes = 12,
}

/** Which filters, decided by attributes alone, refuse the nodes of a set. 0: none. */
export enum Verdict {
  absent = 1,
  outsidePrefilter = 2,
  unschedulable = 4,
  nodeName = 8,
  taint = 16,
  affinity = 32,
}

/** An extended resource a class asks for: row `class * EXTENDED_PER_CLASS + i`; amount > 0. */
export enum ExtendedRequestField {
  amount = F64 | 0,
  resource = U32 | 8,
  bytes = 16,
}

/** 32 interned host ports as a class sees them: row `class * portWords + word`. */
export enum ClassPortsField {
  /** The ports it occupies. */
  wanted = U32 | 0,
  /** The ports that, used by another pod, are in its way (wildcard addresses included). */
  conflicting = U32 | 4,
  bytes = 8,
}
