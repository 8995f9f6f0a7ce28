import { PAIRED_CHANGES } from "./changed-pair";
import { IndexLimit } from "./class-index";
import { DESCRIPTOR } from "./memory";

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

/** 0: the tables are not laid out yet. */
export function setTableAddress(table: Table, address: u32): void {
  store<u32>(ADDRESSES + (<usize>table << 2), address);
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

export function stateRow(): usize {
  return tableAddress(Table.state);
}

/** Words that hold a bit for every slot. */
export function imageWords(): u32 {
  return (capacityOf(Capacity.nodes) + 31) >>> 5;
}
