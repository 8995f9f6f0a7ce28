/**
 * sfc32 in 16 bytes of memory (a, b, c, counter), the same sequence as the host's seeded source. State lives in memory, not
 * in globals, so instances that share a memory share it.
 */
export function seedRandom(state: usize, seed: u32): void {
  store<u32>(state, seed);
  store<u32>(state, 0, 4);
  store<u32>(state, 0x9e3779b9, 8);
  store<u32>(state, 1, 12);
  for (let i = 0; i < 12; i++) nextRandom(state);
}

/** The next of the sequence, 0 to 2^32-1. */
export function nextRandom(state: usize): u32 {
  const a = load<u32>(state);
  const b = load<u32>(state, 4);
  const c = load<u32>(state, 8);
  const counter = load<u32>(state, 12);
  const sum = a + b + counter;
  store<u32>(state, b ^ (b >>> 9));
  store<u32>(state, c + (c << 3), 4);
  store<u32>(state, rotl<u32>(c, 21) + sum, 8);
  store<u32>(state, counter + 1, 12);
  return sum;
}

/** A whole number, 0 to bound-1, each equally likely; bound >= 1. */
export function randomBelow(state: usize, bound: u32): u32 {
  assert(bound > 0);
  const limit: u64 = 0x100000000 - (0x100000000 % <u64>bound);
  let value = nextRandom(state);
  while (<u64>value >= limit) value = nextRandom(state);
  return value % bound;
}
