import { changedRow } from "../../collections/change-log";
import { ChangedPairField, getPair, placeOf, setBuckets, UNBALANCED } from "../../layout/changed-pair";
import { ClassField } from "../../layout/class";
import { Score, SCORE_MAX } from "../../layout/evaluation";
import { getF64, getI32, getU32, setF64 } from "../../layout/field";
import { NodeField } from "../../layout/node";
import { StateField } from "../../layout/ring";
import { classRow } from "../../layout/class-rows";
import { nodeRow } from "../../layout/node-rows";
import { changeLogRows, pairedRows, stateRow, Table, tableAddress } from "../../layout/tables";
import { balanceWithout } from "../scores/balanced-allocation";
import { weightOf } from "../scores/weights";

/** The row of the pair that a change belongs to. */
export function pairOf(change: u32): usize {
  return tableAddress(Table.changedPairs) + <usize>((change & (pairedRows() - 1)) >>> 1) * ChangedPairField.bytes;
}

/** Writes down the changes that no class has asked for yet. */
export function writeDownChanges(to: f64): void {
  const state = stateRow();
  const from = max(getF64(state, StateField.pairedChanges), to - <f64>pairedRows());
  setF64(state, StateField.pairedChanges, to);
  const ring = tableAddress(Table.changes);
  const mask = changeLogRows() - 1;
  const first = <u32>(<u64>from);
  const end = first + <u32>(to - from);
  for (let change = first; change != end; change++) {
    const slot = changedRow(ring, mask, change);
    if (slot >= 0) writeNode(placeOf(pairOf(change), change), nodeRow(slot));
  }
}

/** @param place  of the change in its pair */
function writeNode(place: usize, node: usize): void {
  const milliCpu = <f64>getI32(node, NodeField.allocatableMilliCpu);
  const memory = getF64(node, NodeField.allocatableMemory);
  const requestedMilliCpu = <f64>getI32(node, NodeField.requestedMilliCpu);
  const requestedMemory = getF64(node, NodeField.requestedMemory);
  const hasRoom = getI32(node, NodeField.podCount) < getI32(node, NodeField.allocatablePods);
  const freeEphemeral = getF64(node, NodeField.allocatableEphemeral) - getF64(node, NodeField.requestedEphemeral);
  const isWhole = milliCpu != 0.0 && memory != 0.0;
  setF64(place, ChangedPairField.allocatableMilliCpu, milliCpu);
  setF64(place, ChangedPairField.allocatableMemory, memory);
  setF64(place, ChangedPairField.nonZeroMilliCpu, <f64>getI32(node, NodeField.nonZeroMilliCpu));
  setF64(place, ChangedPairField.nonZeroMemory, getF64(node, NodeField.nonZeroMemory));
  setF64(place, ChangedPairField.requestedMilliCpu, requestedMilliCpu);
  setF64(place, ChangedPairField.requestedMemory, requestedMemory);
  setF64(place, ChangedPairField.freeMilliCpu, milliCpu - requestedMilliCpu);
  setF64(place, ChangedPairField.freeMemory, memory - requestedMemory);
  setF64(place, ChangedPairField.freeEphemeral, hasRoom ? freeEphemeral : NaN);
  setF64(place, ChangedPairField.balance, isWhole ? <f64>balanceWithout(node) : UNBALANCED);
}

/**
 * The buckets of the nodes that have changed, for a plain class, as `plainBucketOf` finds them where nothing but resources
 * refuses: two at a time, in the same operations. They stand in the pairs then, in `bucket`.
 */
