import { ClassField } from "../../layout/class";
import { IndexField } from "../../layout/class-index";
import { indexRow } from "../../layout/class-index-rows";
import { Score } from "../../layout/evaluation";
import { getU32 } from "../../layout/field";
import { classRow } from "../../layout/class-rows";
import { refusedByFit } from "../first-refusal";
import { nodePorts } from "../filters/node-ports";
import { fitsPlainly } from "../filters/node-resources-fit";
import { balancedAllocationByRow } from "../scores/balanced-allocation";
import { imageLocality } from "../scores/image-locality";
import { nodeResourcesFitScore } from "../scores/node-resources-fit";
import { plainResourceScores } from "../scores/plain-resources";
import { weightOf } from "../scores/weights";

/** The bucket of a node that something of its own refuses: its attributes, a port, too little of a resource. */
export const REFUSED_BUCKET: u32 = 0;

/** Whether cpu, memory, storage and the number of pods are all that decides about the class's bucket. */
export function isPlain(cls: u32): bool {
  const row = classRow(cls);
  const more =
    getU32(row, ClassField.wantsPorts) |
    getU32(row, ClassField.extendedCount) |
    getU32(row, ClassField.skipsFit) |
    getU32(row, ClassField.scoresByRow) |
    getU32(indexRow(cls), IndexField.scoresImages);
  return more == 0;
}

/** A node's bucket for a plain class. */
export function plainBucketOf(node: usize, classFields: usize, refusals: u32, fitWeight: i32, balanceWeight: i32): u32 {
  if (refusals != 0 || !fitsPlainly(node, classFields)) return REFUSED_BUCKET;
  return 1 + plainResourceScores(node, classFields, fitWeight, balanceWeight);
}

/**
 * A node's bucket: 1 + its weighted scores by resources and images. `prepareImages` has to have been called for a class that
 * is scored by them.
 */
export function bucketOf(node: usize, cls: u32, slot: u32, refusals: u32): u32 {
  const row = classRow(cls);
  if (refusals != 0 || nodePorts(row, cls, slot) || refusedByFit(node, row, cls, slot)) return REFUSED_BUCKET;
  const profile = getU32(row, ClassField.profile);
  const fitWeight = weightOf(profile, Score.NodeResourcesFit);
  const balanceWeight = weightOf(profile, Score.NodeResourcesBalancedAllocation);
  let score: i32;
  if (getU32(row, ClassField.scoresByRow) == 0) {
    score = plainResourceScores(node, row, fitWeight, balanceWeight);
  } else {
    score =
      fitWeight * nodeResourcesFitScore(node, row, cls, slot) +
      balanceWeight * balancedAllocationByRow(node, row, cls, slot);
  }
  if (getU32(indexRow(cls), IndexField.scoresImages) != 0)
    score += weightOf(profile, Score.ImageLocality) * imageLocality(cls, slot);
  return 1 + score;
}
