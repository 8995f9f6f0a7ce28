/**
 * Which rows have changed, in order: a ring of row numbers, and a stamp for each row that says which of its entries is the
 * last. Readers keep a cursor of their own and look again at the rows they have not seen. When a row changes again its entry
 * before that is struck out: whoever had to read it has to read the later one.
 *
 *   ring    | - | 3 | 7 | 4 |    changes 0..3; change 0 was of row 7, too
 *   stamps  row 7: 2, row 3: 1
 *
 * A reader that lags by more than the ring is long has to begin anew. Changes are counted in f64, exact to 2^53.
 */
const STRUCK_OUT: i32 = -1;

/** @param mask  entries of the ring, a power of two, less 1 */
export function noteChange(ring: usize, mask: u32, stamps: usize, change: f64, row: u32): void {
  const low = <u32>(<u64>change);
  const stamp = stamps + (<usize>row << 2);
  const before = ring + (<usize>(load<u32>(stamp) & mask) << 2);
  // Or the ring has gone round since, and another row's entry is there.
  if (load<u32>(before) == row) store<i32>(before, STRUCK_OUT);
  store<u32>(ring + (<usize>(low & mask) << 2), row);
  store<u32>(stamp, low);
}

/** The row of a change (the low bits of its number), or -1 if a later one stands for it. */
export function changedRow(ring: usize, mask: u32, low: u32): i32 {
  return load<i32>(ring + (<usize>(low & mask) << 2));
}