export function scorePairs(cls: u32, from: u32, end: u32): void {
  const row = classRow(cls);
  const profile = getU32(row, ClassField.profile);
  const milliCpu = getF64(row, ClassField.requestMilliCpu);
  const memory = getF64(row, ClassField.requestMemory);
  const ephemeral = getF64(row, ClassField.requestEphemeral);
  // Who asks for nothing is below anything, also on a node that is overcommitted.
  const leastMilliCpu = f64x2.splat(milliCpu == 0.0 ? -Infinity : milliCpu);
  const leastMemory = f64x2.splat(memory == 0.0 ? -Infinity : memory);
  const leastEphemeral = f64x2.splat(ephemeral == 0.0 ? -Infinity : ephemeral);
  const askedMilliCpu = f64x2.splat(milliCpu);
  const askedMemory = f64x2.splat(memory);
  const scoreMilliCpu = f64x2.splat(getF64(row, ClassField.scoreMilliCpu));
  const scoreMemory = f64x2.splat(getF64(row, ClassField.scoreMemory));
  const balances = milliCpu == 0.0 && memory == 0.0 ? 0 : weightOf(profile, Score.NodeResourcesBalancedAllocation);
  const fitWeight = f64x2.splat(<f64>weightOf(profile, Score.NodeResourcesFit));
  const balanceWeight = f64x2.splat(<f64>balances);
  const one = f64x2.splat(1.0);
  const half = f64x2.splat(0.5);
  const most = f64x2.splat(<f64>SCORE_MAX);
  const middle = f64x2.splat(<f64>(SCORE_MAX / 2));

  const count = ((end - (from & ~1)) + 1) >>> 1;
  const rows = pairedRows();
  const first = pairOf(0);
  const last = pairOf(rows - 1);
  let pair = pairOf(from);
  for (let i: u32 = 0; i < count; i++) {
    const milliCpus = getPair(pair, ChangedPairField.allocatableMilliCpu);
    const memories = getPair(pair, ChangedPairField.allocatableMemory);
    const usedMilliCpu = f64x2.add(getPair(pair, ChangedPairField.nonZeroMilliCpu), scoreMilliCpu);
    const usedMemory = f64x2.add(getPair(pair, ChangedPairField.nonZeroMemory), scoreMemory);
    const cpuLeft = f64x2.div(f64x2.mul(f64x2.sub(milliCpus, usedMilliCpu), most), milliCpus);
    const memoryLeft = f64x2.div(f64x2.mul(f64x2.sub(memories, usedMemory), most), memories);
    const cpuScore = f64x2.floor(v128.and(cpuLeft, f64x2.le(usedMilliCpu, milliCpus)));
    const memoryScore = f64x2.floor(v128.and(memoryLeft, f64x2.le(usedMemory, memories)));
    const fitScore = f64x2.floor(f64x2.mul(f64x2.add(cpuScore, memoryScore), half));

    const cpuAfter = f64x2.pmin(one, f64x2.div(f64x2.add(getPair(pair, ChangedPairField.requestedMilliCpu), askedMilliCpu), milliCpus));
    const memoryAfter = f64x2.pmin(one, f64x2.div(f64x2.add(getPair(pair, ChangedPairField.requestedMemory), askedMemory), memories));
    const deviation = f64x2.mul(f64x2.abs(f64x2.sub(cpuAfter, memoryAfter)), half);
    const after = f64x2.floor(f64x2.mul(f64x2.sub(one, deviation), most));
    // Both balances are 50 or more, so nothing is below 0, and a quotient is cut as in the plain function.
    const moved = f64x2.add(middle, f64x2.sub(after, getPair(pair, ChangedPairField.balance)));
    const balanceScore = f64x2.add(middle, f64x2.floor(f64x2.mul(moved, half)));

    const score = f64x2.add(f64x2.mul(fitScore, fitWeight), f64x2.mul(balanceScore, balanceWeight));
    const fits = v128.and(
      v128.and(f64x2.le(leastMilliCpu, getPair(pair, ChangedPairField.freeMilliCpu)), f64x2.le(leastMemory, getPair(pair, ChangedPairField.freeMemory))),
      f64x2.le(leastEphemeral, getPair(pair, ChangedPairField.freeEphemeral)),
    );
    setBuckets(pair, i32x4.trunc_sat_f64x2_s_zero(v128.and(f64x2.add(score, one), fits)));
    pair = pair == last ? first : pair + ChangedPairField.bytes;
  }
}
