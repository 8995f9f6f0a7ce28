import { SavedPortsField, ShapeField, ShapePartField, TriedPodField } from "./preemption";
import { Capacity, capacityOf, Table, tableAddress } from "./tables";

// Rows of the tables of dry runs.

export function shapeRow(shape: u32): usize {
  assert(shape < capacityOf(Capacity.shapes));
  return tableAddress(Table.shapes) + <usize>shape * ShapeField.bytes;
}

export function shapePartRow(part: u32): usize {
  return tableAddress(Table.shapeParts) + <usize>part * ShapePartField.bytes;
}

export function triedPodRow(pod: u32): usize {
  assert(pod < capacityOf(Capacity.triedPods));
  return tableAddress(Table.triedPods) + <usize>pod * TriedPodField.bytes;
}

/** Word 0 of the ports put aside before the dry run (0), or before nominated pods came (1). */
export function savedPortsRows(which: u32): usize {
  return tableAddress(Table.savedPorts) + <usize>which * savedPortsBytes();
}

export function savedPortsBytes(): usize {
  return <usize>capacityOf(Capacity.portWords) * SavedPortsField.bytes;
}
