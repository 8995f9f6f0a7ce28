import { ClassField, VerdictField } from "../layout/class";
import { Filter, Score } from "../layout/evaluation";
import { getU32 } from "../layout/field";
import { NodeField } from "../layout/node";
import { StateField } from "../layout/ring";
import { classRow, verdictRows } from "../layout/class-rows";
import { nodeRow } from "../layout/node-rows";
import { stateRow, Table, tableAddress } from "../layout/tables";
import { firstRefusal } from "./first-refusal";
import { addImageScores } from "./scores/image-locality";
import { nodeAffinityRaw } from "./scores/node-affinity";
import { normalize, normalizeReverse } from "./scores/normalize";
import { plainResourceScores } from "./scores/plain-resources";
import { scoreByRow } from "./scores/resources";
import { taintTolerationRaw } from "./scores/taint-toleration";
import { weightOf } from "./scores/weights";
import { selectHost } from "./select";
import { prepareTopology } from "./topology/prepare";
import { addTopologyScores } from "./topology/score";
import { prepareVolumes } from "./volumes/prepare";

/** A refused node's total. Real totals are >= 0. */
const REFUSED: i32 = -1;

/**
 * The node a class is placed on: filters and scores every node, in two passes, because normalised scores need the highest
 * raw score of the feasible nodes first. Writes each node's total to the table of totals, -1 for a refused one.
 *
 * @returns a slot, or -1 if no node is feasible
 */
export function scan(cls: u32): i32 {
  const state = stateRow();
  const limit = getU32(state, StateField.nodeLimit);
  const row = classRow(cls);
  const verdicts = verdictRows(cls);
  const profile = getU32(row, ClassField.profile);
  const fitWeight = weightOf(profile, Score.NodeResourcesFit);
  const balanceWeight = weightOf(profile, Score.NodeResourcesBalancedAllocation);
  const nodes = nodeRow(0);
  const totals = tableAddress(Table.totals);

  prepareTopology(cls);
  prepareVolumes(cls);
  let feasible = 0;
  let highestTaints = 0;
  let highestAffinity = 0;
  let node = nodes;
  for (let slot: u32 = 0; slot < limit; slot++, node += NodeField.bytes) {
    const verdict = verdicts + <usize>getU32(node, NodeField.attributeSet) * VerdictField.bytes;
    const refusals = getU32(verdict, VerdictField.refusals);
    if (firstRefusal(node, row, cls, slot, refusals) != Filter.none) {
      store<i32>(totals + (<usize>slot << 2), REFUSED);
      continue;
    }
    feasible++;
    highestTaints = max(highestTaints, taintTolerationRaw(verdict));
    highestAffinity = max(highestAffinity, nodeAffinityRaw(verdict));
    store<i32>(totals + (<usize>slot << 2), plainResourceScores(node, row, fitWeight, balanceWeight));
  }
  if (feasible == 0) return -1;
  if (getU32(row, ClassField.scoresByRow) != 0) scoreByRow(cls, totals, limit, fitWeight, balanceWeight);

  const taintWeight = weightOf(profile, Score.TaintToleration);
  const affinityWeight = getU32(row, ClassField.prefersNodes) != 0 ? weightOf(profile, Score.NodeAffinity) : 0;
  // Without a raw score above 0 both plugins give every node the same, which cannot change the choice.
  if (highestTaints > 0 || highestAffinity > 0) {
    node = nodes;
    for (let slot: u32 = 0; slot < limit; slot++, node += NodeField.bytes) {
      const total = load<i32>(totals + (<usize>slot << 2));
      if (total == REFUSED) continue;
      const verdict = verdicts + <usize>getU32(node, NodeField.attributeSet) * VerdictField.bytes;
      const preferences =
        taintWeight * normalizeReverse(taintTolerationRaw(verdict), highestTaints) +
        affinityWeight * normalize(nodeAffinityRaw(verdict), highestAffinity);
      store<i32>(totals + (<usize>slot << 2), total + preferences);
    }
  }
  if (getU32(row, ClassField.termCount) > getU32(row, ClassField.filterTermCount))
    addTopologyScores(cls, totals, limit);
  addImageScores(cls, totals, limit, weightOf(profile, Score.ImageLocality));
  return selectHost(totals, limit);
}
