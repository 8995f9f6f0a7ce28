import { ClassField, ClassPortsField, ExtendedRequestField, VerdictField } from "./class";
import { ChangedPairField, PAIRED_CHANGES } from "./changed-pair";
import { GroupField, GroupPageField, IndexField, IndexLimit, IndexRowField } from "./class-index";
import { EvaluationField, Limit, Score, ScoreField } from "./evaluation";
import { ExtendedField, NodeField, UsedPortsField } from "./node";
import { ClassImageField, ImageField, ImageNodesField, ImageShareField } from "./image";
import { DESCRIPTOR, FIRST_TABLE, growTo, tableEnd } from "./memory";
import {
  PERCENTAGES,
  ProfileField,
  ProfileFilterField,
  ScoredResourceField,
  ScoreWeightField,
  UtilizationScoreField,
} from "./profile";
import { SavedPortsField, ShapeField, ShapePartField, TriedPodField } from "./preemption";
import { RequestField, ResultField, StateField } from "./ring";
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
import {
  BindingClaimField,
  CandidateField,
  ChosenField,
  ClassVolumeField,
  DevicePoolField,
  DriverField,
  NodeDeviceField,
  OpenSetField,
  RequirementField,
  RuleField,
  SetRefusalField,
  VolumeField,
  VolumeMarkField,
  VolumeUseField,
} from "./volumes";

/**
 * All memory of the core. A descriptor at a fixed address holds where each table starts and how many rows each dimension
 * has, so several instances on one shared memory agree (Wasm globals are per instance). Tables follow, 64-byte aligned.
 *
 *   0        DESCRIPTOR            FIRST_TABLE
 *   | unused | capacities addresses | nodes | verdicts | … |
 */
export enum Table {
  state,
  random,
  nodes,
  extended,
  usedPorts,
  classes,
  verdicts,
  extendedRequests,
  classPorts,
  requests,
  results,
  totals,
  evaluations,
  scores,
  topologyKeys,
  domains,
  tracks,
  classTracks,
  terms,
  termStates,
  domainSums,
  topologyScores,
  profiles,
  profileFilters,
  scoreWeights,
  utilizationScores,
  scoredResources,
  images,
  imageNodes,
  classImages,
  imageShares,
  volumes,
  volumeUses,
  classVolumes,
  drivers,
  rules,
  requirements,
  bindingClaims,
  candidates,
  chosen,
  nodeDevices,
  devicePools,
  setRefusals,
  volumeMarks,
  openSets,
  domainNodes,
  changes,
  lastChanges,
  changedPairs,
  indexes,
  indexRows,
  indexGroups,
  indexColumns,
  indexPages,
  indexedNode,
  shapes,
  shapeParts,
  triedPods,
  savedPorts,
  count,
}

/** The dimensions, as the host chooses them in `reserve`. */
export enum Capacity {
  nodes,
  attributeSets,
  classes,
  extendedResources,
  /** Host ports, in words of 32. */
  portWords,
  /** Requests a batch may hold. */
  requests,
  topologyKeys,
  /** Values of the topology key that has most. */
  domains,
  tracks,
  /** Tracks a class may belong to. */
  classTracks,
  /** Terms a class may have. */
  terms,
  profiles,
  /** Resources by which a class may be scored, by all its plugins together. */
  scoredResources,
  /** Images that classes ask for. */
  images,
  /** Images a class may name. */
  classImages,
  volumes,
  /** Volumes times the nodes they are used on, and one more. */
  volumeUses,
  /** Volumes a class may have. */
  classVolumes,
  drivers,
  rules,
  /** Rules a class may need. */
  requirements,
  /** Claims that one pod may have bound at once. */
  bindingClaims,
  /** Volumes that these claims may choose among, together. */
  candidates,
  devicePools,
  /** Shapes of the pods of one dry run, and what they have besides amounts. */
  shapes,
  shapeParts,
  /** Pods of one node in a dry run. */
  triedPods,
  count,
}

