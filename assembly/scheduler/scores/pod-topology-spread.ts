import { ClassField, VerdictField } from "../../layout/class";
import { SCORE_MAX } from "../../layout/evaluation";
import { getF64, getI32, getU32, setF64 } from "../../layout/field";
import { NodeField } from "../../layout/node";
import { classRow, verdictRows } from "../../layout/class-rows";
import { nodeRow } from "../../layout/node-rows";
import { termStateRow, topologyKeyRow, topologyScoreRow } from "../../layout/topology-rows";
import {
  EMPTY_DOMAIN,
  NO_DOMAIN,
  TermField,
  TermKind,
  TermStateField,
  TopologyKeyField,
  TopologyScoreField,
} from "../../layout/topology";
import { countOf, domainOf, fillSums, hasAllKeys, kindOf, setSum, sumOf, termRow, UNKNOWN } from "../topology/term";
import { goLog } from "./go-log";

/** The raw score of a node that lacks a key the pod asks for. */
const IGNORED: f64 = -1.0;

/**
 * Writes the raw score of every feasible node: pods of the class's soft constraints in the node's domains, each weighted by
 * how many domains there are. Less is better. Source: kube-scheduler PodTopologySpread.
 *
 * @param totals  an i32 a slot, negative for a refused node
 */
export function topologySpreadRaw(cls: u32, first: u32, end: u32, totals: usize, limit: u32): void {
  for (let i = first; i < end; i++) {
    const term = termRow(cls, i);
    fillSums(i, getU32(topologyKeyRow(getU32(term, TermField.key)), TopologyKeyField.limit), UNKNOWN);
    // Domains are counted here before the weight takes their place.
    setF64(termStateRow(i), TermStateField.value, 0.0);
  }
  meetDomains(cls, first, end, totals, limit);
  for (let i = first; i < end; i++) {
    const state = termStateRow(i);
    setF64(state, TermStateField.value, goLog(getF64(state, TermStateField.value) + 2.0));
  }
  countDomains(cls, first, end, limit);
  for (let slot: u32 = 0; slot < limit; slot++) {
    const row = topologyScoreRow(slot);
    if (load<i32>(totals + (<usize>slot << 2)) < 0 || getF64(row, TopologyScoreField.spread) == IGNORED) continue;
    setF64(row, TopologyScoreField.spread, rawOf(cls, first, end, slot));
  }
}

/** Notes which domains feasible nodes are in, and which nodes are ignored. */
function meetDomains(cls: u32, first: u32, end: u32, totals: usize, limit: u32): void {
  const requiresAll = getU32(classRow(cls), ClassField.requiresAllKeys) != 0;
  for (let slot: u32 = 0; slot < limit; slot++) {
    if (load<i32>(totals + (<usize>slot << 2)) < 0) continue;
    const ignored = requiresAll && !hasAllKeys(cls, first, end, TermKind.softSpread, slot);
    setF64(topologyScoreRow(slot), TopologyScoreField.spread, ignored ? IGNORED : 0.0);
    if (ignored) continue;
    for (let i = first; i < end; i++) {
      const term = termRow(cls, i);
      if (!isPerNode(term)) {
        const domain = spreadDomain(term, slot);
        if (sumOf(i, domain) != UNKNOWN) continue;
        setSum(i, domain, 0.0);
      }
      const state = termStateRow(i);
      setF64(state, TermStateField.value, getF64(state, TermStateField.value) + 1.0);
    }
  }
}

/** Counts the pods of all nodes in the domains that were noted. */
function countDomains(cls: u32, first: u32, end: u32, limit: u32): void {
  const requiresAll = getU32(classRow(cls), ClassField.requiresAllKeys) != 0;
  for (let slot: u32 = 0; slot < limit; slot++) {
    if (requiresAll && !hasAllKeys(cls, first, end, TermKind.softSpread, slot)) continue;
    const verdict = verdictRows(cls) + <usize>getU32(nodeRow(slot), NodeField.attributeSet) * VerdictField.bytes;
    const mismatches = getU32(verdict, VerdictField.mismatches);
    for (let i = first; i < end; i++) {
      const term = termRow(cls, i);
      if (isPerNode(term) || (mismatches & getU32(term, TermField.excluded)) != 0) continue;
      const domain = spreadDomain(term, slot);
      const sum = sumOf(i, domain);
      if (sum != UNKNOWN) setSum(i, domain, sum + <f64>countOf(term, slot));
    }
  }
}

function rawOf(cls: u32, first: u32, end: u32, slot: u32): f64 {
  let score = 0.0;
  for (let i = first; i < end; i++) {
    const term = termRow(cls, i);
    const domain = domainOf(term, slot);
    if (domain == NO_DOMAIN) continue;
    const count = isPerNode(term) ? <f64>countOf(term, slot) : sumOf(i, domain);
    const skew = <f64>getI32(term, TermField.weight) - 1.0;
    score += count * getF64(termStateRow(i), TermStateField.value) + skew;
  }
  return roundHalfUp(score);
}

/** Go's math.Round, of a number >= 0. */
export function roundHalfUp(score: f64): f64 {
  const whole = Math.floor(score);
  return score - whole >= 0.5 ? whole + 1.0 : whole;
}

/** A missing label is the value "" where it does not leave the node out. */
function spreadDomain(term: usize, slot: u32): u32 {
  const domain = domainOf(term, slot);
  return domain == NO_DOMAIN ? EMPTY_DOMAIN : domain;
}

function isPerNode(term: usize): bool {
  return getU32(topologyKeyRow(getU32(term, TermField.key)), TopologyKeyField.perNode) != 0;
}

/** 100 for the fewest pods, less for more; a node that is ignored gets 0. */
export function topologySpreadScore(raw: f64, lowest: f64, highest: f64): i32 {
  if (raw == IGNORED) return 0;
  if (highest == 0.0) return SCORE_MAX;
  return <i32>(<i64>(<f64>SCORE_MAX * (highest + lowest - raw)) / <i64>highest);
}
