import { ClassField } from "../../layout/class";
import { SCORE_MAX } from "../../layout/evaluation";
import { getF64, getI32 } from "../../layout/field";
import { NodeField } from "../../layout/node";

/**
 * Scores a node by how much of its CPU and memory would stay free, each with weight 1; a resource the node does not have is
 * left out. Source: kube-scheduler NodeResourcesFit, strategy LeastAllocated.
 */
export function leastAllocated(node: usize, classRow: usize): i32 {
  const milliCpu = <f64>getI32(node, NodeField.allocatableMilliCpu);
  const memory = getF64(node, NodeField.allocatableMemory);
  let sum = 0;
  let weights = 0;
  if (milliCpu != 0.0) {
    const used = <f64>getI32(node, NodeField.nonZeroMilliCpu) + getF64(classRow, ClassField.scoreMilliCpu);
    sum += leastAllocatedScore(milliCpu, used);
    weights++;
  }
  if (memory != 0.0) {
    const used = getF64(node, NodeField.nonZeroMemory) + getF64(classRow, ClassField.scoreMemory);
    sum += leastAllocatedScore(memory, used);
    weights++;
  }
  return weights == 0 ? 0 : sum / weights;
}

/**
 * @param allocatable  what the node offers, in the resource's own unit, > 0 and below 2^46 (the division is then exact)
 * @param requested    what bound, assumed and this pod together ask for, same unit, >= 0
 * @returns            0 (none left, or too much) to 100 (all of it left), rounded down
 */
export function leastAllocatedScore(allocatable: f64, requested: f64): i32 {
  if (requested > allocatable) return 0;
  return <i32>(((allocatable - requested) * <f64>SCORE_MAX) / allocatable);
}
