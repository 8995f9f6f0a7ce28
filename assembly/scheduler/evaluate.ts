import { ClassField, VerdictField } from "../layout/class";
import { EvaluationField, Filter, Score, ScoreField } from "../layout/evaluation";
import { getF64, getI32, getU32, setF64, setI32, setU32 } from "../layout/field";
import { NodeField } from "../layout/node";
import { StateField } from "../layout/ring";
import { classRow, verdictRows } from "../layout/class-rows";
import { nodeRow } from "../layout/node-rows";
import { stateRow, Table, tableAddress } from "../layout/tables";
import { topologyScoreRow } from "../layout/topology-rows";
import { TopologyScoreField } from "../layout/topology";
import { nodeResourcesFit } from "./filters/node-resources-fit";
import { volumeBinding } from "./filters/volume-binding";
import { imageLocality, prepareImages } from "./scores/image-locality";
import { interPodAffinityScore } from "./scores/inter-pod-affinity";
import { nodeAffinityRaw } from "./scores/node-affinity";
import { normalize, normalizeReverse } from "./scores/normalize";
import { topologySpreadScore } from "./scores/pod-topology-spread";
import { balanceScore, fitScore } from "./scores/resources";
import { taintTolerationRaw } from "./scores/taint-toleration";
import { weightOf } from "./scores/weights";
import { refusalInOrder } from "./refusal-in-order";
import { prepareTopology } from "./topology/prepare";
import { prepareVolumes } from "./volumes/prepare";
import { firstPreference, highestRaw, lowestRaw, prepareTopologyScores } from "./topology/score";

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
  const totals = tableAddress(Table.totals);
  prepareTopology(cls);
  prepareVolumes(cls);
  let feasible: u32 = 0;
  let highestTaints = 0;
  let highestAffinity = 0;
  for (let slot: u32 = 0; slot < limit; slot++) {
    const isRefused = evaluateSlot(cls, slot) != Filter.none;
    store<i32>(totals + (<usize>slot << 2), isRefused ? -1 : 0);
    if (isRefused) continue;
    const verdict = verdicts + <usize>getU32(nodeRow(slot), NodeField.attributeSet) * VerdictField.bytes;
    feasible++;
    highestTaints = max(highestTaints, taintTolerationRaw(verdict));
    highestAffinity = max(highestAffinity, nodeAffinityRaw(verdict));
  }

  prepareTopologyScores(cls, totals, limit);
  prepareImages(cls);
  for (let slot: u32 = 0; slot < limit; slot++) {
    const evaluation = evaluations + <usize>slot * EvaluationField.bytes;
    if (getU32(evaluation, EvaluationField.rejectedBy) != Filter.none) continue;
    const node = nodeRow(slot);
    const verdict = verdicts + <usize>getU32(node, NodeField.attributeSet) * VerdictField.bytes;
    setI32(evaluation, EvaluationField.total, scoreNode(cls, slot, verdict, highestTaints, highestAffinity));
  }
  addTopology(cls, totals, limit);
  return feasible;
}

/**
 * Says of one node which filter refuses the class and what is insufficient. `prepareTopology` and `prepareVolumes` have to
 * have been called.
 *
 * @returns the filter
 */
export function evaluateSlot(cls: u32, slot: u32): Filter {
  const node = nodeRow(slot);
  const row = classRow(cls);
  const verdict = verdictRows(cls) + <usize>getU32(node, NodeField.attributeSet) * VerdictField.bytes;
  const evaluation = tableAddress(Table.evaluations) + <usize>slot * EvaluationField.bytes;
  const rejectedBy = refusalInOrder(node, row, cls, slot, getU32(verdict, VerdictField.refusals));
  setU32(evaluation, EvaluationField.rejectedBy, rejectedBy);
  setI32(evaluation, EvaluationField.total, -1);
  setU32(evaluation, EvaluationField.insufficient, detail(rejectedBy, node, row, cls, slot));
  return rejectedBy;
}

/** What else a filter with several reasons has to say. */
function detail(rejectedBy: Filter, node: usize, row: usize, cls: u32, slot: u32): u32 {
  if (rejectedBy == Filter.NodeResourcesFit) return nodeResourcesFit(node, row, cls, slot);
  if (rejectedBy == Filter.VolumeBinding) return volumeBinding(row, slot, getU32(node, NodeField.attributeSet));
  return 0;
}

