/**
 * Hands out rows of a table and takes them back. Rows that were given back are a list through their first words.
 *
 *   header: | row given back last + 1 | rows ever taken | rows taken now |      free: 5 -> 2 -> 0
 *
 * What a row holds when it is taken, apart from its first word, is what was left there.
 */
/** @returns a row, its first word 0; or -1 if all of them are taken */
export function takeRow(header: usize, rows: usize, rowBytes: usize, capacity: u32): i32 {
  const free = load<u32>(header);
  if (free != 0) {
    const row = rows + <usize>(free - 1) * rowBytes;
    store<u32>(header, load<u32>(row));
    store<u32>(row, 0);
    store<u32>(header, load<u32>(header, 8) + 1, 8);
    return free - 1;
  }
  const next = load<u32>(header, 4);
  if (next >= capacity) return -1;
  store<u32>(header, next + 1, 4);
  store<u32>(header, load<u32>(header, 8) + 1, 8);
  return next;
}

export function giveRow(header: usize, rows: usize, rowBytes: usize, row: u32): void {
  store<u32>(rows + <usize>row * rowBytes, load<u32>(header));
  store<u32>(header, row + 1);
  store<u32>(header, load<u32>(header, 8) - 1, 8);
}