export enum Code {
  ok,
  /** The memory could not grow to hold the tables. */
  outOfMemory,
  /** A core is reserved once. */
  alreadyReserved,
}

const ADDRESSES: usize = DESCRIPTOR + (<usize>Capacity.count << 2);

export function capacityOf(dimension: Capacity): u32 {
  return load<u32>(DESCRIPTOR + (<usize>dimension << 2));
}

export function setCapacity(dimension: Capacity, rows: u32): void {
  store<u32>(DESCRIPTOR + (<usize>dimension << 2), rows);
}

/** Where a table's row 0 lies. */
export function tableAddress(table: Table): usize {
  return load<u32>(ADDRESSES + (<usize>table << 2));
}

/** Words of 32 bits that hold a bit per attribute set. */
export function ruleWords(): u32 {
  return (capacityOf(Capacity.attributeSets) + 31) >>> 5;
}

/** Words of 32 bits that hold a bit per volume of a class. */
export function markWords(): u32 {
  return (capacityOf(Capacity.classVolumes) + 31) >>> 5;
}

/** Entries of the log of changes: a power of two, as many as there may be nodes. */
export function changeLogRows(): u32 {
  const nodes = capacityOf(Capacity.nodes);
  return nodes <= 64 ? 64 : 1 << (32 - <u32>clz<u32>(nodes - 1));
}

/** The last so many changes are written down in pairs: a power of two. */
export function pairedRows(): u32 {
  return min<u32>(PAIRED_CHANGES, changeLogRows());
}

/** Bytes of a column with a number for every slot. */
export function columnBytes(): u32 {
  return ((capacityOf(Capacity.nodes) + 15) & ~15) << 2;
}

/** Columns of the indexes together: up to 256 MiB, or 32 columns. A class without terms needs one. */
export function indexColumnCount(): u32 {
  return max<u32>(32, min<u32>(4 * capacityOf(Capacity.classes), 268435456 / max<u32>(64, columnBytes())));
}

/** Pages of the indexes together. A class needs one for each group, and for each row of sums. */
export function indexPageCount(): u32 {
  return max<u32>(IndexLimit.groups, 8 * capacityOf(Capacity.classes));
}

