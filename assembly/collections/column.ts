/**
 * Looks for a number in a column of u32.
 *
 * @param from  the first row that is looked at; `end`: one above the last
 * @returns     the lowest row that holds it, or -1
 */
export function findEqual(column: usize, wanted: u32, from: u32, end: u32): i32 {
  let row = from;
  if (ASC_FEATURE_SIMD) {
    const four = i32x4.splat(wanted);
    for (; row + 16 <= end; row += 16) {
      const at = column + (<usize>row << 2);
      const low = v128.or(i32x4.eq(v128.load(at), four), i32x4.eq(v128.load(at, 16), four));
      const high = v128.or(i32x4.eq(v128.load(at, 32), four), i32x4.eq(v128.load(at, 48), four));
      if (v128.any_true(v128.or(low, high))) break;
    }
  }
  for (; row < end; row++) if (load<u32>(column + (<usize>row << 2)) == wanted) return row;
  return -1;
}

/** The lowest row from `from` on that is not 0, or `end`. */
export function findNonZero(column: usize, from: u32, end: u32): u32 {
  let row = from;
  if (ASC_FEATURE_SIMD) {
    for (; row + 16 <= end; row += 16) {
      const at = column + (<usize>row << 2);
      const low = v128.or(v128.load(at), v128.load(at, 16));
      const high = v128.or(v128.load(at, 32), v128.load(at, 48));
      if (v128.any_true(v128.or(low, high))) break;
    }
  }
  while (row < end && load<u32>(column + (<usize>row << 2)) == 0) row++;
  return row;
}
