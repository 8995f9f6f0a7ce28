import { ClassField } from "../../layout/class";
import { Score } from "../../layout/evaluation";
import { getF64, getU32 } from "../../layout/field";
import { classRow } from "../../layout/class-rows";
import { topologyScoreRow } from "../../layout/topology-rows";
import { TermKind, TopologyScoreField } from "../../layout/topology";
import { interPodAffinityRaw, interPodAffinityScore } from "../scores/inter-pod-affinity";
import { topologySpreadRaw, topologySpreadScore } from "../scores/pod-topology-spread";
import { weightOf } from "../scores/weights";
import { kindOf, termRow } from "./term";

/** The number of the class's first preference: soft constraints stand before it. */
export function firstPreference(cls: u32): u32 {
  const row = classRow(cls);
  const terms = getU32(row, ClassField.termCount);
  let first = getU32(row, ClassField.filterTermCount);
  while (first < terms && kindOf(termRow(cls, first)) == TermKind.softSpread) first++;
  return first;
}

/** Writes the raw scores by topology of every feasible node. `totals`: an i32 a slot, negative for a refused node. */
export function prepareTopologyScores(cls: u32, totals: usize, limit: u32): void {
  const row = classRow(cls);
  const first = getU32(row, ClassField.filterTermCount);
  const terms = getU32(row, ClassField.termCount);
  const preferences = firstPreference(cls);
  if (preferences > first) topologySpreadRaw(cls, first, preferences, totals, limit);
  if (terms > preferences) interPodAffinityRaw(cls, preferences, terms, totals, limit);
}

/** The lowest raw score of feasible nodes that are not ignored; 0 if there is none. */
export function lowestRaw(field: i32, totals: usize, limit: u32): f64 {
  let lowest = Infinity;
  for (let slot: u32 = 0; slot < limit; slot++)
    if (isScored(field, totals, slot)) lowest = min(lowest, getF64(topologyScoreRow(slot), field));
  return lowest == Infinity ? 0.0 : lowest;
}

/** The highest of them; 0 if there is none. */
export function highestRaw(field: i32, totals: usize, limit: u32): f64 {
  let highest = -Infinity;
  for (let slot: u32 = 0; slot < limit; slot++)
    if (isScored(field, totals, slot)) highest = max(highest, getF64(topologyScoreRow(slot), field));
  return highest == -Infinity ? 0.0 : highest;
}

function isScored(field: i32, totals: usize, slot: u32): bool {
  if (load<i32>(totals + (<usize>slot << 2)) < 0) return false;
  return field != TopologyScoreField.spread || getF64(topologyScoreRow(slot), field) >= 0.0;
}

/** Adds the weighted scores by topology to the totals of feasible nodes. */
export function addTopologyScores(cls: u32, totals: usize, limit: u32): void {
  prepareTopologyScores(cls, totals, limit);
  const row = classRow(cls);
  const preferences = firstPreference(cls);
  const spreads = preferences > getU32(row, ClassField.filterTermCount);
  const prefers = getU32(row, ClassField.termCount) > preferences;
  const spreadWeight = spreads ? weightOf(getU32(row, ClassField.profile), Score.PodTopologySpread) : 0;
  const affinityWeight = prefers ? weightOf(getU32(row, ClassField.profile), Score.InterPodAffinity) : 0;
  const lowestSpread = spreads ? lowestRaw(TopologyScoreField.spread, totals, limit) : 0.0;
  const highestSpread = spreads ? highestRaw(TopologyScoreField.spread, totals, limit) : 0.0;
  const lowestAffinity = prefers ? lowestRaw(TopologyScoreField.affinity, totals, limit) : 0.0;
  const highestAffinity = prefers ? highestRaw(TopologyScoreField.affinity, totals, limit) : 0.0;
  for (let slot: u32 = 0; slot < limit; slot++) {
    const at = totals + (<usize>slot << 2);
    let total = load<i32>(at);
    if (total < 0) continue;
    const raw = topologyScoreRow(slot);
    if (spreads)
      total += spreadWeight * topologySpreadScore(getF64(raw, TopologyScoreField.spread), lowestSpread, highestSpread);
    if (prefers) {
      const affinity = getF64(raw, TopologyScoreField.affinity);
      total += affinityWeight * interPodAffinityScore(affinity, lowestAffinity, highestAffinity);
    }
    store<i32>(at, total);
  }
}
