import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { StoreOpenError } from "./open-error.ts";

/**
 * Reads an LMDB file without LMDB. LMDB maps the file and follows whatever numbers it finds there: a flipped byte can
 * make it crash the process or write over live pages. So a file is read here first, every number on the way is held
 * against its bounds, and only a sound file is given to LMDB to write on. It also keeps the mapped file out of
 * resident memory.
 *
 * The layout (npm lmdb 3.5, data version 2, 64 bit, little-endian; `mdb.c`, MDB_page_header, MDB_meta, MDB_node):
 *
 *     page      pgno u64 | txnid u64 | pad u16 | flags u16 | lower u16, upper u16 (overflow: page count u32) | …
 *     meta      (pages 0 and 1, the higher txnid is valid)  magic u32 | version u32 | address u64 | mapsize u64
 *               | free tree | main tree | last page u64 | txnid u64 | …
 *     tree      page size or 0 u32 | flags u16 | depth u16 | branch, leaf, overflow pages u64 | entries u64 | root u64
 *     node      branch: page u48 | key size u16 | key
 *               leaf:   data size u32 | flags u16 | key size u16 | key | data, or (flag 1) the overflow page's number
 */
const HEADER_BYTES = 24;
const TREE_BYTES = 48;
const META_BYTES = HEADER_BYTES + 24 + 2 * TREE_BYTES + 16;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const BRANCH_FLAG = 0x01;
const LEAF_FLAG = 0x02;
const OVERFLOW_FLAG = 0x04;
const META_FLAG = 0x08;
const BIG_DATA_FLAG = 0x01;
const NO_PAGE = 2n ** 64n - 1n;
/** LMDB's own bound is 32 levels (CURSOR_STACK). */
const MAX_DEPTH = 32;

type Visit = (key: Buffer, value: Buffer) => void;
type CompareKeys = (a: Buffer, b: Buffer) => number;

interface Tree {
  readonly pageSize: number;
  readonly flags: number;
  readonly depth: number;
  readonly entries: number;
  readonly root: number | undefined;
}

interface Meta {
  readonly trees: readonly [free: Tree, main: Tree];
  readonly pages: number;
  readonly transaction: bigint;
}

/**
 * Hands every record of the main database to `visit`, in order of their keys, and checks the whole structure.
 * The buffers are only good during the call.
 *
 * @throws StoreOpenError "corrupt" at the first thing that cannot be
 */
export function readLmdbFile(path: string, visit: Visit): void {
  const file = openSync(path, "r");
  try {
    new LmdbFile(path, file).read(visit);
  } finally {
    closeSync(file);
  }
}

class LmdbFile {
  readonly #path: string;
  readonly #file: number;
  readonly #bytes: number;
  #pageSize = 0;
  #pages = 0;
  /** A bit per page: seen already, so that no page belongs to two owners. */
  #seen = new Uint8Array(0);

  constructor(path: string, file: number) {
    this.#path = path;
    this.#file = file;
    this.#bytes = fstatSync(file).size;
  }

  read(visit: Visit): void {
    const meta = this.#readMeta();
    this.#seen = new Uint8Array(Math.ceil(this.#pages / 8));
    this.#claim(0, 2);
    this.#readTree(meta.trees[1], Buffer.compare, visit);
    this.#readTree(meta.trees[0], compareIntegerKeys, (key, value) => this.#claimFreePages(key, value));
  }

