import { ClassField } from "../../layout/class";
import { DomainCountField, GroupField, GroupPageField, IndexField, IndexRowField } from "../../layout/class-index";
import { groupRows, indexRow, indexRowRows, pageRow } from "../../layout/class-index-rows";
import { getF64, getI32, getU32, setF64 } from "../../layout/field";
import { classRow } from "../../layout/class-rows";
import { topologyKeyRow } from "../../layout/topology-rows";
import { TermField, TermKind, TopologyKeyField } from "../../layout/topology";
import { termRow } from "../topology/term";
import { groupPage } from "./groups";
import { domainCountRow } from "./sums";

// What the filters by topology say of a group, as they say it of each of its nodes: filters/pod-topology-spread.ts and
// filters/inter-pod-affinity.ts.

/** Whether the nodes of a group have the row's key. */
export function hasKey(page: usize, row: u32): bool {
  return ((getU32(page, GroupPageField.flags) >>> (8 + row)) & 1) != 0;
}

/** Pods of the row in the group's domain, or on each of its nodes. */
export function countOfGroup(row: usize, page: usize, number: u32): f64 {
  const value = getI32(page, GroupPageField.values + (number << 2));
  if (getU32(row, IndexRowField.perNode) != 0) return <f64>value;
  return getF64(domainCountRow(row, value), DomainCountField.sum);
}

/** Notes for every hard constraint how many pods the emptiest domain has. */
export function findMinima(cls: u32): void {
  const rows = getU32(indexRow(cls), IndexField.rowCount);
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rows; i++, row += IndexRowField.bytes) {
    if (getU32(row, IndexRowField.kind) != TermKind.hardSpread) break;
    const isPerNode = getU32(row, IndexRowField.perNode) != 0;
    setF64(row, IndexRowField.value, isPerNode ? fewestOnNodes(cls, row, i) : fewestInDomains(cls, row));
  }
}

function fewestOnNodes(cls: u32, row: usize, number: u32): f64 {
  const groups = getU32(indexRow(cls), IndexField.groupCount);
  let domains: u32 = 0;
  let fewest = Infinity;
  for (let group: u32 = 0; group < groups; group++) {
    if (getU32(groupRows(cls) + <usize>group * GroupField.bytes, GroupField.hash) == 0) continue;
    const page = groupPage(cls, group);
    if (((getU32(page, GroupPageField.flags) >>> number) & 1) == 0) continue;
    domains += getU32(page, GroupPageField.nodes);
    fewest = min(fewest, <f64>getI32(page, GroupPageField.values + (number << 2)));
  }
  return enough(cls, row, domains) ? fewest : 0.0;
}

function fewestInDomains(cls: u32, row: usize): f64 {
  const limit = getU32(topologyKeyRow(getU32(row, IndexRowField.key)), TopologyKeyField.limit);
  let domains: u32 = 0;
  let fewest = Infinity;
  let count = pageRow(getU32(row, IndexRowField.sums));
  for (let domain: u32 = 0; domain < limit; domain++, count += DomainCountField.bytes) {
    if (getU32(count, DomainCountField.nodes) == 0) continue;
    domains++;
    fewest = min(fewest, getF64(count, DomainCountField.sum));
  }
  return enough(cls, row, domains) ? fewest : 0.0;
}

function enough(cls: u32, row: usize, domains: u32): bool {
  const term = termRow(cls, getU32(row, IndexRowField.term));
  return domains > 0 && domains >= getU32(term, TermField.minDomains);
}

/** Whether a filter by topology refuses the nodes of a group. `findMinima` has to have been called. */
export function isRefused(cls: u32, page: usize): bool {
  const rows = getU32(indexRow(cls), IndexField.rowCount);
  let anyMissing = false;
  let matched = 0.0;
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rows; i++, row += IndexRowField.bytes) {
    switch (getU32(row, IndexRowField.kind)) {
      case TermKind.hardSpread: {
        if (!hasKey(page, i)) return true;
        const term = termRow(cls, getU32(row, IndexRowField.term));
        const fewest = getF64(row, IndexRowField.value);
        const skew = countOfGroup(row, page, i) + <f64>getI32(term, TermField.self) - fewest;
        if (skew > <f64>getI32(term, TermField.weight)) return true;
        break;
      }
      case TermKind.affinity: {
        if (!hasKey(page, i)) return true;
        if (countOfGroup(row, page, i) <= 0.0) anyMissing = true;
        matched += getF64(row, IndexRowField.value);
        break;
      }
      case TermKind.antiAffinity:
      case TermKind.othersAntiAffinity: {
        if (hasKey(page, i) && countOfGroup(row, page, i) > 0.0) return true;
        break;
      }
      default:
        // Scores stand behind the filters.
        return anyMissing && !isFirst(cls, matched);
    }
  }
  return anyMissing && !isFirst(cls, matched);
}

/** The first pod of a series has nobody to be with but those that come after it. */
function isFirst(cls: u32, matched: f64): bool {
  return matched == 0.0 && getU32(classRow(cls), ClassField.matchesOwnAffinity) != 0;
}
