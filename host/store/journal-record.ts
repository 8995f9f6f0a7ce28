import { crc32 } from "node:zlib";

/**
 * One change of one key, as the LMDB file keeps it.
 *
 *     key    revision u64 BE | key in UTF-8                     so that records lie in order of revision
 *     value  crc32 u32 | kind u32 | atMs f64 | createRevision f64 | value bytes                  all little-endian
 *
 *
 * A put with a lease is of the kind "leased-put", and the lease's id goes before the value as f64.
 * The checksum covers the key and all that follows it. Revision 0 is no revision: its records describe the file.
 */
export interface JournalRecord {
  readonly revision: number;
  readonly key: string;
  readonly kind: RecordKind;
  readonly atMs: number;
  readonly createRevision: number;
  readonly lease: string | undefined;
  /** A view into what was decoded; copy it to keep it. */
  readonly value: Uint8Array;
}

export type RecordKind = "put" | "delete" | "about";

const LEASED_PUT = 3;
const KINDS: readonly RecordKind[] = ["put", "delete", "about", "put"];
const LEASE_BYTES = 8;
const REVISION_BYTES = 8;
export const RECORD_HEADER_BYTES = 24;

export function recordKey(revision: number, key: string): Buffer {
  const bytes = Buffer.allocUnsafe(REVISION_BYTES + Buffer.byteLength(key));
  bytes.writeBigUInt64BE(BigInt(revision), 0);
  bytes.write(key, REVISION_BYTES);
  return bytes;
}

/** What comes before the bytes of the value. */
export function headBytes(lease: string | undefined): number {
  return RECORD_HEADER_BYTES + (lease === undefined ? 0 : LEASE_BYTES);
}

/** Writes a record's value to the beginning of `target`, which has room for the head and `value`. */
export function encodeRecord(
  target: Buffer,
  keyBytes: Buffer,
  kind: RecordKind,
  atMs: number,
  createRevision: number,
  value: Uint8Array,
  lease?: string,
): void {
  target.writeUInt32LE(lease === undefined ? KINDS.indexOf(kind) : LEASED_PUT, 4);
  target.writeDoubleLE(atMs, 8);
  target.writeDoubleLE(createRevision, 16);
  if (lease !== undefined) target.writeDoubleLE(Number(lease), RECORD_HEADER_BYTES);
  target.set(value, headBytes(lease));
  target.writeUInt32LE(crc32(target.subarray(4), crc32(keyBytes)), 0);
}

/** The record; undefined when it is not one, or not as it was written. */
export function decodeRecord(keyBytes: Buffer, bytes: Buffer): JournalRecord | undefined {
  if (keyBytes.length <= REVISION_BYTES || bytes.length < RECORD_HEADER_BYTES) return undefined;
  if (bytes.readUInt32LE(0) !== crc32(bytes.subarray(4), crc32(keyBytes))) return undefined;
  const number = bytes.readUInt32LE(4);
  const kind = KINDS[number];
  if (kind === undefined) return undefined;
  const lease = number === LEASED_PUT ? String(bytes.readDoubleLE(RECORD_HEADER_BYTES)) : undefined;
  return {
    revision: Number(keyBytes.readBigUInt64BE(0)),
    key: keyBytes.toString("utf8", REVISION_BYTES),
    kind,
    atMs: bytes.readDoubleLE(8),
    createRevision: bytes.readDoubleLE(16),
    lease,
    value: bytes.subarray(headBytes(lease)),
  };
}

/** About what a record takes up in the file: pages of its own when it is larger than half a page, else its bytes. */
export function recordBytes(keyBytes: number, valueBytes: number): number {
  const key = REVISION_BYTES + keyBytes + NODE_BYTES;
  const value = RECORD_HEADER_BYTES + valueBytes;
  if (key + value <= PAGE_BYTES / 2 - PAGE_HEADER_BYTES) return key + value;
  return key + Math.ceil((value + PAGE_HEADER_BYTES) / PAGE_BYTES) * PAGE_BYTES;
}

const PAGE_BYTES = 4096;
const PAGE_HEADER_BYTES = 24;
/** Header, pointer and, for large values, the number of the page they are on. */
const NODE_BYTES = 34;
