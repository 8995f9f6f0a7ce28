import { ChangedPairField } from "./changed-pair";
import { ClassField, ClassPortsField, ExtendedRequestField, VerdictField } from "./class";
import { GroupField, GroupPageField, IndexField, IndexLimit, IndexRowField } from "./class-index";
import { EvaluationField, Limit, Score, ScoreField } from "./evaluation";
import { ClassImageField, ImageField, ImageNodesField, ImageShareField } from "./image";
import { FIRST_TABLE, growTo, tableEnd } from "./memory";
import { ExtendedField, NodeField, UsedPortsField } from "./node";
import { SavedPortsField, ShapeField, ShapePartField, TriedPodField } from "./preemption";
import {
  PERCENTAGES,
  ProfileField,
  ProfileFilterField,
  ScoredResourceField,
  ScoreWeightField,
  UtilizationScoreField,
} from "./profile";
import { RequestField, ResultField, StateField } from "./ring";
import {
  Capacity,
  capacityOf,
  changeLogRows,
  columnBytes,
  imageWords,
  indexColumnCount,
  indexPageCount,
  markWords,
  pairedRows,
  ruleWords,
  setTableAddress,
  Table,
  tableAddress,
} from "./tables";
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

export enum Code {
  ok,
  /** The memory could not grow to hold the tables. */
  outOfMemory,
  /** A core is reserved once. */
  alreadyReserved,
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
    setTableAddress(table, <u32>end);
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
  setTableAddress(Table.state, 0);
}
