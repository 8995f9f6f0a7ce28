import { ExtendedField, NodeField, UsedPortsField } from "./node";
import { Capacity, capacityOf, Table, tableAddress } from "./tables";

// Rows of the tables of nodes.

export function nodeRow(slot: u32): usize {
  assert(slot < capacityOf(Capacity.nodes));
  return tableAddress(Table.nodes) + <usize>slot * NodeField.bytes;
}

export function extendedRow(resource: u32, slot: u32): usize {
  assert(resource < capacityOf(Capacity.extendedResources));
  return tableAddress(Table.extended) + (<usize>resource * capacityOf(Capacity.nodes) + slot) * ExtendedField.bytes;
}

export function usedPortsRow(slot: u32): usize {
  return tableAddress(Table.usedPorts) + <usize>slot * capacityOf(Capacity.portWords) * UsedPortsField.bytes;
}
