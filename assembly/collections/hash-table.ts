/**
 * A hash table in rows of linear memory: open addressing, linear probing, no tombstones. A row starts with its key, a
 * multiple of 8 bytes whose last 8 are not 0 in a used row; what follows is the caller's. Rows are a power of two, and at
 * least one must stay free, or a search for what is not there does not end: the caller counts.
 *
 *   home of A, B: 2      | free | free | A | B | C | free |      C, of home 3, stands one further
 *   removing A moves up: | free | free | B | C | free | free |
 *
 * A key may occur several times: its rows are found in the order they were added, and removing one keeps that order.
 */
export function homeOf(key: usize, keyBytes: usize, seed: u32): u32 {
  let hash: u64 = seed;
  for (let at: usize = 0; at < keyBytes; at += 8) {
    hash = (hash ^ load<u64>(key + at)) * 0x9e3779b97f4a7c15;
    hash ^= hash >>> 32;
  }
  return <u32>hash;
}

function isUsed(row: usize, keyBytes: usize): bool {
  return load<u64>(row + keyBytes - 8) != 0;
}

export function sameKey(a: usize, b: usize, keyBytes: usize): bool {
  // The last part differs most often.
  for (let at = keyBytes; at > 0; at -= 8) if (load<u64>(a + at - 8) != load<u64>(b + at - 8)) return false;
  return true;
}

/**
 * The first row with the key, from slot `from` on (its home, or one above the row found last).
 *
 * @returns the slot, or -1
 */
export function findFrom(table: usize, rows: u32, rowBytes: usize, keyBytes: usize, key: usize, from: u32): i32 {
  const mask = rows - 1;
  let slot = from & mask;
  for (let probes: u32 = 0; probes < rows; probes++) {
    const row = table + <usize>slot * rowBytes;
    if (!isUsed(row, keyBytes)) return -1;
    if (sameKey(row, key, keyBytes)) return slot;
    slot = (slot + 1) & mask;
  }
  return -1;
}

/**
 * Takes a free row for the key, after those that already have it, and writes the key there.
 *
 * @returns the row's address
 */
export function insert(table: usize, rows: u32, rowBytes: usize, keyBytes: usize, key: usize, seed: u32): usize {
  const mask = rows - 1;
  let slot = homeOf(key, keyBytes, seed) & mask;
  let row = table + <usize>slot * rowBytes;
  while (isUsed(row, keyBytes)) {
    slot = (slot + 1) & mask;
    row = table + <usize>slot * rowBytes;
  }
  memory.copy(row, key, keyBytes);
  return row;
}

/** Frees a slot, and moves up the rows behind it that would not be found otherwise. */
export function removeSlot(table: usize, rows: u32, rowBytes: usize, keyBytes: usize, slot: u32, seed: u32): void {
  const mask = rows - 1;
  let hole = slot;
  let next = (slot + 1) & mask;
  for (;;) {
    const row = table + <usize>next * rowBytes;
    if (!isUsed(row, keyBytes)) break;
    const home = homeOf(row, keyBytes, seed) & mask;
    // Its home lies at the hole or before it, going round.
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      memory.copy(table + <usize>hole * rowBytes, row, rowBytes);
      hole = next;
    }
    next = (next + 1) & mask;
  }
  memory.fill(table + <usize>hole * rowBytes, 0, rowBytes);
}

/** Rows that may be used of so many: seven eighths. */
export function usableRows(rows: u32): u32 {
  return rows - (rows >>> 3) - 1;
}
