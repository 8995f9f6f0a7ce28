import { ClassField, VerdictField } from "../../layout/class";
import { getF64, getU32, setF64 } from "../../layout/field";
import { NodeField } from "../../layout/node";
import { StateField } from "../../layout/ring";
import { classRow, verdictRows } from "../../layout/class-rows";
import { nodeRow } from "../../layout/node-rows";
import { stateRow } from "../../layout/tables";
import { termStateRow, topologyKeyRow } from "../../layout/topology-rows";
import { NO_DOMAIN, TermField, TermKind, TermStateField, TopologyKeyField } from "../../layout/topology";
import { markNode } from "../volumes/prepare";
import { countOf, domainOf, fillSums, hasAllKeys, kindOf, setSum, sumOf, termRow, UNKNOWN } from "./term";

/**
 * Adds up, per domain, what the class's filters by topology ask for: all nodes are counted, feasible or not. Every answer of
 * `topologyRefusal` rests on these sums, which hold until a track or a node changes.
 *
 * Source: the PreFilters of kube-scheduler's PodTopologySpread and InterPodAffinity.
 */
export function prepareTopology(cls: u32): void {
  const filters = getU32(classRow(cls), ClassField.filterTermCount);
  if (filters == 0) return;
  for (let i: u32 = 0; i < filters; i++) {
    const term = termRow(cls, i);
    setF64(termStateRow(i), TermStateField.value, 0.0);
    if (getU32(term, TermField.row) != i) continue;
    const domains = getU32(topologyKeyRow(getU32(term, TermField.key)), TopologyKeyField.limit);
    fillSums(i, domains, kindOf(term) == TermKind.hardSpread ? UNKNOWN : 0.0);
  }
  const limit = getU32(stateRow(), StateField.nodeLimit);
  for (let slot: u32 = 0; slot < limit; slot++) addNode(cls, filters, slot, 1.0);
  findMinima(cls, filters);
}

/**
 * Puts a node's pods into the class's sums once more (1) or takes them out (-1), so that a host may ask how one node would
 * judge the class if other pods were there: take out, change tracks and uses, put in, `evaluateSlot`.
 */
export function countNode(cls: u32, slot: u32, sign: i32): void {
  if (sign > 0) markNode(cls, slot);
  const filters = getU32(classRow(cls), ClassField.filterTermCount);
  if (filters == 0) return;
  addNode(cls, filters, slot, <f64>sign);
  findMinima(cls, filters);
}

function addNode(cls: u32, filters: u32, slot: u32, sign: f64): void {
  const verdict = verdictRows(cls) + <usize>getU32(nodeRow(slot), NodeField.attributeSet) * VerdictField.bytes;
  const mismatches = getU32(verdict, VerdictField.mismatches);
  // A node that lacks one key of the hard constraints counts for none of them.
  const spreads = hasAllKeys(cls, 0, filters, TermKind.hardSpread, slot);
  for (let i: u32 = 0; i < filters; i++) {
    const term = termRow(cls, i);
    const domain = domainOf(term, slot);
    if (domain == NO_DOMAIN) continue;
    const row = getU32(term, TermField.row);
    const count = sign * <f64>countOf(term, slot);
    const sum = sumOf(row, domain);
    if (kindOf(term) == TermKind.hardSpread) {
      if (!spreads || (mismatches & getU32(term, TermField.excluded)) != 0) continue;
      // A domain without pods is a domain too.
      setSum(row, domain, sum == UNKNOWN ? count : sum + count);
    } else if (count != 0.0) {
      setSum(row, domain, sum + count);
      setF64(termStateRow(row), TermStateField.value, getF64(termStateRow(row), TermStateField.value) + count);
    }
  }
}

/** Pods in the emptiest domain of each hard constraint; 0 if there are fewer domains than minDomains. */
function findMinima(cls: u32, filters: u32): void {
  for (let i: u32 = 0; i < filters; i++) {
    const term = termRow(cls, i);
    if (kindOf(term) != TermKind.hardSpread) continue;
    const limit = getU32(topologyKeyRow(getU32(term, TermField.key)), TopologyKeyField.limit);
    let domains: u32 = 0;
    let fewest = Infinity;
    for (let domain: u32 = 0; domain < limit; domain++) {
      const sum = sumOf(i, domain);
      if (sum == UNKNOWN) continue;
      domains++;
      fewest = min(fewest, sum);
    }
    const counts = domains > 0 && domains >= getU32(term, TermField.minDomains);
    setF64(termStateRow(i), TermStateField.value, counts ? fewest : 0.0);
  }
}
