import { ClassField } from "../../layout/class";
import { SCORE_MAX } from "../../layout/evaluation";
import { getF64, getI32, getU32 } from "../../layout/field";
import { FitStrategy, ProfileField, ScoredResourceField, UtilizationScoreField } from "../../layout/profile";
import { scoredResourceRows } from "../../layout/class-rows";
import { profileRow, utilizationScoreRows } from "../../layout/profile-rows";
import { leastAllocatedScore } from "./least-allocated";
import { allocatableOf, nonZeroOf } from "./scored-resource";

/**
 * Scores a node by the resources and the strategy of the class's profile: the weighted mean of each resource's score. A
 * resource that the node does not have is left out. Source: kube-scheduler NodeResourcesFit.
 */
export function nodeResourcesFitScore(node: usize, classRow: usize, cls: u32, slot: u32): i32 {
  const profile = getU32(classRow, ClassField.profile);
  const strategy = getU32(profileRow(profile), ProfileField.fitStrategy);
  const count = getU32(classRow, ClassField.fitResources);
  let scored = scoredResourceRows(cls);
  let sum = 0;
  let weights = 0;
  for (let i: u32 = 0; i < count; i++, scored += ScoredResourceField.bytes) {
    const allocatable = allocatableOf(scored, node, slot);
    if (allocatable == 0.0) continue;
    const used = nonZeroOf(scored, node, slot) + getF64(scored, ScoredResourceField.amount);
    const score = scoreByStrategy(strategy, profile, allocatable, used);
    // What RequestedToCapacityRatio gives nothing does not count in the mean either.
    if (strategy == FitStrategy.RequestedToCapacityRatio && score <= 0) continue;
    const weight = getI32(scored, ScoredResourceField.weight);
    sum += score * weight;
    weights += weight;
  }
  if (weights == 0) return 0;
  return strategy == FitStrategy.RequestedToCapacityRatio ? roundedMean(sum, weights) : sum / weights;
}

/** @param allocatable  > 0 and below 2^46, so that the divisions are exact */
function scoreByStrategy(strategy: u32, profile: u32, allocatable: f64, used: f64): i32 {
  if (strategy == FitStrategy.LeastAllocated) return leastAllocatedScore(allocatable, used);
  const percentage = used > allocatable ? SCORE_MAX : <i32>((used * <f64>SCORE_MAX) / allocatable);
  if (strategy == FitStrategy.MostAllocated) return percentage;
  const row = utilizationScoreRows(profile) + <usize>percentage * UtilizationScoreField.bytes;
  return getI32(row, UtilizationScoreField.score);
}

/** Go's math.Round: a half goes up. */
function roundedMean(sum: i32, weights: i32): i32 {
  const mean = <f64>sum / <f64>weights;
  const whole = Math.floor(mean);
  return <i32>(mean - whole >= 0.5 ? whole + 1.0 : whole);
}
