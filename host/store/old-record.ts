import { crc32 } from "node:zlib";
import type { RecordKind } from "./journal-record.ts";

/** The formats whose records are read here; `upgrade-file.ts` makes this version's of them. Format 1 knows no leases. */
export const OLD_FORMATS: readonly unknown[] = ["pintle-store 1", "pintle-store 2"];

/**
 * One change of one key, as files of formats 1 and 2 keep it: all that is known of it lies with the value.
 *
 *     key    revision u64 BE | key in UTF-8
 *     value  crc32 u32 | kind u32 | atMs f64 | createRevision f64 | lease f64, if kind is 3 | value           little-endian
 *
 * The checksum covers the key and all that follows it.
 */
export interface OldRecord {
  readonly revision: number;
  readonly key: string;
  readonly kind: RecordKind;
  readonly atMs: number;
  readonly createRevision: number;
  readonly lease: string | undefined;
  /** A view into what was decoded. */
  readonly value: Buffer;
}

const LEASED_PUT = 3;
const KINDS: readonly RecordKind[] = ["put", "delete", "about", "put"];
const LEASE_BYTES = 8;
const REVISION_BYTES = 8;
const HEADER_BYTES = 24;

/** The record; undefined when it is not one, or not as it was written. */
export function decodeOldRecord(keyBytes: Buffer, bytes: Buffer): OldRecord | undefined {
  if (keyBytes.length <= REVISION_BYTES || bytes.length < HEADER_BYTES) return undefined;
  if (bytes.readUInt32LE(0) !== crc32(bytes.subarray(4), crc32(keyBytes))) return undefined;
  const number = bytes.readUInt32LE(4);
  const kind = KINDS[number];
  if (kind === undefined) return undefined;
  const lease = number === LEASED_PUT ? String(bytes.readDoubleLE(HEADER_BYTES)) : undefined;
  return {
    revision: Number(keyBytes.readBigUInt64BE(0)),
    key: keyBytes.toString("utf8", REVISION_BYTES),
    kind,
    atMs: bytes.readDoubleLE(8),
    createRevision: bytes.readDoubleLE(16),
    lease,
    value: bytes.subarray(HEADER_BYTES + (lease === undefined ? 0 : LEASE_BYTES)),
  };
}