/** Writes the scores by topology of the feasible nodes, and adds them to their totals. */
function addTopology(cls: u32, totals: usize, limit: u32): void {
  const row = classRow(cls);
  const preferences = firstPreference(cls);
  const spreads = preferences > getU32(row, ClassField.filterTermCount);
  const prefers = getU32(row, ClassField.termCount) > preferences;
  const lowestSpread = spreads ? lowestRaw(TopologyScoreField.spread, totals, limit) : 0.0;
  const highestSpread = spreads ? highestRaw(TopologyScoreField.spread, totals, limit) : 0.0;
  const lowestAffinity = prefers ? lowestRaw(TopologyScoreField.affinity, totals, limit) : 0.0;
  const highestAffinity = prefers ? highestRaw(TopologyScoreField.affinity, totals, limit) : 0.0;
  const profile = getU32(row, ClassField.profile);
  const spreadWeight = weightOf(profile, Score.PodTopologySpread);
  const affinityWeight = weightOf(profile, Score.InterPodAffinity);
  for (let slot: u32 = 0; slot < limit; slot++) {
    const evaluation = tableAddress(Table.evaluations) + <usize>slot * EvaluationField.bytes;
    if (getU32(evaluation, EvaluationField.rejectedBy) != Filter.none) continue;
    const scores = tableAddress(Table.scores) + <usize>slot * Score.count * ScoreField.bytes;
    const spread = spreads ? getF64(topologyScoreRow(slot), TopologyScoreField.spread) : 0.0;
    const affinity = prefers ? getF64(topologyScoreRow(slot), TopologyScoreField.affinity) : 0.0;
    const spreadScore = spreads ? topologySpreadScore(spread, lowestSpread, highestSpread) : 0;
    const affinityScore = prefers ? interPodAffinityScore(affinity, lowestAffinity, highestAffinity) : 0;
    // An ignored node has no raw score; kube-scheduler says 0.
    const total =
      getI32(evaluation, EvaluationField.total) +
      writeScore(scores, Score.PodTopologySpread, max(0.0, spread), spreadScore, spreadWeight) +
      writeScore(scores, Score.InterPodAffinity, affinity, affinityScore, affinityWeight);
    setI32(evaluation, EvaluationField.total, total);
  }
}

/** Writes the node's rows of scores; returns their weighted sum. */
function scoreNode(cls: u32, slot: u32, verdict: usize, highestTaints: i32, highestAffinity: i32): i32 {
  const node = nodeRow(slot);
  const row = classRow(cls);
  const profile = getU32(row, ClassField.profile);
  const scores = tableAddress(Table.scores) + <usize>slot * Score.count * ScoreField.bytes;
  const taints = taintTolerationRaw(verdict);
  let total = writeScore(
    scores,
    Score.TaintToleration,
    <f64>taints,
    normalizeReverse(taints, highestTaints),
    weightOf(profile, Score.TaintToleration),
  );
  const affinity = getU32(row, ClassField.prefersNodes) != 0 ? nodeAffinityRaw(verdict) : 0;
  total += writeScore(
    scores,
    Score.NodeAffinity,
    <f64>affinity,
    normalize(affinity, highestAffinity),
    weightOf(profile, Score.NodeAffinity),
  );
  const fit = fitScore(node, row, cls, slot);
  total += writeScore(scores, Score.NodeResourcesFit, <f64>fit, fit, weightOf(profile, Score.NodeResourcesFit));
  const balanced = balanceScore(node, row, cls, slot);
  total += writeScore(
    scores,
    Score.NodeResourcesBalancedAllocation,
    <f64>balanced,
    balanced,
    weightOf(profile, Score.NodeResourcesBalancedAllocation),
  );
  const images = imageLocality(cls, slot);
  total += writeScore(scores, Score.ImageLocality, <f64>images, images, weightOf(profile, Score.ImageLocality));
  return total;
}

function writeScore(scores: usize, score: Score, raw: f64, normalized: i32, weight: i32): i32 {
  const row = scores + <usize>score * ScoreField.bytes;
  setF64(row, ScoreField.raw, raw);
  setI32(row, ScoreField.normalized, normalized);
  setI32(row, ScoreField.weighted, normalized * weight);
  return normalized * weight;
}
