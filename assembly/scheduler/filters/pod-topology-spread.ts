import { Filter } from "../../layout/evaluation";
import { getF64, getI32 } from "../../layout/field";
import { termStateRow } from "../../layout/topology-rows";
import { NO_DOMAIN, TermField, TermKind, TermStateField } from "../../layout/topology";
import { domainOf, kindOf, sumOf, termRow, UNKNOWN } from "../topology/term";

/**
 * Refuses a node whose domain would hold more than maxSkew pods above the emptiest one, constraint by constraint. A node
 * that was not counted, because of a policy, is judged by its domain all the same. Source: kube-scheduler PodTopologySpread.
 */
export function podTopologySpread(cls: u32, filters: u32, slot: u32): Filter {
  for (let i: u32 = 0; i < filters; i++) {
    const term = termRow(cls, i);
    if (kindOf(term) != TermKind.hardSpread) break;
    const domain = domainOf(term, slot);
    if (domain == NO_DOMAIN) return Filter.topologyLabelMissing;
    const sum = sumOf(i, domain);
    const count = sum == UNKNOWN ? 0.0 : sum;
    const skew = count + <f64>getI32(term, TermField.self) - getF64(termStateRow(i), TermStateField.value);
    if (skew > <f64>getI32(term, TermField.weight)) return Filter.PodTopologySpread;
  }
  return Filter.none;
}