/** Bytes a table takes, as f64: the product may exceed 32 bits before it is checked. */
function tableBytes(table: Table): f64 {
  const nodes = <f64>capacityOf(Capacity.nodes);
  const classes = <f64>capacityOf(Capacity.classes);
  const portWords = <f64>capacityOf(Capacity.portWords);
  const requests = <f64>capacityOf(Capacity.requests);
  const terms = <f64>capacityOf(Capacity.terms);
  const profiles = <f64>capacityOf(Capacity.profiles);
  const sets = <f64>capacityOf(Capacity.attributeSets);
  switch (table) {
    case Table.state: return <f64>StateField.bytes;
    // The source, and room to put it aside twice while a decision is checked.
    case Table.random: return 48.0;
    case Table.nodes: return nodes * <f64>NodeField.bytes;
    case Table.extended: return nodes * <f64>capacityOf(Capacity.extendedResources) * <f64>ExtendedField.bytes;
    case Table.usedPorts: return nodes * portWords * <f64>UsedPortsField.bytes;
    case Table.classes: return classes * <f64>ClassField.bytes;
    case Table.verdicts: return classes * <f64>capacityOf(Capacity.attributeSets) * <f64>VerdictField.bytes;
    case Table.extendedRequests: return classes * <f64>Limit.extendedPerClass * <f64>ExtendedRequestField.bytes;
    case Table.classPorts: return classes * portWords * <f64>ClassPortsField.bytes;
    case Table.requests: return requests * <f64>RequestField.bytes;
    case Table.results: return requests * <f64>ResultField.bytes;
    case Table.totals: return nodes * 4.0;
    case Table.evaluations: return nodes * <f64>EvaluationField.bytes;
    case Table.scores: return nodes * <f64>Score.count * <f64>ScoreField.bytes;
    case Table.topologyKeys: return <f64>capacityOf(Capacity.topologyKeys) * <f64>TopologyKeyField.bytes;
    case Table.domains: return <f64>capacityOf(Capacity.topologyKeys) * nodes * <f64>DomainField.bytes;
    case Table.tracks: return <f64>capacityOf(Capacity.tracks) * nodes * <f64>TrackField.bytes;
    case Table.classTracks: return classes * <f64>capacityOf(Capacity.classTracks) * <f64>ClassTrackField.bytes;
    case Table.terms: return classes * terms * <f64>TermField.bytes;
    case Table.termStates: return terms * <f64>TermStateField.bytes;
    case Table.domainSums: return terms * <f64>capacityOf(Capacity.domains) * <f64>DomainSumField.bytes;
    case Table.topologyScores: return nodes * <f64>TopologyScoreField.bytes;
    case Table.profiles: return profiles * <f64>ProfileField.bytes;
    case Table.profileFilters: return profiles * <f64>Limit.filtersPerProfile * <f64>ProfileFilterField.bytes;
    case Table.scoreWeights: return profiles * <f64>Score.count * <f64>ScoreWeightField.bytes;
    case Table.utilizationScores: return profiles * <f64>PERCENTAGES * <f64>UtilizationScoreField.bytes;
    case Table.scoredResources: return classes * <f64>capacityOf(Capacity.scoredResources) * <f64>ScoredResourceField.bytes;
    case Table.images: return <f64>capacityOf(Capacity.images) * <f64>ImageField.bytes;
    case Table.imageNodes: return <f64>capacityOf(Capacity.images) * <f64>imageWords() * <f64>ImageNodesField.bytes;
    case Table.classImages: return classes * <f64>capacityOf(Capacity.classImages) * <f64>ClassImageField.bytes;
    case Table.imageShares: return <f64>capacityOf(Capacity.classImages) * <f64>ImageShareField.bytes;
    case Table.volumes: return <f64>capacityOf(Capacity.volumes) * <f64>VolumeField.bytes;
    case Table.volumeUses: return <f64>capacityOf(Capacity.volumeUses) * <f64>VolumeUseField.bytes;
    case Table.classVolumes: return classes * <f64>capacityOf(Capacity.classVolumes) * <f64>ClassVolumeField.bytes;
    case Table.drivers: return <f64>capacityOf(Capacity.drivers) * nodes * <f64>DriverField.bytes;
    case Table.rules: return <f64>capacityOf(Capacity.rules) * <f64>ruleWords() * <f64>RuleField.bytes;
    case Table.requirements: return classes * <f64>capacityOf(Capacity.requirements) * <f64>RequirementField.bytes;
    case Table.bindingClaims: return <f64>capacityOf(Capacity.bindingClaims) * <f64>BindingClaimField.bytes;
    case Table.candidates: return <f64>capacityOf(Capacity.candidates) * <f64>CandidateField.bytes;
    case Table.chosen: return <f64>capacityOf(Capacity.bindingClaims) * sets * <f64>ChosenField.bytes;
    case Table.nodeDevices: return nodes * <f64>NodeDeviceField.bytes;
    case Table.devicePools: return <f64>capacityOf(Capacity.devicePools) * <f64>DevicePoolField.bytes;
    case Table.setRefusals: return sets * <f64>SetRefusalField.bytes;
    case Table.volumeMarks: return nodes * <f64>markWords() * <f64>VolumeMarkField.bytes;
    case Table.openSets: return <f64>ruleWords() * <f64>OpenSetField.bytes;
    case Table.domainNodes:
      return <f64>capacityOf(Capacity.topologyKeys) * <f64>capacityOf(Capacity.domains) * <f64>DomainNodesField.bytes;
    case Table.changes: return <f64>changeLogRows() * 4.0;
    case Table.lastChanges: return nodes * 4.0;
    case Table.changedPairs: return <f64>(pairedRows() >>> 1) * <f64>ChangedPairField.bytes;
    case Table.indexes: return classes * <f64>IndexField.bytes;
    case Table.indexRows: return classes * <f64>IndexLimit.rows * <f64>IndexRowField.bytes;
    case Table.indexGroups: return classes * <f64>IndexLimit.groups * <f64>GroupField.bytes;
    case Table.indexColumns: return <f64>indexColumnCount() * <f64>columnBytes();
    case Table.indexedNode: return <f64>GroupPageField.bytes;
    case Table.indexPages: return <f64>indexPageCount() * <f64>IndexLimit.pageBytes;
    case Table.shapes: return <f64>capacityOf(Capacity.shapes) * <f64>ShapeField.bytes;
    case Table.shapeParts: return <f64>capacityOf(Capacity.shapeParts) * <f64>ShapePartField.bytes;
    case Table.triedPods: return <f64>capacityOf(Capacity.triedPods) * <f64>TriedPodField.bytes;
    case Table.savedPorts: return 2.0 * portWords * <f64>SavedPortsField.bytes;
    default: return 0.0;
  }
}

