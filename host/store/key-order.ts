/** The longest key, in UTF-8 bytes. LMDB takes 1,978 with 4 KiB pages, of which a journal record needs 29 for what it says of an entry. */
export const MAX_KEY_BYTES = 1_900;

/**
 * Compares two keys by their UTF-8 bytes, as etcd and LMDB do.
 *
 * UTF-16 units already sort that way, save for one thing: code points above U+FFFF are written with surrogates
 * (D800..DFFF), which as units come before U+E000..U+FFFF but as code points after. Two units that both are D800 or
 * more are therefore turned by 0x2000, which carries the surrogates to the end.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA === unitB) continue;
    if (unitA < 0xd800 || unitB < 0xd800) return unitA - unitB;
    return ((unitA + 0x2000) & 0xffff) - ((unitB + 0x2000) & 0xffff);
  }
  return a.length - b.length;
}

/**
 * Refuses what no engine could keep: an empty key, half of a surrogate pair (it has no UTF-8), more than
 * `MAX_KEY_BYTES`. A caller's mistake, so a loud one.
 */
export function assertKey(key: string): void {
  if (key === "") throw new RangeError("a key may not be empty");
  // A UTF-16 unit is at most three bytes, so that short keys need no counting.
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw new RangeError(`a key may have at most ${MAX_KEY_BYTES} bytes: ${key.slice(0, 80)}…`);
  if (/[\ud800-\udfff]/.test(key) && Buffer.from(key).toString() !== key)
    throw new RangeError("a key must be well-formed Unicode");
}
