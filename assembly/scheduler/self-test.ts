import { nextRandom, randomBelow, seedRandom } from "../collections/prng";
import { ClassField, ClassPortsField, ExtendedRequestField, Verdict, VerdictField } from "../layout/class";
import { getU32, setF64, setI32, setU32 } from "../layout/field";
import { ExtendedField, NodeField } from "../layout/node";
import { StateField } from "../layout/ring";
import { classPortsRow, classRow, extendedRequestRows, verdictRows } from "../layout/class-rows";
import { extendedRow, nodeRow } from "../layout/node-rows";
import { Code, unreserve } from "../layout/reservation";
import { ruleWords, stateRow, Table, tableAddress } from "../layout/tables";
import { classTrackRows, domainRows, termRows, topologyKeyRow, trackRows } from "../layout/topology-rows";
import { ClassTrackField, DomainField, TermField, TermKind, TopologyKeyField, TrackField } from "../layout/topology";
import {
  bindingClaimRow,
  candidateRow,
  classVolumeRows,
  driverRow,
  nodeDeviceRow,
  requirementRows,
  volumeRow,
} from "../layout/volume-rows";
import {
  BindingClaimField,
  CandidateField,
  ClassVolumeField,
  DriverField,
  EVERY_NODE,
  NO_NODE,
  NodeDeviceField,
  RequirementField,
  RuleField,
  VolumeField,
  VolumeFilter,
  VolumeFlag,
  VolumeRefusal,
} from "../layout/volumes";
import { assume } from "./assume";
import { evaluate } from "./evaluate";
import { reserve, seedTies } from "./reserve";
import { scan } from "./scan";

const NODES: u32 = 300;
const SETS: u32 = 8;
const CLASSES: u32 = 12;
/** Key 0 is zones, key 1 is by node; track n is the pods of the classes with the remainder n. */
const KEYS: u32 = 2;
const ZONES: u32 = 6;
const TRACKS: u32 = 4;
const TERMS: u32 = 6;
/** Volume n is used by the classes that neither spread nor gather; all count for driver 1. */
const VOLUMES: u32 = 4;
const PODS: u32 = 3000;
const SEED: u32 = 7;
/** The tables of the test lie where the core's own would, so the drawing source is kept below them. */
const SOURCE: usize = 512;

/**
 * Places a built-in cluster and returns the hash of all placements: equal in every flavour, host and build, or something is
 * wrong. Uses the core's own tables: call it on a fresh instance, and do not go on using that one.
 */
export function selfTest(): u32 {
  unreserve();
  const code = reserve(
    NODES,
    SETS,
    CLASSES,
    2,
    1,
    1,
    KEYS,
    NODES + 2,
    TRACKS,
    1,
    TERMS,
    1,
    1,
    1,
    1,
    VOLUMES,
    VOLUMES * NODES + 1,
    2,
    2,
    2,
    1,
    1,
    2,
    1,
    0,
    0,
    0,
  );
  if (code != Code.ok) return 0;
  seedRandom(SOURCE, SEED);
  for (let slot: u32 = 0; slot < NODES; slot++) buildNode(slot);
  for (let cls: u32 = 0; cls < CLASSES; cls++) buildClass(cls);
  setU32(topologyKeyRow(0), TopologyKeyField.limit, ZONES);
  setU32(topologyKeyRow(0), TopologyKeyField.perNode, 0);
  setU32(topologyKeyRow(1), TopologyKeyField.limit, NODES + 2);
  setU32(topologyKeyRow(1), TopologyKeyField.perNode, 1);
  for (let slot: u32 = 0; slot < NODES; slot++) buildTopology(slot);
  for (let cls: u32 = 0; cls < CLASSES; cls++) buildTerms(cls);
  buildStorage();
  setU32(stateRow(), StateField.nodeLimit, NODES);
  seedTies(SEED);

  let hash: u32 = 2166136261;
  for (let pod: u32 = 0; pod < PODS; pod++) {
    setU32(stateRow(), StateField.randomTies, pod & 1);
    const cls = randomBelow(SOURCE, CLASSES);
    const slot = scan(cls);
    if (slot >= 0) assume(cls, slot);
    hash = (hash ^ <u32>slot) * 16777619;
    if (pod % 100 == 0) hash = (hash ^ evaluate(cls)) * 16777619;
  }
  return hash;
}

