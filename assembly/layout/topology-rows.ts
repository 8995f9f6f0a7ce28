import { Capacity, capacityOf, Table, tableAddress } from "./tables";
import {
  ClassTrackField,
  DomainField,
  DomainNodesField,
  DomainSumField,
  TermField,
  TermStateField,
  TopologyKeyField,
  TopologyScoreField,
  TrackField,
} from "./topology";

// Rows of the tables of topology.

export function topologyKeyRow(key: u32): usize {
  assert(key < capacityOf(Capacity.topologyKeys));
  return tableAddress(Table.topologyKeys) + <usize>key * TopologyKeyField.bytes;
}

/** The key's domain of slot 0; slot n is n rows further. */
export function domainRows(key: u32): usize {
  return tableAddress(Table.domains) + <usize>key * capacityOf(Capacity.nodes) * DomainField.bytes;
}

export function domainNodesRow(key: u32, domain: u32): usize {
  assert(domain < capacityOf(Capacity.domains));
  return tableAddress(Table.domainNodes) + (<usize>key * capacityOf(Capacity.domains) + domain) * DomainNodesField.bytes;
}

/** The track's count on slot 0; slot n is n rows further. */
export function trackRows(track: u32): usize {
  assert(track < capacityOf(Capacity.tracks));
  return tableAddress(Table.tracks) + <usize>track * capacityOf(Capacity.nodes) * TrackField.bytes;
}

export function classTrackRows(cls: u32): usize {
  return tableAddress(Table.classTracks) + <usize>cls * capacityOf(Capacity.classTracks) * ClassTrackField.bytes;
}

/** Term 0 of the class; term n is n rows further. */
export function termRows(cls: u32): usize {
  return tableAddress(Table.terms) + <usize>cls * capacityOf(Capacity.terms) * TermField.bytes;
}

export function termStateRow(term: u32): usize {
  assert(term < capacityOf(Capacity.terms));
  return tableAddress(Table.termStates) + <usize>term * TermStateField.bytes;
}

/** The term's sum of domain 0; domain n is n rows further. */
export function domainSumRows(term: u32): usize {
  assert(term < capacityOf(Capacity.terms));
  return tableAddress(Table.domainSums) + <usize>term * capacityOf(Capacity.domains) * DomainSumField.bytes;
}

export function topologyScoreRow(slot: u32): usize {
  return tableAddress(Table.topologyScores) + <usize>slot * TopologyScoreField.bytes;
}
