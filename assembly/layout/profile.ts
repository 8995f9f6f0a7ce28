import { F64, I32, U32 } from "./field";

/** How NodeResourcesFit scores a class that is not scored plainly (`ClassField.scoresByRow`). */
export enum FitStrategy {
  LeastAllocated,
  MostAllocated,
  RequestedToCapacityRatio,
}

/** A profile: what classes that name it have in common. Profile 0 is kube-scheduler's default until the host says otherwise. */
export enum ProfileField {
  fitStrategy = U32 | 0,
  /** Entries in its row of filters; 0: kube-scheduler's own order. */
  filterCount = U32 | 4,
  bytes = 8,
}

/** A filter in the profile's order: row `profile * Limit.filtersPerProfile + i`. */
export enum ProfileFilterField {
  /** Of Filter, the plugin's own name. */
  filter = U32 | 0,
  bytes = 4,
}

/** What a plugin's score counts for in a profile: row `profile * Score.count + score`; 0: it is not scored. */
export enum ScoreWeightField {
  weight = I32 | 0,
  bytes = 4,
}

/** RequestedToCapacityRatio: the score, 0 to 100, of each whole percentage in use: row `profile * 101 + percentage`. */
export enum UtilizationScoreField {
  score = I32 | 0,
  bytes = 4,
}

/** Whole percentages, 0 and 100 among them. */
export const PERCENTAGES: u32 = 101;

/** Which of a node's resources a row of scored resources is about. */
export enum ScoredKind {
  milliCpu,
  memory,
  ephemeral,
  /** The column in `ScoredResourceField.resource`. */
  extended,
}

/**
 * A resource by which a class is scored: row `class * scoredResources + i`. Those of NodeResourcesFit stand first, then those
 * of NodeResourcesBalancedAllocation. An extended resource that the class does not ask for is left out by the host.
 *
 *   amount  what the class adds: for NodeResourcesFit as it scores (with defaults for cpu and memory), else its request
 */
export enum ScoredResourceField {
  amount = F64 | 0,
  kind = U32 | 8,
  resource = U32 | 12,
  weight = I32 | 16,
  bytes = 24,
}