function buildNode(slot: u32): void {
  const node = nodeRow(slot);
  memory.fill(node, 0, NodeField.bytes);
  setI32(node, NodeField.allocatableMilliCpu, 1000 * (1 + <i32>randomBelow(SOURCE, 8)));
  setF64(node, NodeField.allocatableMemory, 1073741824.0 + <f64>nextRandom(SOURCE));
  setF64(node, NodeField.allocatableEphemeral, <f64>nextRandom(SOURCE));
  setI32(node, NodeField.allocatablePods, 10 + <i32>randomBelow(SOURCE, 20));
  setU32(node, NodeField.attributeSet, randomBelow(SOURCE, SETS));
  for (let resource: u32 = 0; resource < 2; resource++) {
    setF64(extendedRow(resource, slot), ExtendedField.allocatable, <f64>randomBelow(SOURCE, 5));
    setF64(extendedRow(resource, slot), ExtendedField.requested, 0.0);
  }
}

function buildClass(cls: u32): void {
  const row = classRow(cls);
  const milliCpu = <f64>randomBelow(SOURCE, 900);
  const memory = <f64>(nextRandom(SOURCE) >>> 5);
  setF64(row, ClassField.requestMilliCpu, milliCpu);
  setF64(row, ClassField.requestMemory, memory);
  setF64(row, ClassField.requestEphemeral, <f64>(nextRandom(SOURCE) >>> 8));
  setF64(row, ClassField.scoreMilliCpu, max(100.0, milliCpu));
  setF64(row, ClassField.scoreMemory, memory);
  setF64(row, ClassField.nonZeroMilliCpu, max(100.0, milliCpu));
  setF64(row, ClassField.nonZeroMemory, memory);
  setU32(row, ClassField.extendedCount, cls % 3 == 0 ? 1 : 0);
  setU32(row, ClassField.wantsPorts, cls % 4 == 0 ? 1 : 0);
  setU32(row, ClassField.prefersNodes, cls & 1);
  setU32(extendedRequestRows(cls), ExtendedRequestField.resource, cls & 1);
  setF64(extendedRequestRows(cls), ExtendedRequestField.amount, 1.0);
  setU32(classPortsRow(cls), ClassPortsField.wanted, 1 << cls);
  setU32(classPortsRow(cls), ClassPortsField.conflicting, (1 << cls) | 1);
  for (let set: u32 = 0; set < SETS; set++) {
    const verdict = verdictRows(cls) + <usize>set * VerdictField.bytes;
    const refused = set == 0 ? <u32>Verdict.absent : randomBelow(SOURCE, 5) == 0 ? <u32>Verdict.taint : 0;
    setU32(verdict, VerdictField.refusals, refused);
    setU32(verdict, VerdictField.mismatches, refused);
    setU32(verdict, VerdictField.intolerableTaints, randomBelow(SOURCE, 3));
    setI32(verdict, VerdictField.affinityWeight, (cls & 1) == 1 ? <i32>randomBelow(SOURCE, 100) : 0);
  }
}

function buildTopology(slot: u32): void {
  // Domain 1 is the value "", 0 is no label: both occur.
  setU32(domainRows(0) + <usize>slot * DomainField.bytes, DomainField.id, randomBelow(SOURCE, ZONES));
  setU32(domainRows(1) + <usize>slot * DomainField.bytes, DomainField.id, slot + 2);
  for (let track: u32 = 0; track < TRACKS; track++)
    setI32(trackRows(track) + <usize>slot * TrackField.bytes, TrackField.count, 0);
}

