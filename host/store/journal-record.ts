import { crc32 } from "node:zlib";
import { crc32Of } from "./crc32.ts";
import type { Entry } from "./store.ts";

/**
 * One change of one key, as the LMDB file keeps it.
 *
 *     key    revision u64 BE | key in UTF-8 | createRevision f64 | lease f64, if kind is 3 | kind u8 | crc32 u32
 *     value  crc32 u32 | atMs f64 | value bytes                             all little-endian but the revision
 *
 * The revision comes first, so that records lie in its order. All that is known of an entry stands in the key, with a
 * checksum of its own: LMDB keeps keys together and large values apart, so that a store is opened without touching them.
 * The value's checksum goes on from the key's, so that neither passes with another.
 *
 * Revision 0 is no revision: its records describe the file.
 */
export interface RecordFacts {
  readonly revision: number;
  readonly key: string;
  readonly kind: RecordKind;
  readonly createRevision: number;
  readonly lease: string | undefined;
}

export type RecordKind = "put" | "delete" | "about";

const KINDS: readonly RecordKind[] = ["put", "delete", "about", "put"];
const LEASED_PUT = 3;
const REVISION_BYTES = 8;
/** createRevision, kind, checksum. */
const TAIL_BYTES = 13;
const LEASE_BYTES = 8;
/** What comes before the bytes of the value. */
export const VALUE_HEAD_BYTES = 12;

/** The key of a record. Whoever knows what it says can name it, to read it or to remove it. */
export function recordKey({ revision, key, kind, createRevision, lease }: RecordFacts): Buffer {
  const keyBytes = Buffer.byteLength(key);
  const bytes = Buffer.allocUnsafe(
    REVISION_BYTES + keyBytes + TAIL_BYTES + (lease === undefined ? 0 : LEASE_BYTES),
  );
  bytes.writeBigUInt64BE(BigInt(revision), 0);
  bytes.write(key, REVISION_BYTES);
  const at = bytes.writeDoubleLE(createRevision, REVISION_BYTES + keyBytes);
  if (lease !== undefined) bytes.writeDoubleLE(Number(lease), at);
  bytes[bytes.length - 5] = lease === undefined ? KINDS.indexOf(kind) : LEASED_PUT;
  bytes.writeUInt32LE(crc32Of(bytes, 0, bytes.length - 4), bytes.length - 4);
  return bytes;
}

/** The key of the record of a put. */
export function entryKey({ key, modRevision, createRevision, lease }: Entry): Buffer {
  return recordKey({ revision: modRevision, key, kind: "put", createRevision, lease });
}

/** The key of the record of a delete. */
export function deleteKey(revision: number, key: string): Buffer {
  return recordKey({ revision, key, kind: "delete", createRevision: 0, lease: undefined });
}

/** The key of a record about the file. */
export function aboutKey(name: string): Buffer {
  return recordKey({ revision: 0, key: name, kind: "about", createRevision: 0, lease: undefined });
}

/** What the key of a record says; undefined when it is not one, or not as it was written. */
export function parseRecordKey(bytes: Buffer, start = 0, end = bytes.length): RecordFacts | undefined {
  if (end - start <= REVISION_BYTES + TAIL_BYTES) return undefined;
  if (bytes.readUInt32LE(end - 4) !== crc32Of(bytes, start, end - 4)) return undefined;
  const number = bytes[end - 5]!;
  const kind = KINDS[number];
  if (kind === undefined) return undefined;
  const leaseBytes = number === LEASED_PUT ? LEASE_BYTES : 0;
  const tail = end - TAIL_BYTES - leaseBytes;
  return {
    revision: bytes.readUInt32BE(start) * 2 ** 32 + bytes.readUInt32BE(start + 4),
    key: bytes.toString("utf8", start + REVISION_BYTES, tail),
    kind,
    createRevision: bytes.readDoubleLE(tail),
    lease: leaseBytes === 0 ? undefined : String(bytes.readDoubleLE(tail + 8)),
  };
}

/** How long the entry's own key is, of a record's key of so many bytes. */
export function userKeyBytes(recordKeyBytes: number, { lease }: RecordFacts): number {
  return recordKeyBytes - REVISION_BYTES - TAIL_BYTES - (lease === undefined ? 0 : LEASE_BYTES);
}

/** Writes the value of a record to `target`, which has exactly the room for its head and its bytes. */
export function encodeValue(target: Buffer, keyBytes: Buffer, atMs: number, value: Uint8Array): void {
  target.writeDoubleLE(atMs, 4);
  target.set(value, VALUE_HEAD_BYTES);
  target.writeUInt32LE(valueChecksum(keyBytes, target), 0);
}

/** The bytes that were put, a view into what was read; undefined when they are not as they were written. */
export function decodeValue(keyBytes: Buffer, bytes: Buffer): Buffer | undefined {
  if (bytes.length < VALUE_HEAD_BYTES || bytes.readUInt32LE(0) !== valueChecksum(keyBytes, bytes))
    return undefined;
  return bytes.subarray(VALUE_HEAD_BYTES);
}

/** When a value was put. Taken unchecked: it only says when history may be forgotten. */
export function putAtMs(bytes: Buffer): number {
  return bytes.readDoubleLE(4);
}

function valueChecksum(keyBytes: Buffer, bytes: Buffer): number {
  return crc32(bytes.subarray(4), keyBytes.readUInt32LE(keyBytes.length - 4));
}

/** About what a record takes up in the file: pages of its own when it is larger than half a page, else its bytes. */
export function recordBytes(keyBytes: number, valueBytes: number): number {
  const key = REVISION_BYTES + keyBytes + TAIL_BYTES + NODE_BYTES;
  const value = VALUE_HEAD_BYTES + valueBytes;
  if (key + value <= PAGE_BYTES / 2 - PAGE_HEADER_BYTES) return key + value;
  return key + Math.ceil((value + PAGE_HEADER_BYTES) / PAGE_BYTES) * PAGE_BYTES;
}

const PAGE_BYTES = 4096;
const PAGE_HEADER_BYTES = 24;
/** Header, pointer and, for large values, the number of the page they are on. */
const NODE_BYTES = 34;