  #readMeta(): Meta {
    const first = this.#parseMeta(this.#readAt(0, META_BYTES), 0);
    const pageSize = first.trees[0].pageSize;
    if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0)
      throw this.#corrupt(`a page size of ${pageSize}`);
    this.#pageSize = pageSize;
    const second = this.#parseMeta(this.#readAt(pageSize, META_BYTES), 1);
    if (second.trees[0].pageSize !== pageSize) throw this.#corrupt("its two meta pages differ in page size");
    const newest = second.transaction > first.transaction ? second : first;
    const older = newest === first ? second : first;
    // Transaction n is written to meta page n mod 2; so the other page holds the one before it.
    const isNew = newest.transaction === 0n && older.transaction === 0n;
    if (!isNew && newest.transaction - older.transaction !== 1n)
      throw this.#corrupt(`meta pages of transactions ${older.transaction} and ${newest.transaction}`);
    if (newest.transaction % 2n !== (newest === first ? 0n : 1n))
      throw this.#corrupt("meta pages out of order");
    // The last pages may be free and beyond the end of the file; whatever is read is checked against the end.
    if (newest.pages < 2 || newest.pages > 2 * (this.#bytes / pageSize) + SPARE_PAGES)
      throw this.#corrupt(`${newest.pages} pages`);
    this.#pages = newest.pages;
    return newest;
  }

  #parseMeta(page: Buffer, index: number): Meta {
    if (page.readUInt32LE(HEADER_BYTES) !== MAGIC)
      throw this.#corrupt(index === 0 ? "it is not an LMDB file" : "its second meta page is damaged");
    const version = page.readUInt32LE(HEADER_BYTES + 4) & 0xffff;
    if (version !== DATA_VERSION)
      throw new StoreOpenError(
        "unknown-format",
        `${this.#path} is an LMDB file of data version ${version}, not 2`,
      );
    if (page.readBigUInt64LE(0) !== BigInt(index) || page.readUInt16LE(18) !== META_FLAG)
      throw this.#corrupt(`meta page ${index} is damaged`);
    const trees = [
      this.#parseTree(page, HEADER_BYTES + 24),
      this.#parseTree(page, HEADER_BYTES + 24 + TREE_BYTES),
    ];
    const end = HEADER_BYTES + 24 + 2 * TREE_BYTES;
    return {
      trees: [trees[0]!, trees[1]!],
      pages: Number(page.readBigUInt64LE(end)) + 1,
      transaction: page.readBigUInt64LE(end + 8),
    };
  }

  #parseTree(page: Buffer, at: number): Tree {
    const root = page.readBigUInt64LE(at + 40);
    return {
      pageSize: page.readUInt32LE(at),
      flags: page.readUInt16LE(at + 4),
      depth: page.readUInt16LE(at + 6),
      entries: Number(page.readBigUInt64LE(at + 32)),
      root: root === NO_PAGE ? undefined : Number(root),
    };
  }

  #readTree(tree: Tree, compare: CompareKeys, visit: Visit): void {
    if (tree.depth > MAX_DEPTH) throw this.#corrupt(`a tree of ${tree.depth} levels`);
    let entries = 0;
    if (tree.root !== undefined) {
      this.#readNodes(tree.root, tree.depth, compare, (key, value) => {
        entries += 1;
        visit(key, value);
      });
    } else if (tree.depth !== 0) throw this.#corrupt("a tree without a root");
    if (entries !== tree.entries) throw this.#corrupt(`${entries} records where ${tree.entries} should be`);
  }

  #readNodes(number: number, depth: number, compare: CompareKeys, visit: Visit): void {
    this.#claim(number, 1);
    const page = this.#readAt(number * this.#pageSize, this.#pageSize);
    const isLeaf = depth === 1;
    const flags = page.readUInt16LE(18);
    if (page.readBigUInt64LE(0) !== BigInt(number) || flags !== (isLeaf ? LEAF_FLAG : BRANCH_FLAG))
      throw this.#corrupt(`page ${number} is not what it should be`);
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    const room = this.#pageSize - HEADER_BYTES;
    if (lower > upper || upper > room || lower % 2 !== 0) throw this.#corrupt(`page ${number} is damaged`);
    let previous: Buffer | undefined;
    for (let i = 0; i < lower / 2; i++) {
      const at = page.readUInt16LE(HEADER_BYTES + 2 * i);
      if (at < upper || at + 8 > room) throw this.#corrupt(`page ${number} is damaged`);
      const node = page.subarray(HEADER_BYTES + at);
      const keySize = node.readUInt16LE(6);
      if (at + 8 + keySize > room) throw this.#corrupt(`page ${number} is damaged`);
      const key = node.subarray(8, 8 + keySize);
      // The first key of a branch is empty: it stands for everything before the second.
      if (previous !== undefined && compare(previous, key) >= 0)
        throw this.#corrupt(`the keys of page ${number} are out of order`);
      if (isLeaf || i > 0) previous = key;
      if (!isLeaf) this.#readNodes(node.readUIntLE(0, 6), depth - 1, compare, visit);
      else visit(key, this.#readData(node, keySize, room - at));
    }
  }

  #readData(node: Buffer, keySize: number, room: number): Buffer {
    const size = node.readUInt32LE(0);
    const start = 8 + keySize;
    if ((node.readUInt16LE(4) & BIG_DATA_FLAG) === 0) {
      if (start + size > room) throw this.#corrupt("a record leaves its page");
      return node.subarray(start, start + size);
    }
    if (start + 24 > room) throw this.#corrupt("a record leaves its page");
    const number = Number(node.readBigUInt64LE(start));
    const pages = Math.ceil((HEADER_BYTES + size) / this.#pageSize);
    this.#claim(number, pages);
    const bytes = this.#readAt(number * this.#pageSize, HEADER_BYTES + size);
    if (
      bytes.readBigUInt64LE(0) !== BigInt(number) ||
      bytes.readUInt16LE(18) !== OVERFLOW_FLAG ||
      bytes.readUInt32LE(20) !== pages
    )
      throw this.#corrupt(`page ${number} is not what it should be`);
    return bytes.subarray(HEADER_BYTES);
  }

  /**
   * A record of the free tree: a count, then page numbers. npm lmdb writes runs of pages as two words, the negative
   * length and the first page, and leaves holes of 0.
   */
  #claimFreePages(key: Buffer, value: Buffer): void {
    if (key.length !== 8 || value.length < 8) throw this.#corrupt("its list of free pages is damaged");
    const words = Number(value.readBigUInt64LE(0));
    if (words > value.length / 8 - 1) throw this.#corrupt("its list of free pages is damaged");
    let run = 1;
    for (let i = 1; i <= words; i++) {
      const word = Number(value.readBigInt64LE(8 * i));
      if (word < 0) run = -word;
      else {
        if (word > 0) this.#claim(word, run);
        run = 1;
      }
    }
  }

  /** Marks pages as spoken for; no page may be so twice. */
  #claim(first: number, count: number): void {
    if (first + count > this.#pages) throw this.#corrupt(`page ${first} of ${this.#pages} is asked for`);
    for (let page = first; page < first + count; page++) {
      const bit = 1 << (page & 7);
      if ((this.#seen[page >>> 3]! & bit) !== 0) throw this.#corrupt(`page ${page} is used twice`);
      this.#seen[page >>> 3]! |= bit;
    }
  }

  /** Reads into a buffer of its own: the pages from the root to a leaf are in use together. */
  #readAt(position: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const read = readSync(this.#file, buffer, done, length - done, position + done);
      if (read === 0) throw this.#corrupt(`it ends at byte ${this.#bytes}, within a page that is in use`);
      done += read;
    }
    return buffer;
  }

  #corrupt(what: string): StoreOpenError {
    return new StoreOpenError("corrupt", `${this.#path} is corrupt: ${what}; nothing was changed`);
  }
}

/** How far beyond twice the file the last page is believed to be, so that the bits for all pages fit in memory. */
const SPARE_PAGES = 65_536;

/** Keys of the free tree are transaction numbers, in the machine's own byte order. */
function compareIntegerKeys(a: Buffer, b: Buffer): number {
  if (a.length !== 8 || b.length !== 8) return 0;
  const difference = a.readBigUInt64LE(0) - b.readBigUInt64LE(0);
  return difference < 0n ? -1 : Number(difference > 0n);
}
