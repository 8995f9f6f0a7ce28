import { ClassField } from "../../layout/class";
import { SCORE_MAX } from "../../layout/evaluation";
import { getF64, getI32, getU32 } from "../../layout/field";
import { NodeField } from "../../layout/node";
import { ScoredResourceField } from "../../layout/profile";
import { scoredResourceRows } from "../../layout/class-rows";
import { allocatableOf, requestedOf } from "./scored-resource";

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

/** A node's balance as it is: what `balancedAllocation` compares with. */
export function balanceWithout(node: usize): i32 {
  return balance(node, 0.0, 0.0);
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

/**
 * The same by the resources that the class's profile lists. With more than two the deviation is the standard deviation of
 * the fractions, in the order of the list.
 */
export function balancedAllocationByRow(node: usize, classRow: usize, cls: u32, slot: u32): i32 {
  // Without requests for any of them there are no rows: the pod is not scored.
  if (getU32(classRow, ClassField.balancedResources) == 0) return 0;
  const change = balanceByRow(node, classRow, cls, slot, 1.0) - balanceByRow(node, classRow, cls, slot, 0.0);
  return SCORE_MAX / 2 + (SCORE_MAX / 2 + change) / 2;
}

/** @param pods  1: with the pod, 0: without */
function balanceByRow(node: usize, classRow: usize, cls: u32, slot: u32, pods: f64): i32 {
  const count = getU32(classRow, ClassField.balancedResources);
  const first = scoredResourceRows(cls) + <usize>getU32(classRow, ClassField.fitResources) * ScoredResourceField.bytes;
  let sum = 0.0;
  let present: u32 = 0;
  let one = 0.0;
  let other = 0.0;
  let scored = first;
  for (let i: u32 = 0; i < count; i++, scored += ScoredResourceField.bytes) {
    const allocatable = allocatableOf(scored, node, slot);
    if (allocatable == 0.0) continue;
    other = one;
    one = fractionOf(scored, node, slot, pods, allocatable);
    sum += one;
    present++;
  }
  if (present < 2) return SCORE_MAX;
  if (present == 2) return <i32>((1.0 - Math.abs((other - one) / 2.0)) * <f64>SCORE_MAX);
  const mean = sum / <f64>present;
  let squares = 0.0;
  scored = first;
  for (let i: u32 = 0; i < count; i++, scored += ScoredResourceField.bytes) {
    const allocatable = allocatableOf(scored, node, slot);
    if (allocatable == 0.0) continue;
    const distance = fractionOf(scored, node, slot, pods, allocatable) - mean;
    squares += distance * distance;
  }
  return <i32>((1.0 - Math.sqrt(squares / <f64>present)) * <f64>SCORE_MAX);
}

function fractionOf(scored: usize, node: usize, slot: u32, pods: f64, allocatable: f64): f64 {
  const asked = pods * getF64(scored, ScoredResourceField.amount);
  return fraction(requestedOf(scored, node, slot) + asked, allocatable);
}
