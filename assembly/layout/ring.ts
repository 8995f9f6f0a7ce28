import { I32, U32 } from "./field";

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
  bytes = 36,
}
