import { ClassField, ClassPortsField, ExtendedRequestField, VerdictField } from "./class";
import { Limit } from "./evaluation";
import { ScoredResourceField } from "./profile";
import { Capacity, capacityOf, Table, tableAddress } from "./tables";

// Rows of the tables of classes.

export function classRow(cls: u32): usize {
  assert(cls < capacityOf(Capacity.classes));
  return tableAddress(Table.classes) + <usize>cls * ClassField.bytes;
}

/** The class's verdict on attribute set 0; set n is n rows further. */
export function verdictRows(cls: u32): usize {
  return tableAddress(Table.verdicts) + <usize>cls * capacityOf(Capacity.attributeSets) * VerdictField.bytes;
}

export function extendedRequestRows(cls: u32): usize {
  return tableAddress(Table.extendedRequests) + <usize>cls * Limit.extendedPerClass * ExtendedRequestField.bytes;
}

export function classPortsRow(cls: u32): usize {
  return tableAddress(Table.classPorts) + <usize>cls * capacityOf(Capacity.portWords) * ClassPortsField.bytes;
}

export function scoredResourceRows(cls: u32): usize {
  return tableAddress(Table.scoredResources) + <usize>cls * capacityOf(Capacity.scoredResources) * ScoredResourceField.bytes;
}
