import { F64, I32, U32 } from "./field";

/**
 * PodTopologySpread and InterPodAffinity rest on three tables that know nothing of either:
 *
 *   a topology key   a node label that somebody spreads or gathers by; a node's value of it is a domain, a small number
 *   a track          a set of pods (matched by a selector, or owners of one affinity term), counted per node
 *   a term           what a class asks of one track by one key: a constraint, an affinity or a preference
 *
 *   tracks    row 7: | 0 | 2 | 1 | 0 |      pods of track 7 on slots 0..3
 *   domains   row 1: | 2 | 2 | 3 | 0 |      zone a, a, b, none
 *   sums             | - | - | 2 | 1 |      domains 2 and 3, as a term of (track 7, key 1) adds them up
 *
 * An assumed pod adds 1 to each of its tracks, so the next of a batch sees it.
 */
export enum TopologyKeyField {
  /** One above the highest domain of the key; at least 2. */
  limit = U32 | 0,
  /** 1: kubernetes.io/hostname, which spreading scores by node and not by value. */
  perNode = U32 | 4,
  /** Domains with more than one node; 0: a domain and its node are the same. */
  sharedDomains = U32 | 8,
  bytes = 12,
}

/** Nodes in a domain of a key: row `key * domains + domain`. */
export enum DomainNodesField {
  nodes = U32 | 0,
  bytes = 4,
}

/** A node's domain: row `key * nodes + slot`. */
export enum DomainField {
  id = U32 | 0,
  bytes = 4,
}

/** The node has no such label. */
export const NO_DOMAIN: u32 = 0;
/** The value "": where spreading counts a missing label as a value, it is this one. */
export const EMPTY_DOMAIN: u32 = 1;

/** Pods of a track on a node: row `track * nodes + slot`. */
export enum TrackField {
  count = I32 | 0,
  bytes = 4,
}

/** A track the class's own pods belong to: row `class * classTracks + i`. */
export enum ClassTrackField {
  track = U32 | 0,
  bytes = 4,
}

/** Kinds of terms. A class lists its terms in this order. */
export enum TermKind {
  /** PodTopologySpread, DoNotSchedule. */
  hardSpread,
  /** Required affinity; the track is the pods that match all required terms of the class. */
  affinity,
  /** Required anti-affinity of the class. */
  antiAffinity,
  /** Required anti-affinity of others that matches the class; the track is the pods that own the term. */
  othersAntiAffinity,
  /** PodTopologySpread, ScheduleAnyway. */
  softSpread,
  /** Preferred terms, of the class and of others, and others' required affinity. */
  preference,
}

/**
 * A term of a class: row `class * terms + i`.
 *
 *   row         the term of this class whose sums it shares: the first of the same kind and key, or itself
 *   weight      maxSkew of a constraint; what each pod of a preference adds, negative for anti-affinity
 *   minDomains  hardSpread: fewer domains than this count as one that is empty
 *   self        hardSpread: 1 if the pod matches its own selector
 *   excluded    spreads: mismatches (bits of Verdict) with which a node is not counted
 */
export enum TermField {
  kind = U32 | 0,
  key = U32 | 4,
  track = U32 | 8,
  row = U32 | 12,
  weight = I32 | 16,
  minDomains = U32 | 20,
  self = I32 | 24,
  excluded = U32 | 28,
  bytes = 32,
}

/** What is found of a term while its class is looked at: row as the class's term. Scratch space. */
export enum TermStateField {
  /** hardSpread: pods in the emptiest domain. affinity: pods in all domains. softSpread: weight of a pod. */
  value = F64 | 0,
  bytes = 8,
}

/** Pods of a term in a domain: row `term * domains + domain`. Scratch space. */
export enum DomainSumField {
  sum = F64 | 0,
  bytes = 8,
}

/** Raw scores of a feasible node: row = slot. Scratch space. */
export enum TopologyScoreField {
  /** -1: the node is ignored, because it lacks a key. */
  spread = F64 | 0,
  affinity = F64 | 8,
  bytes = 16,
}
