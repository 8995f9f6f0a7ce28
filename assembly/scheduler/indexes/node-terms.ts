import { ClassField, VerdictField } from "../../layout/class";
import { GroupPageField, IndexRowField } from "../../layout/class-index";
import { indexRowRows } from "../../layout/class-index-rows";
import { getI32, getU32, setI32, setU32 } from "../../layout/field";
import { classRow } from "../../layout/class-rows";
import { NO_DOMAIN, TermField, TermKind } from "../../layout/topology";
import { countOf, domainOf, hasAllKeys, kindOf, termRow } from "../topology/term";

/** Amounts beyond this are not counted in 32 bits: such a class is answered by the scan. */
const MAX_AMOUNT: f64 = 1073741824.0;

/**
 * Writes what a node is to the class's terms: for each row its domain or, counted by node, its count; which rows count it and
 * which keys it has; and what it puts into the sums. The same conditions as in `prepareTopology` and in the raw scores.
 *
 * @param found  a page's first bytes
 * @returns      false: an amount is too large
 */
export function describeTerms(cls: u32, slot: u32, verdict: usize, rowCount: u32, found: usize): bool {
  const classFields = classRow(cls);
  const mismatches = getU32(verdict, VerdictField.mismatches);
  const filters = getU32(classFields, ClassField.filterTermCount);
  const spreadsHard = hasAllKeys(cls, 0, filters, TermKind.hardSpread, slot);
  const spreadsSoft =
    getU32(classFields, ClassField.requiresAllKeys) == 0 ||
    hasAllKeys(cls, filters, getU32(classFields, ClassField.termCount), TermKind.softSpread, slot);
  let flags: u32 = 0;
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rowCount; i++, row += IndexRowField.bytes) {
    const number = getU32(row, IndexRowField.term);
    const term = termRow(cls, number);
    const domain = domainOf(term, slot);
    const kind = kindOf(term);
    const perNode = getU32(row, IndexRowField.perNode) != 0;
    if (domain != NO_DOMAIN) flags |= 0x100 << i;
    let amount = 0.0;
    if (kind == TermKind.hardSpread || kind == TermKind.softSpread) {
      const excluded = (mismatches & getU32(term, TermField.excluded)) != 0;
      const isCounted = !excluded && (kind == TermKind.hardSpread ? spreadsHard && domain != NO_DOMAIN : spreadsSoft);
      // A hostname's pods are scored by node, also where the constraint does not count them.
      if (isCounted || (perNode && kind == TermKind.softSpread)) amount = <f64>countOf(term, slot);
      if (isCounted && kind == TermKind.hardSpread) flags |= 1 << i;
    } else if (domain != NO_DOMAIN) {
      amount = amountOf(cls, number, kind, slot);
    }
    if (Math.abs(amount) > MAX_AMOUNT) return false;
    const isNear = kind == TermKind.antiAffinity || kind == TermKind.othersAntiAffinity;
    // Of pods to keep away from it only matters whether there are any, and fewer groups are better.
    const counted = isNear ? <i32>(amount > 0.0) : <i32>amount;
    setI32(found, GroupPageField.values + (i << 2), perNode ? counted : domain);
    setI32(found, GroupPageField.amounts + (i << 2), <i32>amount);
  }
  setU32(found, GroupPageField.flags, flags);
  return true;
}

/** Pods of all terms that share the sums, weighted if they are preferences. */
function amountOf(cls: u32, first: u32, kind: TermKind, slot: u32): f64 {
  const terms = getU32(classRow(cls), ClassField.termCount);
  let amount = 0.0;
  for (let i = first; i < terms; i++) {
    const term = termRow(cls, i);
    if (kindOf(term) != kind) break;
    if (getU32(term, TermField.row) != first) continue;
    const weight = kind == TermKind.preference ? <f64>getI32(term, TermField.weight) : 1.0;
    amount += weight * <f64>countOf(term, slot);
  }
  return amount;
}
