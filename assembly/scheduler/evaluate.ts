import { ClassField, VerdictField } from "../layout/class";
import { EvaluationField, Filter, Score, ScoreField } from "../layout/evaluation";
import { getI32, getU32, setI32, setU32 } from "../layout/field";
import { NodeField } from "../layout/node";
import { StateField } from "../layout/ring";
import { classRow, nodeRow, stateRow, Table, tableAddress, verdictRows } from "../layout/tables";
import { nodeResourcesFit } from "./filters/node-resources-fit";
import { firstRefusal } from "./first-refusal";
import { balancedAllocation } from "./scores/balanced-allocation";
import { leastAllocated } from "./scores/least-allocated";
import { nodeAffinityRaw } from "./scores/node-affinity";
import { normalize, normalizeReverse } from "./scores/normalize";
import { taintTolerationRaw } from "./scores/taint-toleration";

/**
 * Says for every node which filter refuses the class and what is insufficient, or each plugin's raw, normalised and weighted
 * score. Places nothing. The same filters and scores as `scan`, kept apart because a scan needs none of the detail.
 *
 * @returns how many nodes are feasible
 */
export function evaluate(cls: u32): u32 {
  const limit = getU32(stateRow(), StateField.nodeLimit);
  const row = classRow(cls);
  const verdicts = verdictRows(cls);
  const evaluations = tableAddress(Table.evaluations);
  let feasible: u32 = 0;
  let highestTaints = 0;
  let highestAffinity = 0;
  for (let slot: u32 = 0; slot < limit; slot++) {
    const node = nodeRow(slot);
    const verdict = verdicts + <usize>getU32(node, NodeField.attributeSet) * VerdictField.bytes;
    const evaluation = evaluations + <usize>slot * EvaluationField.bytes;
    const rejectedBy = firstRefusal(node, row, cls, slot, getU32(verdict, VerdictField.refusals));
    setU32(evaluation, EvaluationField.rejectedBy, rejectedBy);
    setI32(evaluation, EvaluationField.total, -1);
    const missing = rejectedBy == Filter.NodeResourcesFit ? nodeResourcesFit(node, row, cls, slot) : 0;
    setU32(evaluation, EvaluationField.insufficient, missing);
    if (rejectedBy != Filter.none) continue;
    feasible++;
    highestTaints = max(highestTaints, taintTolerationRaw(verdict));
    highestAffinity = max(highestAffinity, nodeAffinityRaw(verdict));
  }

  for (let slot: u32 = 0; slot < limit; slot++) {
    const evaluation = evaluations + <usize>slot * EvaluationField.bytes;
    if (getU32(evaluation, EvaluationField.rejectedBy) != Filter.none) continue;
    const node = nodeRow(slot);
    const verdict = verdicts + <usize>getU32(node, NodeField.attributeSet) * VerdictField.bytes;
    setI32(evaluation, EvaluationField.total, scoreNode(slot, node, row, verdict, highestTaints, highestAffinity));
  }
  return feasible;
}

/** Writes the node's rows of scores; returns their weighted sum. */
function scoreNode(slot: u32, node: usize, row: usize, verdict: usize, highestTaints: i32, highestAffinity: i32): i32 {
  const state = stateRow();
  const scores = tableAddress(Table.scores) + <usize>slot * Score.count * ScoreField.bytes;
  const taints = taintTolerationRaw(verdict);
  let total = writeScore(
    scores,
    Score.TaintToleration,
    taints,
    normalizeReverse(taints, highestTaints),
    getI32(state, StateField.weightTaintToleration),
  );
  const affinity = getU32(row, ClassField.prefersNodes) != 0 ? nodeAffinityRaw(verdict) : 0;
  total += writeScore(
    scores,
    Score.NodeAffinity,
    affinity,
    normalize(affinity, highestAffinity),
    getI32(state, StateField.weightNodeAffinity),
  );
  const least = leastAllocated(node, row);
  total += writeScore(scores, Score.NodeResourcesFit, least, least, getI32(state, StateField.weightNodeResourcesFit));
  const balanced = balancedAllocation(node, row);
  total += writeScore(
    scores,
    Score.NodeResourcesBalancedAllocation,
    balanced,
    balanced,
    getI32(state, StateField.weightBalancedAllocation),
  );
  return total;
}

function writeScore(scores: usize, score: Score, raw: i32, normalized: i32, weight: i32): i32 {
  const row = scores + <usize>score * ScoreField.bytes;
  setI32(row, ScoreField.raw, raw);
  setI32(row, ScoreField.normalized, normalized);
  setI32(row, ScoreField.weighted, normalized * weight);
  return normalized * weight;
}
