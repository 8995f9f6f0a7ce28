import { ClassField } from "../../layout/class";
import { SCORE_MAX } from "../../layout/evaluation";
import { getF64, getI32 } from "../../layout/field";
import { NodeField } from "../../layout/node";

/**
 * Scores a node by how the pod would change the balance of its CPU and memory: 75 is no change, 100 a cure, 50 the worst.
 * A pod that asks for neither is not scored. Source: kube-scheduler 1.36 NodeResourcesBalancedAllocation.
 */
export function balancedAllocation(node: usize, classRow: usize): i32 {
  const milliCpu = getF64(classRow, ClassField.requestMilliCpu);
  const memory = getF64(classRow, ClassField.requestMemory);
  if (milliCpu == 0.0 && memory == 0.0) return 0;
  const change = balance(node, milliCpu, memory) - balance(node, 0.0, 0.0);
  return SCORE_MAX / 2 + (SCORE_MAX / 2 + change) / 2;
}

/**
 * 100 when equal fractions of CPU and memory would be in use, 50 when all of one and none of the other. The order of the
 * operations is Go's: the result is cut, so the last bit of each step counts.
 */
function balance(node: usize, milliCpu: f64, memory: f64): i32 {
  const allocatableMilliCpu = <f64>getI32(node, NodeField.allocatableMilliCpu);
  const allocatableMemory = getF64(node, NodeField.allocatableMemory);
  // A resource the node does not have is left out, and a single fraction is in balance with itself.
  if (allocatableMilliCpu == 0.0 || allocatableMemory == 0.0) return SCORE_MAX;
  const cpuFraction = fraction(<f64>getI32(node, NodeField.requestedMilliCpu) + milliCpu, allocatableMilliCpu);
  const memoryFraction = fraction(getF64(node, NodeField.requestedMemory) + memory, allocatableMemory);
  const deviation = Math.abs(cpuFraction - memoryFraction) / 2.0;
  return <i32>((1.0 - deviation) * <f64>SCORE_MAX);
}

function fraction(used: f64, allocatable: f64): f64 {
  return used >= allocatable ? 1.0 : used / allocatable;
}
