import { ClassField } from "../../layout/class";
import { IndexField, IndexLimit, IndexRowField, NONE } from "../../layout/class-index";
import { indexRow, indexRowRows } from "../../layout/class-index-rows";
import { getU32, setF64, setU32 } from "../../layout/field";
import { classRow } from "../../layout/class-rows";
import { topologyKeyRow } from "../../layout/topology-rows";
import { TermField, TermKind, TopologyKeyField } from "../../layout/topology";
import { kindOf, termRow } from "../topology/term";
import { takeColumn, takePage } from "./pools";

/**
 * Describes the rows of a class's index: terms that share their sums are one. A key by which every node is a domain of its
 * own is counted by node, so that the groups of the index say all of it; for any other key there are sums by domain.
 *
 * @returns  false: there are too many rows or domains, or no room. What was taken is in the rows, for `dropIndex`.
 */
export function describeRows(cls: u32): bool {
  const index = indexRow(cls);
  const terms = getU32(classRow(cls), ClassField.termCount);
  for (let i: u32 = 0; i < terms; i++) {
    const term = termRow(cls, i);
    if (getU32(term, TermField.row) != i) continue;
    const count = getU32(index, IndexField.rowCount);
    if (count == IndexLimit.rows) return false;
    setU32(index, IndexField.rowCount, count + 1);
    const row = indexRowRows(cls) + <usize>count * IndexRowField.bytes;
    const key = getU32(term, TermField.key);
    setU32(row, IndexRowField.kind, kindOf(term));
    setU32(row, IndexRowField.key, key);
    setU32(row, IndexRowField.term, i);
    setF64(row, IndexRowField.value, 0.0);
    setU32(row, IndexRowField.amounts, NONE);
    setU32(row, IndexRowField.sums, NONE);
    const perNode = countsByNode(kindOf(term), key);
    setU32(row, IndexRowField.perNode, perNode ? 1 : 0);
    if (!perNode && !takeSums(row, key)) return false;
  }
  return true;
}

/** Whether every row that counts by node may still do so: a label that was unique may have come a second time. */
export function rowsHold(cls: u32): bool {
  const count = getU32(indexRow(cls), IndexField.rowCount);
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < count; i++, row += IndexRowField.bytes) {
    if (getU32(row, IndexRowField.perNode) == 0) continue;
    if (!countsByNode(<TermKind>getU32(row, IndexRowField.kind), getU32(row, IndexRowField.key))) return false;
  }
  return true;
}

/** Soft constraints count hostnames by node whatever the labels are, and every other key by domain. */
function countsByNode(kind: TermKind, key: u32): bool {
  const row = topologyKeyRow(key);
  if (kind == TermKind.softSpread) return getU32(row, TopologyKeyField.perNode) != 0;
  return getU32(row, TopologyKeyField.sharedDomains) == 0;
}

function takeSums(row: usize, key: u32): bool {
  if (getU32(topologyKeyRow(key), TopologyKeyField.limit) > <u32>IndexLimit.domains) return false;
  const column = takeColumn();
  if (column < 0) return false;
  setU32(row, IndexRowField.amounts, column);
  const page = takePage();
  if (page < 0) return false;
  setU32(row, IndexRowField.sums, page);
  return true;
}
