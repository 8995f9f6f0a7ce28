import { getU32 } from "./field";
import { Capacity, capacityOf, markWords, ruleWords, Table, tableAddress } from "./tables";
import {
  BindingClaimField,
  CandidateField,
  ChosenField,
  ClassVolumeField,
  DevicePoolField,
  DriverField,
  EVERY_NODE,
  NodeDeviceField,
  OpenSetField,
  RequirementField,
  RuleField,
  SetRefusalField,
  VolumeField,
  VolumeMarkField,
  VolumeUseField,
} from "./volumes";

// Rows of the tables of volumes and devices.

export function volumeRow(volume: u32): usize {
  assert(volume < capacityOf(Capacity.volumes));
  return tableAddress(Table.volumes) + <usize>volume * VolumeField.bytes;
}

export function volumeUseRow(use: u32): usize {
  assert(use > 0 && use < capacityOf(Capacity.volumeUses));
  return tableAddress(Table.volumeUses) + <usize>use * VolumeUseField.bytes;
}

/** Volume 0 of the class; volume n is n rows further. */
export function classVolumeRows(cls: u32): usize {
  return tableAddress(Table.classVolumes) + <usize>cls * capacityOf(Capacity.classVolumes) * ClassVolumeField.bytes;
}

export function driverRow(driver: u32, slot: u32): usize {
  assert(driver < capacityOf(Capacity.drivers));
  return tableAddress(Table.drivers) + (<usize>driver * capacityOf(Capacity.nodes) + slot) * DriverField.bytes;
}

/** Requirement 0 of the class; requirement n is n rows further. */
export function requirementRows(cls: u32): usize {
  return tableAddress(Table.requirements) + <usize>cls * capacityOf(Capacity.requirements) * RequirementField.bytes;
}

export function bindingClaimRow(claim: u32): usize {
  assert(claim < capacityOf(Capacity.bindingClaims));
  return tableAddress(Table.bindingClaims) + <usize>claim * BindingClaimField.bytes;
}

export function candidateRow(candidate: u32): usize {
  assert(candidate < capacityOf(Capacity.candidates));
  return tableAddress(Table.candidates) + <usize>candidate * CandidateField.bytes;
}

export function chosenRow(claim: u32, set: u32): usize {
  return tableAddress(Table.chosen) + (<usize>claim * capacityOf(Capacity.attributeSets) + set) * ChosenField.bytes;
}

export function setRefusalRow(set: u32): usize {
  return tableAddress(Table.setRefusals) + <usize>set * SetRefusalField.bytes;
}

export function volumeMarkRow(slot: u32, word: u32): usize {
  return tableAddress(Table.volumeMarks) + (<usize>slot * markWords() + word) * VolumeMarkField.bytes;
}

export function openSetRow(word: u32): usize {
  return tableAddress(Table.openSets) + <usize>word * OpenSetField.bytes;
}

export function nodeDeviceRow(slot: u32): usize {
  return tableAddress(Table.nodeDevices) + <usize>slot * NodeDeviceField.bytes;
}

export function devicePoolRow(pool: u32): usize {
  assert(pool < capacityOf(Capacity.devicePools));
  return tableAddress(Table.devicePools) + <usize>pool * DevicePoolField.bytes;
}

/** 32 attribute sets of a rule. */
export function ruleWord(rule: u32, word: u32): u32 {
  if (rule == EVERY_NODE) return 0xffffffff;
  assert(rule < capacityOf(Capacity.rules));
  return getU32(tableAddress(Table.rules) + (<usize>rule * ruleWords() + word) * RuleField.bytes, RuleField.bits);
}

/** Whether a rule holds for the nodes of a set. */
export function ruleHolds(rule: u32, set: u32): bool {
  return (ruleWord(rule, set >>> 5) & (1 << (set & 31))) != 0;
}
