import { findEqual } from "../../collections/column";
import { randomBelow } from "../../collections/prng";
import { firstOfBucket, rowsInBucket, setFirstOfBucket } from "../../collections/score-buckets";
import { ClassField } from "../../layout/class";
import { GroupField, GroupPageField, IndexField } from "../../layout/class-index";
import { bucketRows, columnRows, groupRows, indexRow } from "../../layout/class-index-rows";
import { Score } from "../../layout/evaluation";
import { getF64, getI32, getU32, setF64, setI32 } from "../../layout/field";
import { StateField } from "../../layout/ring";
import { classRow } from "../../layout/class-rows";
import { stateRow, Table, tableAddress } from "../../layout/tables";
import { interPodAffinityScore } from "../scores/inter-pod-affinity";
import { normalize, normalizeReverse } from "../scores/normalize";
import { topologySpreadScore } from "../scores/pod-topology-spread";
import { weightOf } from "../scores/weights";
import { firstPreference } from "../topology/score";
import { affinityRaw, beginDomains, feasibleNodes, IGNORED, isIgnored, meetDomains, spreadRaw, weighDomains } from "./group-scores";
import { findMinima, isRefused } from "./group-terms";
import { groupPage } from "./groups";

/** The total of a group whose nodes are all refused. */
const REFUSED: i32 = -1;

/**
 * The node that a scan would choose, from an index that is up to date: every group is filtered and scored as each of its
 * nodes would be, in the same passes. Draws from the same source, among as many, in the same order of slots.
 *
 * @returns a slot, or -1 if no node is feasible
 */
export function chooseByIndex(cls: u32): i32 {
  if (!filterGroups(cls)) return -1;
  const row = classRow(cls);
  if (getU32(row, ClassField.termCount) > getU32(row, ClassField.filterTermCount)) scoreTopology(cls);
  return select(cls);
}

/** Writes -1 to the total of a refused group, and the weighted scores by attributes to that of the others. */
function filterGroups(cls: u32): bool {
  const index = indexRow(cls);
  const groups = getU32(index, IndexField.groupCount);
  const row = classRow(cls);
  const filters = getU32(row, ClassField.filterTermCount);
  if (filters != 0) findMinima(cls);
  let isFeasible = false;
  let highestTaints = 0;
  let highestAffinity = 0;
  for (let group: u32 = 0; group < groups; group++) {
    if (!isThere(cls, group)) continue;
    const page = groupPage(cls, group);
    const refused = getU32(page, GroupPageField.top) == 0 || (filters != 0 && isRefused(cls, page));
    setI32(page, GroupPageField.total, refused ? REFUSED : 0);
    if (refused) continue;
    isFeasible = true;
    highestTaints = max(highestTaints, getI32(page, GroupPageField.taints));
    highestAffinity = max(highestAffinity, getI32(page, GroupPageField.affinityWeight));
  }
  if (!isFeasible || (highestTaints == 0 && highestAffinity == 0)) return isFeasible;
  const profile = getU32(row, ClassField.profile);
  const taintWeight = weightOf(profile, Score.TaintToleration);
  const affinityWeight = getU32(row, ClassField.prefersNodes) != 0 ? weightOf(profile, Score.NodeAffinity) : 0;
  for (let group: u32 = 0; group < groups; group++) {
    if (!isFeasibleGroup(cls, group)) continue;
    const page = groupPage(cls, group);
    const preferences =
      taintWeight * normalizeReverse(getI32(page, GroupPageField.taints), highestTaints) +
      affinityWeight * normalize(getI32(page, GroupPageField.affinityWeight), highestAffinity);
    setI32(page, GroupPageField.total, preferences);
  }
  return true;
}

function isThere(cls: u32, group: u32): bool {
  return getU32(groupRows(cls) + <usize>group * GroupField.bytes, GroupField.hash) != 0;
}

function isFeasibleGroup(cls: u32, group: u32): bool {
  return isThere(cls, group) && getI32(groupPage(cls, group), GroupPageField.total) != REFUSED;
}

