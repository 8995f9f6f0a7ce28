import { ClassField } from "../../layout/class";
import { getU32 } from "../../layout/field";
import { balancedAllocation, balancedAllocationByRow } from "./balanced-allocation";
import { leastAllocated } from "./least-allocated";
import { nodeResourcesFitScore } from "./node-resources-fit";
import { plainResourceScores } from "./plain-resources";

/** NodeResourcesFit and NodeResourcesBalancedAllocation of a node, weighted and summed: what a scan needs of them. */
export function resourceScores(
  node: usize,
  classRow: usize,
  cls: u32,
  slot: u32,
  fitWeight: i32,
  balanceWeight: i32,
): i32 {
  if (getU32(classRow, ClassField.scoresByRow) == 0)
    return plainResourceScores(node, classRow, fitWeight, balanceWeight);
  return (
    fitWeight * fitScore(node, classRow, cls, slot) + balanceWeight * balanceScore(node, classRow, cls, slot)
  );
}

export function fitScore(node: usize, classRow: usize, cls: u32, slot: u32): i32 {
  return getU32(classRow, ClassField.scoresByRow) == 0
    ? leastAllocated(node, classRow)
    : nodeResourcesFitScore(node, classRow, cls, slot);
}

export function balanceScore(node: usize, classRow: usize, cls: u32, slot: u32): i32 {
  return getU32(classRow, ClassField.scoresByRow) == 0
    ? balancedAllocation(node, classRow)
    : balancedAllocationByRow(node, classRow, cls, slot);
}
