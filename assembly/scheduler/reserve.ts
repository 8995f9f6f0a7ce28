import { seedRandom } from "../collections/prng";
import { setI32, setU32 } from "../layout/field";
import { StateField } from "../layout/ring";
import { Capacity, Code, isReserved, layOut, setCapacity, stateRow, Table, tableAddress } from "../layout/tables";

/**
 * Reserves all tables, once. A core that became too small is replaced by a larger one: the host copies the rows.
 *
 * @param portWords  interned host ports, in words of 32
 * @param requests   the longest batch
 * @param domains    values of the topology key that has most, with 2 for "none" and ""
 * @param terms      terms that a class may have; `classTracks`: tracks its pods may belong to
 */
export function reserve(
  nodes: u32,
  attributeSets: u32,
  classes: u32,
  extendedResources: u32,
  portWords: u32,
  requests: u32,
  topologyKeys: u32,
  domains: u32,
  tracks: u32,
  classTracks: u32,
  terms: u32,
): Code {
  if (isReserved()) return Code.alreadyReserved;
  setCapacity(Capacity.nodes, nodes);
  setCapacity(Capacity.attributeSets, attributeSets);
  setCapacity(Capacity.classes, classes);
  setCapacity(Capacity.extendedResources, extendedResources);
  setCapacity(Capacity.portWords, portWords);
  setCapacity(Capacity.requests, requests);
  setCapacity(Capacity.topologyKeys, topologyKeys);
  setCapacity(Capacity.domains, domains);
  setCapacity(Capacity.tracks, tracks);
  setCapacity(Capacity.classTracks, classTracks);
  setCapacity(Capacity.terms, terms);
  const code = layOut();
  if (code != Code.ok) return code;
  const state = stateRow();
  setU32(state, StateField.nodeLimit, 0);
  setU32(state, StateField.randomTies, 0);
  setI32(state, StateField.weightTaintToleration, 3);
  setI32(state, StateField.weightNodeAffinity, 2);
  setI32(state, StateField.weightNodeResourcesFit, 1);
  setI32(state, StateField.weightBalancedAllocation, 1);
  setI32(state, StateField.weightTopologySpread, 2);
  setI32(state, StateField.weightInterPodAffinity, 2);
  seedTies(0);
  return Code.ok;
}

/** Starts the sequence that draws among equal nodes. */
export function seedTies(seed: u32): void {
  seedRandom(tableAddress(Table.random), seed);
}