/** Lays the tables out for the capacities set before, and grows the memory to hold them. New memory is zero. */
export function layOut(): Code {
  let end = <f64>FIRST_TABLE;
  for (let table = 0; table < Table.count; table++) {
    store<u32>(ADDRESSES + (<usize>table << 2), <u32>end);
    end = tableEnd(end, tableBytes(table));
    if (end < 0.0) return Code.outOfMemory;
  }
  return growTo(end) ? Code.ok : Code.outOfMemory;
}

export function isReserved(): bool {
  return tableAddress(Table.state) != 0;
}

/** Lets the tables be laid out anew; for the self-test, before which an interpreter may have called `reserve`. */
export function unreserve(): void {
  store<u32>(ADDRESSES + (<usize>Table.state << 2), 0);
}

// Rows of the one-dimensional tables, and of those with two dimensions.

export function stateRow(): usize {
  return tableAddress(Table.state);
}

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

export function profileRow(profile: u32): usize {
  assert(profile < capacityOf(Capacity.profiles));
  return tableAddress(Table.profiles) + <usize>profile * ProfileField.bytes;
}

/** The profile's first filter; filter n is n rows further. */
export function profileFilterRows(profile: u32): usize {
  assert(profile < capacityOf(Capacity.profiles));
  return tableAddress(Table.profileFilters) + <usize>profile * Limit.filtersPerProfile * ProfileFilterField.bytes;
}

export function scoreWeightRow(profile: u32, score: Score): usize {
  assert(profile < capacityOf(Capacity.profiles));
  return tableAddress(Table.scoreWeights) + (<usize>profile * Score.count + <usize>score) * ScoreWeightField.bytes;
}

/** The score of 0 %; that of n % is n rows further. */
export function utilizationScoreRows(profile: u32): usize {
  assert(profile < capacityOf(Capacity.profiles));
  return tableAddress(Table.utilizationScores) + <usize>profile * PERCENTAGES * UtilizationScoreField.bytes;
}

export function scoredResourceRows(cls: u32): usize {
  return tableAddress(Table.scoredResources) + <usize>cls * capacityOf(Capacity.scoredResources) * ScoredResourceField.bytes;
}

/** Words that hold a bit for every slot. */
export function imageWords(): u32 {
  return (capacityOf(Capacity.nodes) + 31) >>> 5;
}

export function imageRow(image: u32): usize {
  assert(image < capacityOf(Capacity.images));
  return tableAddress(Table.images) + <usize>image * ImageField.bytes;
}

/** The image's word of slots 0 to 31. */
export function imageNodesRow(image: u32): usize {
  assert(image < capacityOf(Capacity.images));
  return tableAddress(Table.imageNodes) + <usize>image * imageWords() * ImageNodesField.bytes;
}

export function classImageRows(cls: u32): usize {
  return tableAddress(Table.classImages) + <usize>cls * capacityOf(Capacity.classImages) * ClassImageField.bytes;
}

export function imageShareRows(): usize {
  return tableAddress(Table.imageShares);
}
