import { Limit, Score } from "./evaluation";
import { PERCENTAGES, ProfileField, ProfileFilterField, ScoreWeightField, UtilizationScoreField } from "./profile";
import { Capacity, capacityOf, Table, tableAddress } from "./tables";

// Rows of the tables of profiles.

export function profileRow(profile: u32): usize {
  assert(profile < capacityOf(Capacity.profiles));
  return tableAddress(Table.profiles) + <usize>profile * ProfileField.bytes;
}

/** The profile's first filter; filter n is n rows further. */
export function profileFilterRows(profile: u32): usize {
  assert(profile < capacityOf(Capacity.profiles));
  return tableAddress(Table.profileFilters) + <usize>profile * Limit.filtersPerProfile * ProfileFilterField.bytes;
}

export function scoreWeightRow(profile: u32, score: Score): usize {
  assert(profile < capacityOf(Capacity.profiles));
  return tableAddress(Table.scoreWeights) + (<usize>profile * Score.count + <usize>score) * ScoreWeightField.bytes;
}

/** The score of 0 %; that of n % is n rows further. */
export function utilizationScoreRows(profile: u32): usize {
  assert(profile < capacityOf(Capacity.profiles));
  return tableAddress(Table.utilizationScores) + <usize>profile * PERCENTAGES * UtilizationScoreField.bytes;
}