/** Every third class spreads hard and soft, every other third gathers and avoids; one of each kind of term occurs. */
function buildTerms(cls: u32): void {
  const row = classRow(cls);
  const track = cls % TRACKS;
  setU32(row, ClassField.trackCount, 1);
  setU32(classTrackRows(cls), ClassTrackField.track, track);
  setU32(row, ClassField.matchesOwnAffinity, 1);
  setU32(row, ClassField.requiresAllKeys, cls & 1);
  setU32(row, ClassField.filterTermCount, 0);
  setU32(row, ClassField.termCount, 0);
  setU32(row, ClassField.volumeFilters, 0);
  if (cls % 3 == 0) {
    addTerm(cls, TermKind.hardSpread, 0, track, 5);
    setU32(row, ClassField.filterTermCount, 1);
    addTerm(cls, TermKind.softSpread, 1, track, 3);
    addTerm(cls, TermKind.softSpread, 0, (track + 1) % TRACKS, 5);
  } else if (cls % 3 == 1) {
    addTerm(cls, TermKind.affinity, 0, track, 1);
    addTerm(cls, TermKind.antiAffinity, 1, (track + 1) % TRACKS, 1);
    addTerm(cls, TermKind.othersAntiAffinity, 1, (track + 2) % TRACKS, 1);
    setU32(row, ClassField.filterTermCount, 3);
    addTerm(cls, TermKind.preference, 1, (track + 3) % TRACKS, -7);
    addTerm(cls, TermKind.preference, 0, track, 10);
  } else {
    buildVolumes(cls);
  }
}

/** One volume that is in the way of its own pods or counted, one rule, a claim with two volumes to choose from, a device. */
function buildVolumes(cls: u32): void {
  const row = classRow(cls);
  setU32(row, ClassField.volumeFilters, VolumeFilter.uses | VolumeFilter.rules | VolumeFilter.devices);
  setU32(row, ClassField.volumeCount, 1);
  setU32(classVolumeRows(cls), ClassVolumeField.volume, cls % VOLUMES);
  const flag = cls % 2 == 0 ? VolumeFlag.conflicts : VolumeFlag.counted;
  setU32(classVolumeRows(cls), ClassVolumeField.flags, VolumeFlag.held | flag);
  setU32(row, ClassField.requirementCount, 1);
  setU32(requirementRows(cls), RequirementField.rule, 1);
  setU32(requirementRows(cls), RequirementField.refusal, VolumeRefusal.zone);
  setU32(row, ClassField.bindingClaims, 1);
  setU32(row, ClassField.selectedSlot, cls == 11 ? 8 : 0);
  setU32(row, ClassField.claimSlot, 0);
  setU32(row, ClassField.devicesWanted, 1);
}

/** What those classes share: a driver that takes one volume a node, a rule of half of the sets, a device on most nodes. */
function buildStorage(): void {
  for (let volume: u32 = 0; volume < VOLUMES; volume++) {
    memory.fill(volumeRow(volume), 0, VolumeField.bytes);
    setU32(volumeRow(volume), VolumeField.driver, 1);
  }
  for (let slot: u32 = 0; slot < NODES; slot++) {
    memory.fill(driverRow(1, slot), 0, DriverField.bytes);
    setU32(driverRow(1, slot), DriverField.limited, 1);
    setI32(driverRow(1, slot), DriverField.limit, 1);
    setI32(nodeDeviceRow(slot), NodeDeviceField.free, <i32>randomBelow(SOURCE, 4));
  }
  setU32(tableAddress(Table.rules), RuleField.bits, 0);
  setU32(tableAddress(Table.rules) + <usize>ruleWords() * RuleField.bytes, RuleField.bits, 0b01111110);
  const claim = bindingClaimRow(0);
  setU32(claim, BindingClaimField.first, 0);
  setU32(claim, BindingClaimField.candidates, 2);
  setU32(claim, BindingClaimField.topologyRule, NO_NODE);
  setU32(claim, BindingClaimField.capacityRule, EVERY_NODE);
  for (let i: u32 = 0; i < 2; i++) {
    setU32(candidateRow(i), CandidateField.volume, i);
    setU32(candidateRow(i), CandidateField.rule, i == 0 ? 1 : EVERY_NODE);
  }
  setU32(stateRow(), StateField.volumeLimit, VOLUMES);
  setU32(stateRow(), StateField.driverLimit, 2);
}

function addTerm(cls: u32, kind: TermKind, key: u32, track: u32, weight: i32): void {
  const number = getU32(classRow(cls), ClassField.termCount);
  const term = termRows(cls) + <usize>number * TermField.bytes;
  setU32(term, TermField.kind, kind);
  setU32(term, TermField.key, key);
  setU32(term, TermField.track, track);
  setU32(term, TermField.row, number);
  setI32(term, TermField.weight, weight);
  setU32(term, TermField.minDomains, 2);
  setI32(term, TermField.self, 1);
  setU32(term, TermField.excluded, Verdict.taint);
  setU32(classRow(cls), ClassField.termCount, number + 1);
}
