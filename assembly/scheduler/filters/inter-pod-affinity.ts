import { ClassField } from "../../layout/class";
import { Filter } from "../../layout/evaluation";
import { getF64, getU32 } from "../../layout/field";
import { classRow } from "../../layout/class-rows";
import { termStateRow } from "../../layout/topology-rows";
import { NO_DOMAIN, TermField, TermKind, TermStateField } from "../../layout/topology";
import { domainOf, kindOf, sumOf, termRow } from "../topology/term";

/**
 * Refuses a node that is not near pods the class must be with, or near pods it must not be with, or near pods that will not
 * have it. The three are asked in this order, as terms are listed. Source: kube-scheduler InterPodAffinity.
 */
export function interPodAffinity(cls: u32, filters: u32, slot: u32): Filter {
  let anyMissing = false;
  let matched = 0.0;
  for (let i: u32 = 0; i < filters; i++) {
    const term = termRow(cls, i);
    if (kindOf(term) != TermKind.affinity) continue;
    const domain = domainOf(term, slot);
    if (domain == NO_DOMAIN) return Filter.InterPodAffinity;
    const row = getU32(term, TermField.row);
    if (sumOf(row, domain) <= 0.0) anyMissing = true;
    matched += getF64(termStateRow(row), TermStateField.value);
  }
  // The first pod of a series has nobody to be with but those that come after it.
  const isFirst = matched == 0.0 && getU32(classRow(cls), ClassField.matchesOwnAffinity) != 0;
  if (anyMissing && !isFirst) return Filter.InterPodAffinity;
  if (isNear(cls, filters, slot, TermKind.antiAffinity)) return Filter.antiAffinity;
  if (isNear(cls, filters, slot, TermKind.othersAntiAffinity)) return Filter.othersAntiAffinity;
  return Filter.none;
}

/** Whether the node's domain has pods of any term of the kind. */
function isNear(cls: u32, filters: u32, slot: u32, kind: TermKind): bool {
  for (let i: u32 = 0; i < filters; i++) {
    const term = termRow(cls, i);
    // Terms that share their sums are answered by the first of them.
    if (kindOf(term) != kind || getU32(term, TermField.row) != i) continue;
    const domain = domainOf(term, slot);
    if (domain != NO_DOMAIN && sumOf(i, domain) > 0.0) return true;
  }
  return false;
}
