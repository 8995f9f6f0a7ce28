import { ClassField } from "../../layout/class";
import { SCORE_MAX } from "../../layout/evaluation";
import { getF64, getI32 } from "../../layout/field";
import { NodeField } from "../../layout/node";
import { balancedAllocation } from "./balanced-allocation";
import { leastAllocated } from "./least-allocated";

/**
 * LeastAllocated and BalancedAllocation of a node in the plain case, weighted and summed: what a scan needs of them. With SIMD both are
 * computed for CPU and memory at once, in the same operations and so with the same results as the plain functions, which
 * say what they mean.
 *
 *   a v128 of two f64:   | CPU (lane 0) | memory (lane 1) |
 */
export function plainResourceScores(node: usize, classRow: usize, fitWeight: i32, balanceWeight: i32): i32 {
  if (ASC_FEATURE_SIMD) {
    // A node without CPU or memory has a resource to leave out: the plain functions know how.
    if (getI32(node, NodeField.allocatableMilliCpu) != 0 && getF64(node, NodeField.allocatableMemory) != 0.0) {
      return (
        fitWeight * leastAllocatedPair(node, classRow) + balanceWeight * balancedAllocationPair(node, classRow)
      );
    }
  }
  return fitWeight * leastAllocated(node, classRow) + balanceWeight * balancedAllocation(node, classRow);
}

function leastAllocatedPair(node: usize, classRow: usize): i32 {
  const allocatable = pair(getI32(node, NodeField.allocatableMilliCpu), getF64(node, NodeField.allocatableMemory));
  const nonZero = pair(getI32(node, NodeField.nonZeroMilliCpu), getF64(node, NodeField.nonZeroMemory));
  const asked = f64x2(getF64(classRow, ClassField.scoreMilliCpu), getF64(classRow, ClassField.scoreMemory));
  const used = f64x2.add(nonZero, asked);
  const free = f64x2.mul(f64x2.sub(allocatable, used), f64x2.splat(<f64>SCORE_MAX));
  // Less than nothing free counts as 0: a negative quotient is cut by the comparison, as in the plain function.
  const fits = f64x2.le(used, allocatable);
  const scores = i32x4.trunc_sat_f64x2_s_zero(v128.and(f64x2.div(free, allocatable), fits));
  return (i32x4.extract_lane(scores, 0) + i32x4.extract_lane(scores, 1)) >> 1;
}

function balancedAllocationPair(node: usize, classRow: usize): i32 {
  const milliCpu = getF64(classRow, ClassField.requestMilliCpu);
  const memory = getF64(classRow, ClassField.requestMemory);
  if (milliCpu == 0.0 && memory == 0.0) return 0;
  const allocatable = pair(getI32(node, NodeField.allocatableMilliCpu), getF64(node, NodeField.allocatableMemory));
  const before = pair(getI32(node, NodeField.requestedMilliCpu), getF64(node, NodeField.requestedMemory));
  const one = f64x2.splat(1.0);
  const fractionsBefore = f64x2.pmin(one, f64x2.div(before, allocatable));
  const after = f64x2.add(before, f64x2(milliCpu, memory));
  const fractionsAfter = f64x2.pmin(one, f64x2.div(after, allocatable));
  // Turned around: lane 0 is after, lane 1 before, once for CPU and once for memory.
  const cpu = v128.shuffle<f64>(fractionsAfter, fractionsBefore, 0, 2);
  const mem = v128.shuffle<f64>(fractionsAfter, fractionsBefore, 1, 3);
  const deviation = f64x2.mul(f64x2.abs(f64x2.sub(cpu, mem)), f64x2.splat(0.5));
  const balance = f64x2.mul(f64x2.sub(one, deviation), f64x2.splat(<f64>SCORE_MAX));
  const balances = i32x4.trunc_sat_f64x2_s_zero(balance);
  const change = i32x4.extract_lane(balances, 0) - i32x4.extract_lane(balances, 1);
  return SCORE_MAX / 2 + (SCORE_MAX / 2 + change) / 2;
}

function pair(milliCpu: i32, memory: f64): v128 {
  return f64x2.replace_lane(f64x2.splat(memory), 0, <f64>milliCpu);
}
