/**
 * An object as JSON out of its stored bytes, without decoding it. The revision is not part of what is stored (the store
 * gives it out while writing); it is spliced in behind `"metadata":{`, which follows kind and apiVersion because
 * `encodeObject` writes them first:
 *
 *   stored    {"kind":"Pod","apiVersion":"v1","metadata":{"name":"a",...},...}
 *   object    {"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"41","name":"a",...},...}
 *   item                                     {"metadata":{"resourceVersion":"41","name":"a",...},...}
 */
const METADATA = Buffer.from('"metadata":{');
const CLOSING_BRACE = "}".charCodeAt(0);
const OPENING_BRACE = "{".charCodeAt(0);

/**
 * @param revision  0: not stored (a dry run); then no resourceVersion is shown
 * @param before    ASCII that goes in front, as `{"type":"ADDED","object":`
 * @param after     ASCII that follows, as a line's end
 * @param isKept    not only until they are written: then they lie in memory of their own
 */
export function objectBytes(
  value: Uint8Array,
  revision: number,
  before: string,
  after: string,
  isKept = true,
): Buffer {
  const at = metadataEnd(value);
  const stamp = stampOf(value, at, revision);
  const start = before.length;
  const end = start + value.length + stamp.length;
  const bytes = isKept ? Buffer.allocUnsafe(end + after.length) : passingBuffer(end + after.length);
  if (start > 0) bytes.write(before, 0, "latin1");
  bytes.set(value, start);
  // Moved within the target: cheaper than two parts of the source, each a view of its own.
  bytes.copyWithin(start + at + stamp.length, start + at, start + value.length);
  bytes.write(stamp, start + at, "latin1");
  if (after.length > 0) bytes.write(after, end, "latin1");
  return bytes;
}

/** Node cuts pieces only below 4 KiB out of larger ones, and to ask for memory costs more than to fill it with an object. */
const SLAB_BYTES = 64 * 1024;
const LARGEST_PIECE_BYTES = SLAB_BYTES / 4;
let slab = Buffer.alloc(0);
let used = 0;

/** Memory for bytes that are written to a socket and let go: a piece that is kept would keep 64 KiB. */
function passingBuffer(bytes: number): Buffer {
  if (bytes > LARGEST_PIECE_BYTES) return Buffer.allocUnsafe(bytes);
  if (used + bytes > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  const piece = slab.subarray(used, used + bytes);
  used += bytes;
  return piece;
}

/** How many bytes `writeItem` takes at most. */
export function itemRoom(value: Uint8Array): number {
  return value.length + MAX_STAMP_BYTES;
}

/** `"resourceVersion":"9007199254740991",` */
const MAX_STAMP_BYTES = 40;

/** Writes the object as an item of a list, without kind and apiVersion. @returns where it ends */
export function writeItem(target: Buffer, start: number, value: Uint8Array, revision: number): number {
  const at = metadataEnd(value);
  const stamp = stampOf(value, at, revision);
  const from = at - METADATA.length;
  target[start] = OPENING_BRACE;
  const metadata = start + 1 + METADATA.length;
  const length = value.length - from;
  target.set(value.subarray(from), start + 1);
  target.copyWithin(metadata + stamp.length, metadata, start + 1 + length);
  target.write(stamp, metadata, "latin1");
  return start + 1 + length + stamp.length;
}

/** Where the first field of metadata begins. It lies in the first hundred bytes, so plain steps find it fastest. */
function metadataEnd(value: Uint8Array): number {
  const length = METADATA.length;
  for (let at = 1; at <= value.length - length; at++) {
    let same = 0;
    while (same < length && value[at + same] === METADATA[same]) same++;
    if (same === length) return at + length;
  }
  throw new Error("what is stored is not an object: it has no metadata");
}

function stampOf(value: Uint8Array, at: number, revision: number): string {
  if (revision === 0) return "";
  return value[at] === CLOSING_BRACE ? `"resourceVersion":"${revision}"` : `"resourceVersion":"${revision}",`;
}
