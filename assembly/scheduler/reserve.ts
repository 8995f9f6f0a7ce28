import { seedRandom } from "../collections/prng";
import { setI32, setU32 } from "../layout/field";
import { Score } from "../layout/evaluation";
import { FitStrategy, ProfileField, ScoreWeightField } from "../layout/profile";
import { StateField } from "../layout/ring";
import { profileRow, scoreWeightRow } from "../layout/profile-rows";
import { Code, isReserved, layOut } from "../layout/reservation";
import { Capacity, setCapacity, stateRow, Table, tableAddress } from "../layout/tables";

/**
 * Reserves all tables, once. A core that became too small is replaced by a larger one: the host copies the rows.
 *
 * @param portWords  interned host ports, in words of 32
 * @param requests   the longest batch
 * @param domains    values of the topology key that has most, with 2 for "none" and ""
 * @param terms      terms that a class may have; `classTracks`: tracks its pods may belong to
 * @param images     that classes ask for; `classImages`: those that one may name
 * @param profiles   at least 1; `scoredResources`: resources by which a class may be scored
 * @param shapes     of pods in one dry run, with their parts; `triedPods`: pods of one node in it
 * @param volumeUses volumes times the nodes they are used on, and one more
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
  profiles: u32,
  scoredResources: u32,
  images: u32,
  classImages: u32,
  volumes: u32,
  volumeUses: u32,
  classVolumes: u32,
  drivers: u32,
  rules: u32,
  requirements: u32,
  bindingClaims: u32,
  candidates: u32,
  devicePools: u32,
  shapes: u32,
  shapeParts: u32,
  triedPods: u32,
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
  setCapacity(Capacity.profiles, profiles);
  setCapacity(Capacity.scoredResources, scoredResources);
  setCapacity(Capacity.images, images);
  setCapacity(Capacity.classImages, classImages);
  setCapacity(Capacity.volumes, volumes);
  setCapacity(Capacity.volumeUses, volumeUses);
  setCapacity(Capacity.classVolumes, classVolumes);
  setCapacity(Capacity.drivers, drivers);
  setCapacity(Capacity.rules, rules);
  setCapacity(Capacity.requirements, requirements);
  setCapacity(Capacity.bindingClaims, bindingClaims);
  setCapacity(Capacity.candidates, candidates);
  setCapacity(Capacity.devicePools, devicePools);
  setCapacity(Capacity.shapes, shapes);
  setCapacity(Capacity.shapeParts, shapeParts);
  setCapacity(Capacity.triedPods, triedPods);
  const code = layOut();
  if (code != Code.ok) return code;
  const state = stateRow();
  setU32(state, StateField.nodeLimit, 0);
  setU32(state, StateField.randomTies, 0);
  setU32(state, StateField.freeUse, 0);
  setU32(state, StateField.useLimit, 1);
  setU32(state, StateField.volumeLimit, 0);
  setU32(state, StateField.driverLimit, 0);
  setU32(state, StateField.poolLimit, 0);
  seedTies(0);
  setDefaultProfile();
  return Code.ok;
}

/** Profile 0: kube-scheduler's weights. */
function setDefaultProfile(): void {
  setU32(profileRow(0), ProfileField.fitStrategy, FitStrategy.LeastAllocated);
  setDefaultWeight(Score.TaintToleration, 3);
  setDefaultWeight(Score.NodeAffinity, 2);
  setDefaultWeight(Score.NodeResourcesFit, 1);
  setDefaultWeight(Score.PodTopologySpread, 2);
  setDefaultWeight(Score.InterPodAffinity, 2);
  setDefaultWeight(Score.NodeResourcesBalancedAllocation, 1);
  setDefaultWeight(Score.ImageLocality, 1);
}

function setDefaultWeight(score: Score, weight: i32): void {
  setI32(scoreWeightRow(0, score), ScoreWeightField.weight, weight);
}

/** Starts the sequence that draws among equal nodes. */
export function seedTies(seed: u32): void {
  seedRandom(tableAddress(Table.random), seed);
}
