import { changedRow } from "../../collections/change-log";
import { addToBucket, highestBucket, takeFromBucket } from "../../collections/score-buckets";
import { ClassField, VerdictField } from "../../layout/class";
import { GroupPageField, IndexField, IndexLimit } from "../../layout/class-index";
import { bucketRows, columnRows, indexRow } from "../../layout/class-index-rows";
import { Score } from "../../layout/evaluation";
import { getF64, getU32, setF64, setI32, setU32 } from "../../layout/field";
import { NodeField } from "../../layout/node";
import { StateField } from "../../layout/ring";
import { classRow, verdictRows } from "../../layout/class-rows";
import { nodeRow } from "../../layout/node-rows";
import { changeLogRows, stateRow, Table, tableAddress } from "../../layout/tables";
import { prepareImages } from "../scores/image-locality";
import { nodeAffinityRaw } from "../scores/node-affinity";
import { taintTolerationRaw } from "../scores/taint-toleration";
import { weightOf } from "../scores/weights";
import { bucketOf, isPlain, plainBucketOf, REFUSED_BUCKET } from "./bucket";
import { isPaired, lookAtPairs } from "./catch-up";
import { belongs, dropGroup, groupFor, groupPage } from "./groups";
import { describeTerms } from "./node-terms";
import { addToSums, sumsHold, takeFromSums } from "./sums";

/** Looks again at the nodes that have changed since the index was asked last. False: it cannot hold what is there now. */
export function lookAtChanges(cls: u32): bool {
  const from = getF64(indexRow(cls), IndexField.cursor);
  const to = getF64(stateRow(), StateField.changes);
  if (ASC_FEATURE_SIMD) {
    if (isPaired(cls, to - from)) return lookAtPairs(cls, from, to);
  }
  return look(cls, from, to, 0);
}

/** Looks at every node. The index is empty before. */
export function lookAtAll(cls: u32): bool {
  const changes = getF64(stateRow(), StateField.changes);
  return look(cls, changes, changes, getU32(stateRow(), StateField.nodeLimit));
}

/** Looks at the nodes of these changes, and at so many slots from the first on. */
function look(cls: u32, from: f64, to: f64, slots: u32): bool {
  const index = indexRow(cls);
  const row = classRow(cls);
  const profile = getU32(row, ClassField.profile);
  const fitWeight = weightOf(profile, Score.NodeResourcesFit);
  const balanceWeight = weightOf(profile, Score.NodeResourcesBalancedAllocation);
  const verdicts = verdictRows(cls);
  const nodes = nodeRow(0);
  const plain = isPlain(cls);
  const rowCount = getU32(index, IndexField.rowCount);
  const keys = columnRows(getU32(index, IndexField.keys));
  const found = tableAddress(Table.indexedNode);
  if (getU32(index, IndexField.scoresImages) != 0) prepareImages(cls);
  const ring = tableAddress(Table.changes);
  const mask = changeLogRows() - 1;
  const changes = <u32>(to - from);
  const first = <u32>(<u64>from);
  const count = slots + changes;
  for (let i: u32 = 0; i < count; i++) {
    const slot: i32 = i < slots ? <i32>i : changedRow(ring, mask, first + (i - slots));
    if (slot < 0) continue;
    const node = nodes + <usize>slot * NodeField.bytes;
    const verdict = verdicts + <usize>getU32(node, NodeField.attributeSet) * VerdictField.bytes;
    const refusals = getU32(verdict, VerdictField.refusals);
    const bucket = plain
      ? plainBucketOf(node, row, refusals, fitWeight, balanceWeight)
      : bucketOf(node, cls, slot, refusals);
    if (bucket >= <u32>IndexLimit.buckets) return false;
    // What a node that is refused would score does not matter.
    setI32(found, GroupPageField.taints, bucket == REFUSED_BUCKET ? 0 : taintTolerationRaw(verdict));
    setI32(found, GroupPageField.affinityWeight, bucket == REFUSED_BUCKET ? 0 : nodeAffinityRaw(verdict));
    if (rowCount != 0 && !describeTerms(cls, slot, verdict, rowCount, found)) return false;
    if (!put(cls, slot, keys + (<usize>slot << 2), bucket, rowCount, found)) return false;
  }
  setF64(index, IndexField.cursor, to);
  return true;
}

/** Puts one node where it belongs now. */
export function put(cls: u32, slot: u32, at: usize, bucket: u32, rowCount: u32, found: usize): bool {
  const before = load<u32>(at);
  if (before != 0) {
    const group = (before >>> 16) - 1;
    const page = groupPage(cls, group);
    if (belongs(page, found, rowCount) && (rowCount == 0 || sumsHold(cls, slot, rowCount, found))) {
      if ((before & 0xffff) == bucket) return true;
      enterBucket(page, bucket, slot);
      leaveBucket(page, before & 0xffff);
      store<u32>(at, (before & 0xffff0000) | bucket);
      return true;
    }
    takeFromSums(cls, slot, rowCount, page);
    leave(cls, group, page, before & 0xffff);
  }
  const group = groupFor(cls, found, rowCount);
  if (group < 0) {
    store<u32>(at, 0);
    return false;
  }
  addToSums(cls, slot, rowCount, found);
  const page = groupPage(cls, group);
  setU32(page, GroupPageField.nodes, getU32(page, GroupPageField.nodes) + 1);
  enterBucket(page, bucket, slot);
  store<u32>(at, ((<u32>group + 1) << 16) | bucket);
  return true;
}

function leave(cls: u32, group: u32, page: usize, bucket: u32): void {
  leaveBucket(page, bucket);
  const nodes = getU32(page, GroupPageField.nodes) - 1;
  setU32(page, GroupPageField.nodes, nodes);
  if (nodes == 0) dropGroup(cls, group);
}

function leaveBucket(page: usize, bucket: u32): void {
  const isEmpty = takeFromBucket(bucketRows(page), bucket);
  if (isEmpty && bucket == getU32(page, GroupPageField.top))
    setU32(page, GroupPageField.top, highestBucket(bucketRows(page), bucket));
}

function enterBucket(page: usize, bucket: u32, slot: u32): void {
  addToBucket(bucketRows(page), bucket, slot);
  setU32(page, GroupPageField.top, max<u32>(bucket, getU32(page, GroupPageField.top)));
}
