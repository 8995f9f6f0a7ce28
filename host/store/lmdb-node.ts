import { PAGE_HEADER_BYTES } from "./lmdb-pages.ts";

/** A key where it stands, good for as long as its page is. */
export interface KeyBytes {
  readonly page: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
}

/** A record where it stands, good during the call that hands it over. */
export interface FileRecord extends KeyBytes {
  readonly dataBytes: number;
  /** Its data is on pages of its own. */
  readonly isLarge: boolean;
  /** Where its data begins on the page, unless it is large. */
  readonly dataStart: number;
  /** The first of its own pages. */
  readonly firstPage: number;
  /** That wrote its own pages. */
  readonly transaction: number;
}

const NODE_HEADER_BYTES = 8;
/** In the place of data on pages of its own: their first number, transaction and count. */
const OVERFLOW_REFERENCE_BYTES = 24;
const BIG_DATA_FLAG = 0x01;

/**
 * A node of a page, one after the other in the same object: a store of a million keys is read without making any.
 *
 *     branch    page u48 | key size u16 | key
 *     leaf      data size u32 | flags u16 | key size u16 | key | data, or (flag 1) where its pages are
 */
export class LmdbNode implements FileRecord {
  page: Buffer = Buffer.alloc(0);
  keyStart = 0;
  keyEnd = 0;
  dataBytes = 0;
  isLarge = false;
  dataStart = 0;
  firstPage = 0;
  pageCount = 0;
  transaction = 0;
  child = 0;

  /** @returns undefined when the node does not lie between `upper` and the end of its page, or is of an unknown kind */
  sizeOf(page: Buffer, index: number, upper: number, isLeaf: boolean): number | undefined {
    const offset = page.readUInt16LE(PAGE_HEADER_BYTES + 2 * index);
    const at = PAGE_HEADER_BYTES + offset;
    if (offset < upper || at + NODE_HEADER_BYTES > page.length) return undefined;
    let size = NODE_HEADER_BYTES + page.readUInt16LE(at + 6);
    if (isLeaf) {
      // Flags that a plain database does not have make it endless.
      const flags = page.readUInt16LE(at + 4);
      if (flags === 0) size += page.readUInt32LE(at);
      else size += flags === BIG_DATA_FLAG ? OVERFLOW_REFERENCE_BYTES : Number.POSITIVE_INFINITY;
    }
    return at + size > page.length ? undefined : size;
  }

  readBranch(page: Buffer, index: number): void {
    const at = this.#readKey(page, index);
    this.child = page.readUIntLE(at, 6);
  }

  readLeaf(page: Buffer, index: number): void {
    const at = this.#readKey(page, index);
    this.dataBytes = page.readUInt32LE(at);
    this.dataStart = this.keyEnd;
    this.isLarge = page.readUInt16LE(at + 4) === BIG_DATA_FLAG;
    if (!this.isLarge) return;
    this.firstPage = readWord(page, this.keyEnd);
    this.transaction = readWord(page, this.keyEnd + 8);
    this.pageCount = readWord(page, this.keyEnd + 16);
  }

  #readKey(page: Buffer, index: number): number {
    const at = PAGE_HEADER_BYTES + page.readUInt16LE(PAGE_HEADER_BYTES + 2 * index);
    this.page = page;
    this.keyStart = at + NODE_HEADER_BYTES;
    this.keyEnd = this.keyStart + page.readUInt16LE(at + 6);
    return at;
  }
}

/** 64 bits; exact as far as numbers are, and what is beyond passes no bound. */
function readWord(page: Buffer, at: number): number {
  return page.readUInt32LE(at) + page.readUInt32LE(at + 4) * 2 ** 32;
}

export function compareBytes(a: KeyBytes, b: KeyBytes): number {
  const lengthA = a.keyEnd - a.keyStart;
  const lengthB = b.keyEnd - b.keyStart;
  const length = Math.min(lengthA, lengthB);
  for (let i = 0; i < length; i++) {
    const difference = a.page[a.keyStart + i]! - b.page[b.keyStart + i]!;
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}

/** Keys of the free tree are transaction numbers, in the machine's own byte order. */
export function compareIntegers(a: KeyBytes, b: KeyBytes): number {
  if (a.keyEnd - a.keyStart !== 8 || b.keyEnd - b.keyStart !== 8) return 0;
  const difference = a.page.readBigUInt64LE(a.keyStart) - b.page.readBigUInt64LE(b.keyStart);
  return difference < 0n ? -1 : Number(difference > 0n);
}
