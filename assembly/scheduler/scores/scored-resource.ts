import { getF64, getI32, getU32 } from "../../layout/field";
import { ExtendedField, NodeField } from "../../layout/node";
import { ScoredKind, ScoredResourceField } from "../../layout/profile";
import { extendedRow } from "../../layout/node-rows";

/** What the node offers of a scored resource, in its own unit. */
export function allocatableOf(scored: usize, node: usize, slot: u32): f64 {
  switch (getU32(scored, ScoredResourceField.kind)) {
    case ScoredKind.milliCpu: return <f64>getI32(node, NodeField.allocatableMilliCpu);
    case ScoredKind.memory: return getF64(node, NodeField.allocatableMemory);
    case ScoredKind.ephemeral: return getF64(node, NodeField.allocatableEphemeral);
    default: return getF64(extendedOf(scored, slot), ExtendedField.allocatable);
  }
}

/** What pods there ask of it, as they say. */
export function requestedOf(scored: usize, node: usize, slot: u32): f64 {
  switch (getU32(scored, ScoredResourceField.kind)) {
    case ScoredKind.milliCpu: return <f64>getI32(node, NodeField.requestedMilliCpu);
    case ScoredKind.memory: return getF64(node, NodeField.requestedMemory);
    case ScoredKind.ephemeral: return getF64(node, NodeField.requestedEphemeral);
    default: return getF64(extendedOf(scored, slot), ExtendedField.requested);
  }
}

/** The same, with 100m and 200 MiB for a container that does not say. */
export function nonZeroOf(scored: usize, node: usize, slot: u32): f64 {
  switch (getU32(scored, ScoredResourceField.kind)) {
    case ScoredKind.milliCpu: return <f64>getI32(node, NodeField.nonZeroMilliCpu);
    case ScoredKind.memory: return getF64(node, NodeField.nonZeroMemory);
    default: return requestedOf(scored, node, slot);
  }
}

function extendedOf(scored: usize, slot: u32): usize {
  return extendedRow(getU32(scored, ScoredResourceField.resource), slot);
}
