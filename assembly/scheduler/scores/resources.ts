import { ClassField } from "../../layout/class";
import { getU32 } from "../../layout/field";
import { classRow } from "../../layout/class-rows";
import { nodeRow } from "../../layout/node-rows";
import { balancedAllocation, balancedAllocationByRow } from "./balanced-allocation";
import { leastAllocated } from "./least-allocated";
import { nodeResourcesFitScore } from "./node-resources-fit";

/**
 * Puts NodeResourcesFit and NodeResourcesBalancedAllocation, weighted and summed, in place of the totals of feasible nodes:
 * for a class that is scored by its row of resources, a pass of its own, so that the plain case has no part in it.
 */
export function scoreByRow(cls: u32, totals: usize, limit: u32, fitWeight: i32, balanceWeight: i32): void {
  const row = classRow(cls);
  for (let slot: u32 = 0; slot < limit; slot++) {
    const at = totals + (<usize>slot << 2);
    if (load<i32>(at) < 0) continue;
    const node = nodeRow(slot);
    const fit = nodeResourcesFitScore(node, row, cls, slot);
    store<i32>(at, fitWeight * fit + balanceWeight * balancedAllocationByRow(node, row, cls, slot));
  }
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
