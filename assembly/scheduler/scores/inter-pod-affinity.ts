import { SCORE_MAX } from "../../layout/evaluation";
import { getI32, getU32, setF64 } from "../../layout/field";
import { topologyKeyRow, topologyScoreRow } from "../../layout/topology-rows";
import { NO_DOMAIN, TermField, TopologyKeyField, TopologyScoreField } from "../../layout/topology";
import { countOf, domainOf, fillSums, setSum, sumOf, termRow } from "../topology/term";

/**
 * Writes the raw score of every feasible node: the weights of all preferences, of the class and of the pods that are there,
 * once for each pod they speak of in the node's domain. May be negative. Source: kube-scheduler InterPodAffinity.
 *
 * @param totals  an i32 a slot, negative for a refused node
 */
export function interPodAffinityRaw(cls: u32, first: u32, end: u32, totals: usize, limit: u32): void {
  for (let i = first; i < end; i++) {
    const term = termRow(cls, i);
    if (getU32(term, TermField.row) != i) continue;
    fillSums(i, getU32(topologyKeyRow(getU32(term, TermField.key)), TopologyKeyField.limit), 0.0);
  }
  for (let i = first; i < end; i++) {
    const term = termRow(cls, i);
    const row = getU32(term, TermField.row);
    const weight = <f64>getI32(term, TermField.weight);
    for (let slot: u32 = 0; slot < limit; slot++) {
      const count = countOf(term, slot);
      const domain = domainOf(term, slot);
      if (count != 0 && domain != NO_DOMAIN) setSum(row, domain, sumOf(row, domain) + weight * <f64>count);
    }
  }
  for (let slot: u32 = 0; slot < limit; slot++) {
    if (load<i32>(totals + (<usize>slot << 2)) < 0) continue;
    let raw = 0.0;
    for (let i = first; i < end; i++) {
      const term = termRow(cls, i);
      if (getU32(term, TermField.row) != i) continue;
      const domain = domainOf(term, slot);
      if (domain != NO_DOMAIN) raw += sumOf(i, domain);
    }
    setF64(topologyScoreRow(slot), TopologyScoreField.affinity, raw);
  }
}

/** Scales so that the lowest becomes 0 and the highest 100; all 0 if they are equal. The order of operations is Go's. */
export function interPodAffinityScore(raw: f64, lowest: f64, highest: f64): i32 {
  const range = highest - lowest;
  return range > 0.0 ? <i32>(<f64>SCORE_MAX * ((raw - lowest) / range)) : 0;
}
