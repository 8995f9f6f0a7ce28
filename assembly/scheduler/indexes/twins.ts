import { findNonZero } from "../../collections/column";
import { ClassField, ClassPortsField, ExtendedRequestField, VerdictField } from "../../layout/class";
import {
  GroupField,
  GroupPageField,
  IndexField,
  IndexLimit,
  IndexRowField,
} from "../../layout/class-index";
import { columnRows, groupRows, indexRow, indexRowRows, pageRow } from "../../layout/class-index-rows";
import { getF64, getI32, getU32, setF64, setU32 } from "../../layout/field";
import { ClassImageField } from "../../layout/image";
import { ScoredResourceField } from "../../layout/profile";
import { StateField } from "../../layout/ring";
import { classPortsRow, classRow, extendedRequestRows, scoredResourceRows, verdictRows } from "../../layout/class-rows";
import { classImageRows } from "../../layout/image-rows";
import { Capacity, capacityOf, columnBytes, stateRow } from "../../layout/tables";
import { trackRows } from "../../layout/topology-rows";
import { TermField } from "../../layout/topology";
import { termRow } from "../topology/term";
import { touch } from "./changes";
import { givePage, takeColumnAsItIs, takePage } from "./pools";

/**
 * Two classes are twins if only their tracks differ: pods of two ReplicaSets with the same requests, tolerations and
 * constraints. Nodes without pods of either are the same to both, so an index of one is made from that of the other by looking
 * again at the nodes that have some. On a million nodes that is a copy instead of a million scores.
 */
export function areTwins(a: u32, b: u32): bool {
  const row = classRow(a);
  const other = classRow(b);
  const tracks = <usize>(ClassField.trackCount & 0xffff);
  if (memory.compare(row, other, tracks) != 0) return false;
  if (memory.compare(row + tracks + 4, other + tracks + 4, <usize>ClassField.bytes - tracks - 4) != 0) return false;
  const terms = getU32(row, ClassField.termCount);
  for (let i: u32 = 0; i < terms; i++) if (!areTwinTerms(termRow(a, i), termRow(b, i))) return false;
  const scored = getU32(row, ClassField.fitResources) + getU32(row, ClassField.balancedResources);
  return (
    same(verdictRows(a), verdictRows(b), capacityOf(Capacity.attributeSets), VerdictField.bytes) &&
    same(extendedRequestRows(a), extendedRequestRows(b), getU32(row, ClassField.extendedCount), ExtendedRequestField.bytes) &&
    same(classPortsRow(a), classPortsRow(b), capacityOf(Capacity.portWords), ClassPortsField.bytes) &&
    same(classImageRows(a), classImageRows(b), getU32(row, ClassField.imageCount), ClassImageField.bytes) &&
    same(scoredResourceRows(a), scoredResourceRows(b), scored, ScoredResourceField.bytes)
  );
}

function areTwinTerms(a: usize, b: usize): bool {
  const track = <usize>(TermField.track & 0xffff);
  return (
    memory.compare(a, b, track) == 0 &&
    memory.compare(a + track + 4, b + track + 4, <usize>TermField.bytes - track - 4) == 0
  );
}

function same(a: usize, b: usize, rows: u32, rowBytes: i32): bool {
  return memory.compare(a, b, <usize>rows * rowBytes) == 0;
}

/**
 * Makes the index of a class, whose rows are described, from that of its twin, and notes a change of every node that has pods of
 * either: `lookAtChanges` puts the rest right.
 *
 * @returns  false: there was no room, or the rows are not the same; the index is empty still
 */
export function copyIndex(twin: u32, cls: u32): bool {
  const source = indexRow(twin);
  const target = indexRow(cls);
  if (getU32(source, IndexField.rowCount) != getU32(target, IndexField.rowCount)) return false;
  const rows = getU32(target, IndexField.rowCount);
  for (let i: u32 = 0; i < rows; i++)
    if (getU32(rowOf(twin, i), IndexRowField.perNode) != getU32(rowOf(cls, i), IndexRowField.perNode)) return false;
  if (!copyGroups(twin, cls)) return false;
  const keys = takeColumnAsItIs();
  if (keys < 0) return false;
  setU32(target, IndexField.keys, keys);
  copyColumn(getU32(source, IndexField.keys), keys);
  for (let i: u32 = 0; i < rows; i++) copyRow(rowOf(twin, i), rowOf(cls, i));
  setF64(target, IndexField.cursor, getF64(source, IndexField.cursor));
  for (let i: u32 = 0; i < rows; i++) touchCounted(cls, i);
  const terms = getU32(classRow(cls), ClassField.termCount);
  for (let i: u32 = 0; i < terms; i++) touchNonZero(trackRows(getU32(termRow(cls, i), TermField.track)));
  return true;
}

