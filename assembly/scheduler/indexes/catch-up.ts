import { changedRow } from "../../collections/change-log";
import { addToBucket, highestBucket, takeFromBucket } from "../../collections/score-buckets";
import { bucketOfChange, ChangedPairField, placeOf, UNBALANCED } from "../../layout/changed-pair";
import { ClassField, VerdictField } from "../../layout/class";
import { GroupPageField, IndexField, IndexLimit } from "../../layout/class-index";
import { bucketRows, columnRows, indexRow } from "../../layout/class-index-rows";
import { Score } from "../../layout/evaluation";
import { getF64, getI32, getU32, setF64, setI32, setU32 } from "../../layout/field";
import { NodeField } from "../../layout/node";
import { classRow, verdictRows } from "../../layout/class-rows";
import { nodeRow } from "../../layout/node-rows";
import { changeLogRows, pairedRows, Table, tableAddress } from "../../layout/tables";
import { nodeAffinityRaw } from "../scores/node-affinity";
import { taintTolerationRaw } from "../scores/taint-toleration";
import { weightOf } from "../scores/weights";
import { isPlain, plainBucketOf, REFUSED_BUCKET } from "./bucket";
import { groupPage } from "./groups";
import { pairOf, scorePairs, writeDownChanges } from "./pairs";
import { put } from "./update";

/** Whether nothing but resources and attributes decides about the class's nodes, and so many changes are written down. */
export function isPaired(cls: u32, changes: f64): bool {
  if (changes <= 1.0 || changes > <f64>pairedRows()) return false;
  return getU32(indexRow(cls), IndexField.rowCount) == 0 && isPlain(cls);
}

/**
 * As `lookAtChanges`, two changes at a time. Most nodes stay in the group that the one before was in: its page, its highest
 * bucket and what its attributes come to are kept at hand.
 */
export function lookAtPairs(cls: u32, from: f64, to: f64): bool {
  writeDownChanges(to);
  const first = <u32>(<u64>from);
  const end = first + <u32>(to - from);
  scorePairs(cls, first, end);
  const row = classRow(cls);
  const profile = getU32(row, ClassField.profile);
  const verdicts = verdictRows(cls);
  const nodes = nodeRow(0);
  const keys = columnRows(getU32(indexRow(cls), IndexField.keys));
  const found = tableAddress(Table.indexedNode);
  const ring = tableAddress(Table.changes);
  const ringMask = changeLogRows() - 1;
  const pairs = pairOf(0);
  const pairMask = pairedRows() - 1;

  let group: u32 = 0;
  let page: usize = 0;
  let buckets: usize = 0;
  let top: u32 = 0;
  let set: u32 = 0xffffffff;
  let refusals: u32 = 0;
  let staysIfRefused = false;
  let staysIfFeasible = false;
  for (let change = first; change != end; change++) {
    const slot = changedRow(ring, ringMask, change);
    if (slot < 0) continue;
    const pair = pairs + <usize>((change & pairMask) >>> 1) * ChangedPairField.bytes;
    const node = nodes + <usize>slot * NodeField.bytes;
    const at = keys + (<usize>slot << 2);
    const key = load<u32>(at);
    if (key >>> 16 != group) {
      if (group != 0) setU32(page, GroupPageField.top, highestBucket(buckets, top));
      group = key >>> 16;
      set = 0xffffffff;
      if (group != 0) {
        page = groupPage(cls, group - 1);
        buckets = bucketRows(page);
        top = getU32(page, GroupPageField.top);
      }
    }
    const nodeSet = getU32(node, NodeField.attributeSet);
    if (nodeSet != set) {
      set = nodeSet;
      const verdict = verdicts + <usize>set * VerdictField.bytes;
      refusals = getU32(verdict, VerdictField.refusals);
      if (group != 0) {
        const taints = getI32(page, GroupPageField.taints);
        const affinity = getI32(page, GroupPageField.affinityWeight);
        staysIfRefused = taints == 0 && affinity == 0;
        staysIfFeasible = taints == taintTolerationRaw(verdict) && affinity == nodeAffinityRaw(verdict);
      }
    }
    let bucket: u32 = refusals != 0 ? REFUSED_BUCKET : bucketOfChange(pair, change);
    if (getF64(placeOf(pair, change), ChangedPairField.balance) == UNBALANCED)
      bucket = plainBucketOf(
        node,
        row,
        refusals,
        weightOf(profile, Score.NodeResourcesFit),
        weightOf(profile, Score.NodeResourcesBalancedAllocation),
      );
    if (bucket >= <u32>IndexLimit.buckets) return false;
    if (group != 0 && (bucket == REFUSED_BUCKET ? staysIfRefused : staysIfFeasible)) {
      const old = key & 0xffff;
      if (old == bucket) continue;
      addToBucket(buckets, bucket, slot);
      takeFromBucket(buckets, old);
      top = max(top, bucket);
      store<u32>(at, (key & 0xffff0000) | bucket);
      continue;
    }
    // It goes to another group, which may take the place of this one.
    if (group != 0) setU32(page, GroupPageField.top, highestBucket(buckets, top));
    const verdict = verdicts + <usize>set * VerdictField.bytes;
    setI32(found, GroupPageField.taints, bucket == REFUSED_BUCKET ? 0 : taintTolerationRaw(verdict));
    setI32(found, GroupPageField.affinityWeight, bucket == REFUSED_BUCKET ? 0 : nodeAffinityRaw(verdict));
    if (!put(cls, slot, at, bucket, 0, found)) return false;
    group = 0;
  }
  if (group != 0) setU32(page, GroupPageField.top, highestBucket(buckets, top));
  setF64(indexRow(cls), IndexField.cursor, to);
  return true;
}
