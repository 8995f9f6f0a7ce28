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
  bytes = 12,
}
