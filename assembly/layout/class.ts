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
 *   profile                              u32  the profile it is judged by
 *   skipsFit                             u32  1: its profile does not filter by NodeResourcesFit
 *   uncheckedExtended                    u32  how many of its extended requests, the last, are not checked, only counted
 *   scoresByRow                          u32  1: scored by its row of scored resources; 0: the plain case, LeastAllocated and
 *                                             BalancedAllocation of cpu and memory, equally weighted
 *   fitResources, balancedResources      u32  entries in that row
 *   imageCount                           u32  entries in its row of images
 *   containerCount                       u32  containers and init containers
 *   volumeFilters                        u32  bits of `VolumeFilter`: 0 for a class without volumes and claims
 *   volumeCount, requirementCount        u32  entries in the class's rows of volumes and of requirements
 *   bindingClaims                        u32  claims to be bound with the pod; they are described by the table of that name
 *   selectedSlot                         u32  VolumeBinding: the node that a claim was promised to; see `NO_SLOT`
 *   claimSlot                            u32  DynamicResources: the only node where an allocated claim can be used
 *   devicesWanted                        u32  devices to be allocated with the pod
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
  profile = U32 | 88,
  skipsFit = U32 | 92,
  uncheckedExtended = U32 | 96,
  scoresByRow = U32 | 100,
  fitResources = U32 | 104,
  balancedResources = U32 | 108,
  imageCount = U32 | 112,
  containerCount = U32 | 116,
  volumeFilters = U32 | 120,
  volumeCount = U32 | 124,
  requirementCount = U32 | 128,
  bindingClaims = U32 | 132,
  selectedSlot = U32 | 136,
  claimSlot = U32 | 140,
  devicesWanted = U32 | 144,
  bytes = 152,
}

/** What a class makes of an attribute set: row `class * attributeSets + set`. */
export enum VerdictField {
  /** Bits of `Verdict`. */
  refusals = U32 | 0,
  /** PreferNoSchedule taints not tolerated. */
  intolerableTaints = U32 | 4,
  /** Sum of the weights of the preferred node affinity terms that match. */
  affinityWeight = I32 | 8,
  /** `taint` and `affinity` of Verdict as they are, also where the profile does not filter by them: spreading asks. */
  mismatches = U32 | 12,
  bytes = 16,
}

/** Which filters of the profile, decided by attributes alone, refuse the nodes of a set. 0: none. */
export enum Verdict {
  absent = 1,
  outsidePrefilter = 2,
  unschedulable = 4,
  nodeName = 8,
  taint = 16,
  affinity = 32,
  /** The affinity that the profile adds to every pod's. */
  addedAffinity = 64,
  /** NodeDeclaredFeatures: asked last, after all that depends on usage. */
  features = 128,
}

/** An extended resource a class asks for: row `class * EXTENDED_PER_CLASS + i`; amount > 0. */
export enum ExtendedRequestField {
  amount = F64 | 0,
  resource = U32 | 8,
  /** 1: devices stand for it (a DeviceClass names it), so a node that has none of it is not short of it. */
  byDevices = U32 | 12,
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