function rowOf(cls: u32, row: u32): usize {
  return indexRowRows(cls) + <usize>row * IndexRowField.bytes;
}

function copyColumn(from: u32, to: u32): void {
  memory.copy(columnRows(to), columnRows(from), columnBytes());
}

function copyRow(from: usize, to: usize): void {
  setF64(to, IndexRowField.value, getF64(from, IndexRowField.value));
  if (getU32(to, IndexRowField.perNode) != 0) return;
  copyColumn(getU32(from, IndexRowField.amounts), getU32(to, IndexRowField.amounts));
  memory.copy(pageRow(getU32(to, IndexRowField.sums)), pageRow(getU32(from, IndexRowField.sums)), IndexLimit.pageBytes);
}

function copyGroups(twin: u32, cls: u32): bool {
  const count = getU32(indexRow(twin), IndexField.groupCount);
  for (let group: u32 = 0; group < count; group++) {
    const from = groupRows(twin) + <usize>group * GroupField.bytes;
    const to = groupRows(cls) + <usize>group * GroupField.bytes;
    setU32(to, GroupField.hash, 0);
    if (getU32(from, GroupField.hash) == 0) continue;
    const page = takePage();
    if (page < 0) {
      dropCopied(cls, group);
      return false;
    }
    memory.copy(pageRow(page), pageRow(getU32(from, GroupField.page)), IndexLimit.pageBytes);
    setU32(to, GroupField.hash, getU32(from, GroupField.hash));
    setU32(to, GroupField.page, page);
  }
  setU32(indexRow(cls), IndexField.groupCount, count);
  return true;
}

function dropCopied(cls: u32, groups: u32): void {
  for (let group: u32 = 0; group < groups; group++) {
    const row = groupRows(cls) + <usize>group * GroupField.bytes;
    if (getU32(row, GroupField.hash) != 0) givePage(getU32(row, GroupField.page), IndexLimit.pageBytes);
    setU32(row, GroupField.hash, 0);
  }
}

/** Notes a change of the nodes that the twin has counted pods on, as it remembers them: its tracks may be others' by now. */
function touchCounted(cls: u32, number: u32): void {
  const row = rowOf(cls, number);
  if (getU32(row, IndexRowField.perNode) == 0) {
    touchNonZero(columnRows(getU32(row, IndexRowField.amounts)));
    return;
  }
  const index = indexRow(cls);
  const groups = groupRows(cls);
  const count = getU32(index, IndexField.groupCount);
  const value = GroupPageField.values + (number << 2);
  let any = false;
  for (let group: u32 = 0; group < count && !any; group++) {
    const row = groups + <usize>group * GroupField.bytes;
    any = getU32(row, GroupField.hash) != 0 && getI32(pageRow(getU32(row, GroupField.page)), value) != 0;
  }
  if (!any) return;
  const limit = getU32(stateRow(), StateField.nodeLimit);
  const keys = columnRows(getU32(index, IndexField.keys));
  for (let slot: u32 = 0; slot < limit; slot++) {
    const key = load<u32>(keys + (<usize>slot << 2));
    if (key == 0) continue;
    const page = getU32(groups + <usize>((key >>> 16) - 1) * GroupField.bytes, GroupField.page);
    if (getI32(pageRow(page), value) != 0) touch(slot);
  }
}

function touchNonZero(column: usize): void {
  const limit = getU32(stateRow(), StateField.nodeLimit);
  for (let slot = findNonZero(column, 0, limit); slot < limit; slot = findNonZero(column, slot + 1, limit)) touch(slot);
}
