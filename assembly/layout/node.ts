import { F64, I32, U32 } from "./field";

/**
 * A node's hot row: 64 bytes, one cache line. The row's number is the node's slot.
 *
 *   allocatableMilliCpu    i32  1/1000 core
 *   requestedMilliCpu      i32  same; sum over bound and assumed pods
 *   nonZeroMilliCpu        i32  same sum, containers without a request counted as 100m (for scoring)
 *   allocatablePods        i32  pods
 *   allocatableMemory      f64  bytes; whole numbers, exact below 2^53
 *   requestedMemory        f64  bytes
 *   nonZeroMemory          f64  bytes, containers without a request counted as 200 MiB
 *   podCount               i32  bound and assumed pods
 *   attributeSet           u32  interned id of (labels some selector asks for, taints, unschedulable); 0: no node here
 *   allocatableEphemeral   f64  bytes of ephemeral storage
 *   requestedEphemeral     f64  bytes
 */
export enum NodeField {
  allocatableMilliCpu = I32 | 0,
  requestedMilliCpu = I32 | 4,
  nonZeroMilliCpu = I32 | 8,
  allocatablePods = I32 | 12,
  allocatableMemory = F64 | 16,
  requestedMemory = F64 | 24,
  nonZeroMemory = F64 | 32,
  podCount = I32 | 40,
  attributeSet = U32 | 44,
  allocatableEphemeral = F64 | 48,
  requestedEphemeral = F64 | 56,
  bytes = 64,
}

/** The attribute set of a slot without a node; every class refuses it. */
export const NO_ATTRIBUTES: u32 = 0;

/** One extended resource of one node: row `resource * nodes + slot`. Whole numbers of the resource's own unit. */
export enum ExtendedField {
  allocatable = F64 | 0,
  requested = F64 | 8,
  bytes = 16,
}

/** 32 interned host ports of one node, a bit each: row `slot * portWords + word`. */
export enum UsedPortsField {
  bits = U32 | 0,
  bytes = 4,
}
