import { ClassField } from "../../layout/class";
import { DomainCountField, GroupPageField, IndexField, IndexRowField } from "../../layout/class-index";
import { bucketRows, indexRow, indexRowRows } from "../../layout/class-index-rows";
import { rowsInBucket } from "../../collections/score-buckets";
import { getF64, getI32, getU32, setF64, setU32 } from "../../layout/field";
import { StateField } from "../../layout/ring";
import { classRow } from "../../layout/class-rows";
import { stateRow } from "../../layout/tables";
import { TermField, TermKind } from "../../layout/topology";
import { goLog } from "../scores/go-log";
import { roundHalfUp } from "../scores/pod-topology-spread";
import { termRow } from "../topology/term";
import { REFUSED_BUCKET } from "./bucket";
import { countOfGroup, hasKey } from "./group-terms";
import { domainCountRow } from "./sums";

// The raw scores by topology of a group, in the operations in which the scan makes them of a node:
// scores/pod-topology-spread.ts and scores/inter-pod-affinity.ts.

/** The raw score of a group whose nodes lack a key that the class asks for. */
export const IGNORED: f64 = -1.0;

/** Nodes of the group that nothing of their own refuses. */
export function feasibleNodes(page: usize): u32 {
  return getU32(page, GroupPageField.nodes) - rowsInBucket(bucketRows(page), REFUSED_BUCKET);
}

/** Whether spreading leaves the group's nodes out. */
export function isIgnored(cls: u32, page: usize): bool {
  if (getU32(classRow(cls), ClassField.requiresAllKeys) == 0) return false;
  const rows = getU32(indexRow(cls), IndexField.rowCount);
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rows; i++, row += IndexRowField.bytes)
    if (getU32(row, IndexRowField.kind) == TermKind.softSpread && !hasKey(page, i)) return true;
  return false;
}

/** Begins to count the domains that feasible nodes are in. */
export function beginDomains(cls: u32): void {
  const rows = getU32(indexRow(cls), IndexField.rowCount);
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rows; i++, row += IndexRowField.bytes)
    if (getU32(row, IndexRowField.kind) == TermKind.softSpread) setF64(row, IndexRowField.value, 0.0);
}

/** Counts those of a group. A hostname is a domain of its own. */
export function meetDomains(cls: u32, page: usize): void {
  const decision = <u32>(<u64>getF64(stateRow(), StateField.decisions));
  const rows = getU32(indexRow(cls), IndexField.rowCount);
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rows; i++, row += IndexRowField.bytes) {
    if (getU32(row, IndexRowField.kind) != TermKind.softSpread) continue;
    let met: u32 = 1;
    if (getU32(row, IndexRowField.perNode) != 0) {
      met = feasibleNodes(page);
    } else {
      const domain = domainCountRow(row, getI32(page, GroupPageField.values + (i << 2)));
      if (getU32(domain, DomainCountField.metAt) == decision) continue;
      setU32(domain, DomainCountField.metAt, decision);
    }
    setF64(row, IndexRowField.value, getF64(row, IndexRowField.value) + <f64>met);
  }
}

/** The more domains, the more a pod in one of them weighs. */
export function weighDomains(cls: u32): void {
  const rows = getU32(indexRow(cls), IndexField.rowCount);
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rows; i++, row += IndexRowField.bytes)
    if (getU32(row, IndexRowField.kind) == TermKind.softSpread)
      setF64(row, IndexRowField.value, goLog(getF64(row, IndexRowField.value) + 2.0));
}

export function spreadRaw(cls: u32, page: usize): f64 {
  const rows = getU32(indexRow(cls), IndexField.rowCount);
  let score = 0.0;
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rows; i++, row += IndexRowField.bytes) {
    if (getU32(row, IndexRowField.kind) != TermKind.softSpread || !hasKey(page, i)) continue;
    const term = termRow(cls, getU32(row, IndexRowField.term));
    const skew = <f64>getI32(term, TermField.weight) - 1.0;
    score += countOfGroup(row, page, i) * getF64(row, IndexRowField.value) + skew;
  }
  return roundHalfUp(score);
}

export function affinityRaw(cls: u32, page: usize): f64 {
  const rows = getU32(indexRow(cls), IndexField.rowCount);
  let raw = 0.0;
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rows; i++, row += IndexRowField.bytes)
    if (getU32(row, IndexRowField.kind) == TermKind.preference && hasKey(page, i)) raw += countOfGroup(row, page, i);
  return raw;
}
