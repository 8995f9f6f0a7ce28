/**
 * Counts rows by their bucket, and remembers below which row none of a bucket is found: so the lowest row of a bucket is
 * looked for from there. 8 bytes a bucket.
 *
 *   bucket 80: | 2 rows | first 0 |
 */
export function addToBucket(buckets: usize, bucket: u32, row: u32): void {
  const at = buckets + (<usize>bucket << 3);
  const rows = load<u32>(at);
  const first = load<u32>(at, 4);
  // Without a branch: which of two rows is lower is not to be foreseen.
  store<u32>(at, select<u32>(row, first, (rows == 0) | (row < first)), 4);
  store<u32>(at, rows + 1);
}

/**
 * An empty bucket is 8 bytes of zero again.
 *
 * @returns  whether it is empty now
 */
export function takeFromBucket(buckets: usize, bucket: u32): bool {
  const at = buckets + (<usize>bucket << 3);
  const left = load<u32>(at) - 1;
  assert(left != 0xffffffff);
  store<u32>(at, left);
  if (left != 0) return false;
  store<u32>(at, 0, 4);
  return true;
}

export function rowsInBucket(buckets: usize, bucket: u32): u32 {
  return load<u32>(buckets + (<usize>bucket << 3));
}

/** The row from which to look for the lowest one of the bucket. */
export function firstOfBucket(buckets: usize, bucket: u32): u32 {
  return load<u32>(buckets + (<usize>bucket << 3), 4);
}

/** It was found. */
export function setFirstOfBucket(buckets: usize, bucket: u32, row: u32): void {
  store<u32>(buckets + (<usize>bucket << 3), row, 4);
}

/** The highest bucket that is not empty, `from` or below it; 0 if there is none. */
export function highestBucket(buckets: usize, from: u32): u32 {
  let bucket = from;
  while (bucket > 0 && load<u32>(buckets + (<usize>bucket << 3)) == 0) bucket--;
  return bucket;
}
