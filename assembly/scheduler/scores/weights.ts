import { Score } from "../../layout/evaluation";
import { getI32 } from "../../layout/field";
import { ScoreWeightField } from "../../layout/profile";
import { scoreWeightRow } from "../../layout/profile-rows";

/** What a plugin's score counts for in a profile; 0 if it is disabled there. */
export function weightOf(profile: u32, score: Score): i32 {
  return getI32(scoreWeightRow(profile, score), ScoreWeightField.weight);
}
