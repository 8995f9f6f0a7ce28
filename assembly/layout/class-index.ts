import { F64, I32, U32 } from "./field";

/**
 * The index of a class knows, without looking at all nodes, which of them is best. It is made from the same tables as a scan
 * reads, and may be dropped at any time.
 *
 *   a node's bucket   0 if something of the node itself refuses the class; else 1 + its score by resources and images
 *   a group           nodes of which everything else is equal: raw scores of taints and node affinity, domains, pods counted
 *   a node's key      (group + 1) << 16 | bucket; 0: not looked at yet
 *
 *   keys    | 1,80 | 1,81 | 2,80 | 1,80 | 1,0 |        slots 0..4; group 1 is zone a, group 2 is zone b
 *   group 1 | bucket 0: 1 node, from slot 4 | 80: 2 nodes, from slot 0 | 81: 1 node, from slot 1 |   top 81
 *   group 2 | bucket 80: 1 node, from slot 2 |                                                       top 80
 *
 * The nodes of a group differ only in their bucket, so the best of all is among the top buckets of the groups: a decision looks
 * at each group once, however many nodes there are. A change of a node moves it to another bucket, or to another group.
 */
export enum IndexField {
  /** How much of the log of changes it has seen. */
  cursor = F64 | 0,
  /** The decision it was asked for last. */
  askedAt = F64 | 8,
  /** Not tried again before so many changes, after it could not be made. */
  retryAt = F64 | 16,
  /** 1: it is there. */
  isBuilt = U32 | 24,
  /** Times the class was asked for while it had no index. */
  asks = U32 | 28,
  rowCount = U32 | 32,
  /** Groups ever used at the same time; some of them may be empty. */
  groupCount = U32 | 36,
  /** The column with a key for every slot. */
  keys = U32 | 40,
  /** As in the state, when images were last looked at. */
  imageVersion = U32 | 44,
  /** 1: some node has an image of the class, so that scores depend on how many nodes there are. */
  scoresImages = U32 | 48,
  nodeCount = U32 | 52,
  bytes = 56,
}

/** Terms of a class that share their sums: row `class * IndexLimit.rows + i`. */
export enum IndexRowField {
  /** affinity: pods in all domains. While a decision is made: hardSpread the fewest pods of a domain, softSpread the weight. */
  value = F64 | 0,
  /** Of TermKind. */
  kind = U32 | 8,
  key = U32 | 12,
  /** The term that stands for them. */
  term = U32 | 16,
  /** 1: counted by node, either because no two nodes share a domain, or because spreading scores hostnames so. */
  perNode = U32 | 20,
  /** Unless perNode: the column of what each slot has put into its sum. */
  amounts = U32 | 24,
  /** Unless perNode: the page of its sums by domain. */
  sums = U32 | 28,
  bytes = 32,
}

/** A group of an index: row `class * IndexLimit.groups + i`. */
export enum GroupField {
  /** Of what its nodes have in common; 0: no group. */
  hash = U32 | 0,
  page = U32 | 4,
  bytes = 8,
}

/**
 * The first 128 bytes of a group's page; its buckets follow. `values` is an i32 for each row of the index: the domain, or what is
 * counted if the row counts by node.
 */
export enum GroupPageField {
  spread = F64 | 0,
  affinity = F64 | 8,
  /** Nodes, those of bucket 0 too. */
  nodes = U32 | 16,
  /** The highest bucket that is not empty. */
  top = U32 | 20,
  taints = I32 | 24,
  affinityWeight = I32 | 28,
  /** Bit i: the row's constraint counts these nodes. Bit 8 + i: they have the row's key. */
  flags = U32 | 32,
  /** While a decision is made: -1 if the group is refused, else what its nodes have besides their bucket. */
  total = I32 | 36,
  values = I32 | 64,
  /** Of a node that is being looked at: what it puts into the sums of each row. */
  amounts = I32 | 96,
  bytes = 128,
}

/** Nodes with one bucket: row `bucket` of a group's page. */
export enum BucketField {
  nodes = U32 | 0,
  /** No node of the bucket has a lower slot. */
  first = U32 | 4,
  bytes = 8,
}

/** What is known of a domain: row `domain` of a row's page of sums. */
export enum DomainCountField {
  sum = F64 | 0,
  /** Nodes that a hard constraint counts. */
  nodes = U32 | 8,
  /** The decision for which a node of the domain was found feasible last: low bits. */
  metAt = U32 | 12,
  bytes = 16,
}

/** Where an index ends; a class beyond it is answered by the scan. */
export enum IndexLimit {
  /** Rows of terms. */
  rows = 8,
  groups = 512,
  /** Buckets, 0 among them: the weights of resources and images may be 10 together. */
  buckets = 1024,
  /** Domains of a key by which several nodes share one. */
  domains = 512,
  pageBytes = 8320,
}

/** What `StateField.indexMode` says. */
export enum IndexMode {
  /** Every decision is a scan. The host need not note changes. */
  off,
  on,
  /** Every decision of an index is made again by a scan, and must be the same. */
  checked,
}

/** No column or page. */
export const NONE: u32 = 0xffffffff;
