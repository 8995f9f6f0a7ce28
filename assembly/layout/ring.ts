import { F64, I32, U32 } from "./field";

/** A request to place one pod: `scheduleBatch` reads them in order. */
export enum RequestField {
  /** Row of the class table. */
  podClass = U32 | 0,
  bytes = 4,
}

/** The answer to the request of the same row. */
export enum ResultField {
  /** The slot the pod was assumed on, or -1. */
  node = I32 | 0,
  bytes = 4,
}

/** What the core itself remembers: one row. */
export enum StateField {
  /** Slots 0 to nodeLimit-1 are scanned: one above the highest slot ever used. */
  nodeLimit = U32 | 0,
  /** 0: the lowest slot of the best; 1: any of the best, drawn. */
  randomTies = U32 | 4,
  /** Slots with a node. */
  nodeCount = U32 | 8,
  /** First of the uses that were given back; 0: none. */
  freeUse = U32 | 12,
  /** One above the highest use ever taken; uses begin at 1. */
  useLimit = U32 | 16,
  /** One above the highest volume, driver and device pool ever used. */
  volumeLimit = U32 | 20,
  driverLimit = U32 | 24,
  poolLimit = U32 | 28,
  /** Of the class that is looked at: its exclusive volumes in use, less their pods. Scratch space. */
  exclusiveBase = I32 | 32,
  /** Of `IndexMode`. */
  indexMode = U32 | 36,
  /** Changes of rows that were noted so far. */
  changes = F64 | 40,
  /** Decisions so far, if indexes are switched on. */
  decisions = F64 | 48,
  /** Grows when an image, or a node that has it, changes. */
  imageVersion = U32 | 56,
  /** In the mode `checked`: decisions in which an index and the scan differed, and what the last of them was about. */
  disagreements = U32 | 60,
  disagreedClass = U32 | 64,
  indexedSlot = I32 | 68,
  scannedSlot = I32 | 72,
  /** Decisions that an index made. */
  indexedDecisions = F64 | 80,
  /** Heads of the lists of free columns and pages of the indexes: collections/free-rows.ts. */
  freeColumns = U32 | 88,
  columnLimit = U32 | 92,
  columnsTaken = U32 | 96,
  freePages = U32 | 100,
  pageLimit = U32 | 104,
  pagesTaken = U32 | 108,
  /** Indexes that were made from another's. */
  copiedIndexes = U32 | 112,
  /** Changes that were written down in pairs: layout/changed-pair.ts. */
  pairedChanges = F64 | 120,
  bytes = 128,
}
