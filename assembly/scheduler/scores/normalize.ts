import { SCORE_MAX } from "../../layout/evaluation";

/** Scales raw scores so that the highest of the feasible nodes becomes 100. All 0 stay 0. Source: DefaultNormalizeScore. */
export function normalize(raw: i32, highest: i32): i32 {
  return highest == 0 ? 0 : <i32>((<i64>SCORE_MAX * <i64>raw) / <i64>highest);
}

/** The same for scores where less is better: the highest becomes 0, and all 0 become 100. */
export function normalizeReverse(raw: i32, highest: i32): i32 {
  return SCORE_MAX - normalize(raw, highest);
}
