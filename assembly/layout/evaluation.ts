import { F64, I32, U32 } from "./field";

/** The filters in kube-scheduler's order; a node is refused by the first that says no. */
export enum Filter {
  none,
  /** No node in this slot. */
  absent,
  /** NodeAffinity's PreFilter named other nodes. */
  prefilter,
  NodeUnschedulable,
  NodeName,
  TaintToleration,
  /** NodeAffinity: the affinity that the profile adds. */
  addedAffinity,
  NodeAffinity,
  NodePorts,
  NodeResourcesFit,
  /** VolumeRestrictions: a disk is in use. */
  VolumeRestrictions,
  /** VolumeRestrictions: a claim that only one pod may use is in use. */
  readWriteOncePod,
  /** NodeVolumeLimits: a claim is not there. */
  missingClaim,
  NodeVolumeLimits,
  VolumeBinding,
  VolumeZone,
  PodTopologySpread,
  /** PodTopologySpread: the node lacks the label. */
  topologyLabelMissing,
  InterPodAffinity,
  /** InterPodAffinity: the pod's own anti-affinity. */
  antiAffinity,
  /** InterPodAffinity: the anti-affinity of pods that are there. */
  othersAntiAffinity,
  /** DynamicResources: too few devices. */
  DynamicResources,
  /** DynamicResources: an allocated claim is not available. */
  claimUnavailable,
  NodeDeclaredFeatures,
}

/** The scores, in kube-scheduler's order. */
export enum Score {
  TaintToleration,
  NodeAffinity,
  NodeResourcesFit,
  PodTopologySpread,
  InterPodAffinity,
  NodeResourcesBalancedAllocation,
  ImageLocality,
  count,
}

/** Bits of `EvaluationField.insufficient`: which requests do not fit. Bit `extended + i` is the class's extended request i. */
export enum Insufficient {
  pods = 0,
  cpu = 1,
  memory = 2,
  ephemeralStorage = 3,
  extended = 4,
  /** Not a resource: some request exceeds what the node would offer when empty (UnschedulableAndUnresolvable). */
  unresolvable = 31,
}

/** Bounds that are not a choice of the host. */
export enum Limit {
  /** How many extended resources one class may ask for: what is left of the 32 bits above. */
  extendedPerClass = 27,
  /** How many filters a profile may list: each once. */
  filtersPerProfile = 32,
}

/** What `evaluate` found for one node; row = slot. */
export enum EvaluationField {
  rejectedBy = U32 | 0,
  /** Of NodeResourcesFit, bits of `Insufficient`; of VolumeBinding, bits of `VolumeRefusal`; of other filters 0. */
  insufficient = U32 | 4,
  /** Sum of the weighted scores; -1 for a refused node. */
  total = I32 | 8,
  bytes = 12,
}

/** One score of one node: row `slot * Score.count + score`. */
export enum ScoreField {
  /** A whole number; that of spreading or affinity may be beyond 32 bits, or negative. */
  raw = F64 | 0,
  normalized = I32 | 8,
  weighted = I32 | 12,
  bytes = 16,
}

/** The highest score a plugin gives after normalisation. */
export const SCORE_MAX: i32 = 100;
