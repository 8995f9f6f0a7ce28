import { DomainCountField, GroupPageField, IndexRowField } from "../../layout/class-index";
import { columnRows, indexRowRows, pageRow } from "../../layout/class-index-rows";
import { getF64, getI32, getU32, setF64, setU32 } from "../../layout/field";
import { EMPTY_DOMAIN, NO_DOMAIN, TermKind } from "../../layout/topology";

/** The row's count of a domain: to spreading softly, a missing label is the value "". */
export function domainCountRow(row: usize, domain: u32): usize {
  const isSoft = getU32(row, IndexRowField.kind) == TermKind.softSpread;
  const number = isSoft && domain == NO_DOMAIN ? EMPTY_DOMAIN : domain;
  return pageRow(getU32(row, IndexRowField.sums)) + <usize>number * DomainCountField.bytes;
}

/** Whether a node puts into the sums what it put there before; then nothing is to be done if it is in the same domains. */
export function sumsHold(cls: u32, slot: u32, rowCount: u32, found: usize): bool {
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rowCount; i++, row += IndexRowField.bytes) {
    if (getU32(row, IndexRowField.perNode) != 0) continue;
    const amount = load<i32>(columnRows(getU32(row, IndexRowField.amounts)) + (<usize>slot << 2));
    if (amount != getI32(found, GroupPageField.amounts + (i << 2))) return false;
  }
  return true;
}

/** Takes a node out of the sums (-1), in which it was with what is remembered of it. */
export function takeFromSums(cls: u32, slot: u32, rowCount: u32, page: usize): void {
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rowCount; i++, row += IndexRowField.bytes) {
    const value = getI32(page, GroupPageField.values + (i << 2));
    if (getU32(row, IndexRowField.perNode) != 0) {
      addToTotal(row, -value);
      continue;
    }
    const amount = load<i32>(columnRows(getU32(row, IndexRowField.amounts)) + (<usize>slot << 2));
    change(row, value, -amount, -isCounted(page, i));
  }
}

/** Puts it in, and remembers with what. */
export function addToSums(cls: u32, slot: u32, rowCount: u32, found: usize): void {
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rowCount; i++, row += IndexRowField.bytes) {
    const value = getI32(found, GroupPageField.values + (i << 2));
    if (getU32(row, IndexRowField.perNode) != 0) {
      addToTotal(row, value);
      continue;
    }
    const amount = getI32(found, GroupPageField.amounts + (i << 2));
    store<i32>(columnRows(getU32(row, IndexRowField.amounts)) + (<usize>slot << 2), amount);
    change(row, value, amount, isCounted(found, i));
  }
}

function isCounted(page: usize, row: u32): i32 {
  return <i32>((getU32(page, GroupPageField.flags) >>> row) & 1);
}

function change(row: usize, domain: u32, amount: i32, nodes: i32): void {
  const count = domainCountRow(row, domain);
  setF64(count, DomainCountField.sum, getF64(count, DomainCountField.sum) + <f64>amount);
  setU32(count, DomainCountField.nodes, getU32(count, DomainCountField.nodes) + nodes);
  addToTotal(row, amount);
}

/** Whether a series of pods has begun is asked of all domains together. */
function addToTotal(row: usize, amount: i32): void {
  if (getU32(row, IndexRowField.kind) != TermKind.affinity) return;
  setF64(row, IndexRowField.value, getF64(row, IndexRowField.value) + <f64>amount);
}
