/**
 * Which rows have changed, in order: a ring of row numbers, and a stamp for each row that says which of its entries is the
 * last. Readers keep a cursor of their own and look again at the rows they have not seen; an entry that a later one of
 * the same row stands behind is passed over.
 *
 *   ring    | 7 | 3 | 7 | 4 |    changes 0..3
 *   stamps  row 7: 2, row 3: 1   change 0 is superseded by change 2
 *
 * A reader that lags by more than the ring is long has to begin anew. Changes are counted in f64, exact to 2^53.
 */

/** @param mask  entries of the ring, a power of two, less 1 */
export function noteChange(ring: usize, mask: u32, stamps: usize, change: f64, row: u32): void {
  const low = <u32>(<u64>change);
  store<u32>(ring + (<usize>(low & mask) << 2), row);
  store<u32>(stamps + (<usize>row << 2), low);
}

/** The row of a change (the low bits of its number), or -1 if a later one stands for it. */
export function changedRow(ring: usize, mask: u32, stamps: usize, low: u32): i32 {
  const row = load<u32>(ring + (<usize>(low & mask) << 2));
  return load<u32>(stamps + (<usize>row << 2)) == low ? <i32>row : -1;
}