/** Adds the weighted scores by topology. */
function scoreTopology(cls: u32): void {
  const row = classRow(cls);
  const preferences = firstPreference(cls);
  const spreads = preferences > getU32(row, ClassField.filterTermCount);
  const prefers = getU32(row, ClassField.termCount) > preferences;
  const profile = getU32(row, ClassField.profile);
  const groups = getU32(indexRow(cls), IndexField.groupCount);
  if (spreads) {
    beginDomains(cls);
    for (let group: u32 = 0; group < groups; group++)
      if (isFeasibleGroup(cls, group) && !isIgnored(cls, groupPage(cls, group))) meetDomains(cls, groupPage(cls, group));
    weighDomains(cls);
  }
  let lowestSpread = Infinity;
  let highestSpread = -Infinity;
  let lowestAffinity = Infinity;
  let highestAffinity = -Infinity;
  for (let group: u32 = 0; group < groups; group++) {
    if (!isFeasibleGroup(cls, group)) continue;
    const page = groupPage(cls, group);
    const spread = spreads && !isIgnored(cls, page) ? spreadRaw(cls, page) : IGNORED;
    setF64(page, GroupPageField.spread, spread);
    if (spread != IGNORED) {
      lowestSpread = min(lowestSpread, spread);
      highestSpread = max(highestSpread, spread);
    }
    const affinity = prefers ? affinityRaw(cls, page) : 0.0;
    setF64(page, GroupPageField.affinity, affinity);
    lowestAffinity = min(lowestAffinity, affinity);
    highestAffinity = max(highestAffinity, affinity);
  }
  // Where all nodes are ignored nothing is scaled.
  if (lowestSpread == Infinity) {
    lowestSpread = 0.0;
    highestSpread = 0.0;
  }
  const spreadWeight = spreads ? weightOf(profile, Score.PodTopologySpread) : 0;
  const affinityWeight = prefers ? weightOf(profile, Score.InterPodAffinity) : 0;
  for (let group: u32 = 0; group < groups; group++) {
    if (!isFeasibleGroup(cls, group)) continue;
    const page = groupPage(cls, group);
    let total = getI32(page, GroupPageField.total);
    if (spreads)
      total += spreadWeight * topologySpreadScore(getF64(page, GroupPageField.spread), lowestSpread, highestSpread);
    if (prefers)
      total += affinityWeight * interPodAffinityScore(getF64(page, GroupPageField.affinity), lowestAffinity, highestAffinity);
    setI32(page, GroupPageField.total, total);
  }
}

/** The best of the best of each group. */
function select(cls: u32): i32 {
  const groups = getU32(indexRow(cls), IndexField.groupCount);
  let best = -1;
  let ties: u32 = 0;
  for (let group: u32 = 0; group < groups; group++) {
    if (!isFeasibleGroup(cls, group)) continue;
    const page = groupPage(cls, group);
    const total = bestOf(page);
    if (total < best) continue;
    if (total > best) ties = 0;
    best = total;
    ties += rowsInBucket(bucketRows(page), getU32(page, GroupPageField.top));
  }
  if (ties >= 2 && getU32(stateRow(), StateField.randomTies) != 0)
    return drawn(cls, best, randomBelow(tableAddress(Table.random), ties));
  let lowest: i32 = i32.MAX_VALUE;
  for (let group: u32 = 0; group < groups; group++)
    if (isFeasibleGroup(cls, group) && bestOf(groupPage(cls, group)) == best) lowest = lowestOf(cls, group, lowest);
  return lowest;
}

/** The total of the group's best nodes. */
function bestOf(page: usize): i32 {
  return getI32(page, GroupPageField.total) + <i32>getU32(page, GroupPageField.top) - 1;
}

function keyOf(group: u32, page: usize): u32 {
  return ((group + 1) << 16) | getU32(page, GroupPageField.top);
}

/** The lowest slot among the group's best nodes, if it is below `known`. */
function lowestOf(cls: u32, group: u32, known: i32): i32 {
  const page = groupPage(cls, group);
  const top = getU32(page, GroupPageField.top);
  const from = firstOfBucket(bucketRows(page), top);
  if (<i32>from >= known) return known;
  const keys = columnRows(getU32(indexRow(cls), IndexField.keys));
  const limit = getU32(stateRow(), StateField.nodeLimit);
  const slot = findEqual(keys, keyOf(group, page), from, limit);
  assert(slot >= 0);
  setFirstOfBucket(bucketRows(page), top, slot);
  return min(known, slot);
}

/** Of all best nodes, in the order of slots, the one that so many stand before. */
function drawn(cls: u32, best: i32, before: u32): i32 {
  const keys = columnRows(getU32(indexRow(cls), IndexField.keys));
  const limit = getU32(stateRow(), StateField.nodeLimit);
  let skip = before;
  for (let slot: u32 = 0; slot < limit; slot++) {
    const key = load<u32>(keys + (<usize>slot << 2));
    if (key == 0) continue;
    const page = groupPage(cls, (key >>> 16) - 1);
    if (getI32(page, GroupPageField.total) == REFUSED || bestOf(page) != best) continue;
    if ((key & 0xffff) != getU32(page, GroupPageField.top)) continue;
    if (skip == 0) return slot;
    skip--;
  }
  assert(false);
  return -1;
}
