import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
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
 *               leaf:   data size u32 | flags u16 | key size u16 | key | data, or (flag 1) where its pages are
 */
const HEADER_BYTES = 24;
const NODE_HEADER_BYTES = 8;
/** In the place of data on pages of its own: their first number, transaction and count. */
const OVERFLOW_REFERENCE_BYTES = 24;
const TREE_BYTES = 48;
/** Where a meta page has the number of its transaction. */
const META_TRANSACTION = HEADER_BYTES + 24 + 2 * TREE_BYTES + 8;
const META_BYTES = META_TRANSACTION + 8;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const BRANCH_FLAG = 0x01;
const LEAF_FLAG = 0x02;
const OVERFLOW_FLAG = 0x04;
const META_FLAG = 0x08;
const BIG_DATA_FLAG = 0x01;
/** MDB_INTEGERKEY, and MDB_NOSUBDIR, which the file itself was opened with. */
const FREE_TREE_FLAGS = 0x4008;
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
  readonly free: Tree;
  readonly main: Tree;
  readonly pages: number;
  readonly transaction: bigint;
}

/** A run of pages, as the free list and records larger than a page have them. */
interface Run {
  readonly first: number;
  readonly count: number;
}

/**
 * Hands every record of the main database to `visit`, in order of their keys, and checks the whole structure.
 * The buffers are only good during the call.
 *
 * @param hidden  to be read instead of the newest transaction
 * @throws StoreOpenError "corrupt" at the first thing that cannot be
 */
export function readLmdbFile(path: string, visit: Visit, hidden?: HiddenTransaction): void {
  withFile(path, "r", (file) => new LmdbFile(path, file).read(visit, hidden));
}

/** A transaction after the newest, to which a meta page leads that says it is older. */
export interface HiddenTransaction {
  readonly transaction: bigint;
  /** Where its number should stand. */
  readonly position: number;
}

/**
 * Looks whether the older meta page leads to what only a later transaction can have written. Either one bit of its number
 * is wrong: then what it leads to is whole, and is the newest. Or a crash cut off the next transaction, which may write
 * to those pages: if that is whole by chance, nobody was told of it, so that it may count or not. So when the hidden
 * transaction reads as sound, it is to be taken, and otherwise the newest.
 */
export function findHiddenTransaction(path: string): HiddenTransaction | undefined {
  return withFile(path, "r", (file) => new LmdbFile(path, file).findHidden());
}

/** Makes LMDB, too, take the hidden transaction for the newest. */
export function revealTransaction(path: string, { transaction, position }: HiddenTransaction): void {
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(transaction);
  withFile(path, "r+", (file) => {
    writeSync(file, number, 0, number.length, position);
    fsyncSync(file);
  });
}

function withFile<Result>(path: string, flags: "r" | "r+", use: (file: number) => Result): Result {
  const file = openSync(path, flags);
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}

class LmdbFile {
  readonly #path: string;
  readonly #file: number;
  readonly #bytes: number;
  #meta!: Meta;
  #pageSize = 0;
  /** What was read last. */
  #window = { start: 0, bytes: Buffer.alloc(0) };
  /** A bit per page: seen already, so that no page belongs to two owners. */
  #seen = new Uint8Array(0);

  constructor(path: string, file: number) {
    this.#path = path;
    this.#file = file;
    this.#bytes = fstatSync(file).size;
  }

  read(visit: Visit, hidden?: HiddenTransaction): void {
    const { newest, older } = this.#readMetas();
    if (hidden === undefined) this.#assertRoot(newest);
    this.#meta = hidden === undefined ? newest : { ...older, transaction: hidden.transaction };
    this.#seen = new Uint8Array(Math.ceil(this.#meta.pages / 8));
    this.#claim({ first: 0, count: 2 });
    this.#readTree(this.#meta.main, Buffer.compare, visit);
    const free: Run[] = [];
    this.#readTree(this.#meta.free, compareIntegerKeys, (_, value) => this.#readFreeRuns(value, free));
    // A page that is free and in use would be overwritten. (That it is named free twice, npm lmdb bears with.)
    for (const run of free)
      for (let page = run.first; page < run.first + run.count; page++)
        if (this.#isSeen(page)) throw this.#corrupt(`page ${page} is free and in use`);
  }

  findHidden(): HiddenTransaction | undefined {
    const { newest, older } = this.#readMetas();
    const transaction = newest.transaction + 1n;
    const position = Number(older.transaction % 2n) * this.#pageSize + META_TRANSACTION;
    return this.#rootTransaction(older) === transaction ? { transaction, position } : undefined;
  }

  /** Transaction n has its meta page at n mod 2, so the other one is of the transaction before. */
  #readMetas(): { newest: Meta; older: Meta } {
    const first = this.#parseMeta(this.#readAt(0, META_BYTES), 0);
    const pageSize = first.free.pageSize;
    if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0)
      throw this.#corrupt(`a page size of ${pageSize}`);
    this.#pageSize = pageSize;
    const second = this.#parseMeta(this.#readAt(pageSize, META_BYTES), 1);
    if (second.free.pageSize !== pageSize) throw this.#corrupt("its meta pages differ in page size");
    const newest = second.transaction > first.transaction ? second : first;
    const older = newest === first ? second : first;
    if (
      newest.transaction % 2n !== (newest === first ? 0n : 1n) ||
      newest.transaction - older.transaction !== 1n
    )
      throw this.#corrupt(
        `its meta pages are of transactions ${first.transaction} and ${second.transaction}`,
      );
    // The last pages may be free and beyond the end of the file; whatever is read is checked against the end.
    if (newest.pages < 2 || newest.pages > 2 * (this.#bytes / pageSize) + SPARE_PAGES)
      throw this.#corrupt(`it claims ${newest.pages} pages`);
    return { newest, older };
  }

  /** With one wrong bit the older meta page would pass for the newer; but each transaction writes its root anew. */
  #assertRoot(newest: Meta): void {
    const { transaction } = newest;
    const written = this.#rootTransaction(newest);
    if (written !== undefined && written !== transaction)
      throw this.#corrupt(`a meta page is of transaction ${transaction}, and its records are of ${written}`);
  }

  /** Which transaction wrote the page that is the root of the main tree. */
  #rootTransaction({ main: { root } }: Meta): bigint | undefined {
    if (root === undefined || (root + 1) * this.#pageSize > this.#bytes) return undefined;
    return this.#readAt(root * this.#pageSize, HEADER_BYTES).readBigUInt64LE(8);
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
    const free = this.#parseTree(page, HEADER_BYTES + 24);
    const main = this.#parseTree(page, HEADER_BYTES + 24 + TREE_BYTES);
    const isSound =
      page.readBigUInt64LE(0) === BigInt(index) &&
      page.readUInt16LE(18) === META_FLAG &&
      page.readBigUInt64LE(HEADER_BYTES + 8) === 0n &&
      free.flags === FREE_TREE_FLAGS &&
      main.flags === 0;
    if (!isSound) throw this.#corrupt(`meta page ${index} is damaged`);
    const end = HEADER_BYTES + 24 + 2 * TREE_BYTES;
    return {
      free,
      main,
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
    if (tree.depth > MAX_DEPTH || (tree.root === undefined) !== (tree.depth === 0))
      throw this.#corrupt(`a tree of ${tree.depth} levels`);
    let entries = 0;
    let last: Buffer | undefined;
    const inOrder = (key: Buffer, mayRepeat: boolean) => {
      const order = last === undefined ? -1 : compare(last, key);
      if (order > 0 || (order === 0 && !mayRepeat)) throw this.#corrupt("its keys are out of order");
      last = key;
    };
    // A separator lies above all keys before it, and not above the first key after it.
    let afterSeparator = false;
    const readNodes = (number: number, depth: number): void => {
      const page = this.#readPage(number, depth === 1);
      for (const [index, node] of this.#nodesOf(page, number, depth === 1).entries()) {
        const key = keyOf(node);
        if (depth === 1) {
          inOrder(key, afterSeparator);
          afterSeparator = false;
          entries += 1;
          visit(key, this.#readData(node));
          continue;
        }
        // The first separator of a page is empty: it stands for everything before the second.
        if (index > 0) {
          inOrder(key, false);
          afterSeparator = true;
        }
        readNodes(node.readUIntLE(0, 6), depth - 1);
      }
    };
    if (tree.root !== undefined) readNodes(tree.root, tree.depth);
    if (entries !== tree.entries) throw this.#corrupt(`${entries} records where ${tree.entries} should be`);
  }

  #readPage(number: number, isLeaf: boolean): Buffer {
    this.#claim({ first: number, count: 1 });
    const page = this.#readAt(number * this.#pageSize, this.#pageSize);
    this.#assertHeader(page, number, isLeaf ? LEAF_FLAG : BRANCH_FLAG);
    return page;
  }

  /** LMDB writes to pages in place that claim to be of a later transaction than the newest. */
  #assertHeader(page: Buffer, number: number, flags: number): void {
    if (
      page.readBigUInt64LE(0) !== BigInt(number) ||
      page.readBigUInt64LE(8) > this.#meta.transaction ||
      page.readUInt16LE(18) !== flags
    )
      throw this.#corrupt(`page ${number} is not what it should be`);
  }

  /** The nodes of a page, each cut to its size. Together they fill the page from `upper` to its end exactly. */
  #nodesOf(page: Buffer, number: number, isLeaf: boolean): Buffer[] {
    const room = this.#pageSize - HEADER_BYTES;
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    const count = lower / 2;
    if (lower > upper || upper > room || lower % 2 !== 0 || count < (isLeaf ? 1 : 2))
      throw this.#corrupt(`page ${number} is damaged`);
    let filled = 0;
    const nodes = Array.from({ length: count }, (_, i) => {
      const at = page.readUInt16LE(HEADER_BYTES + 2 * i);
      if (at < upper || at + NODE_HEADER_BYTES > room) throw this.#corrupt(`page ${number} is damaged`);
      const node = page.subarray(HEADER_BYTES + at);
      const size = nodeBytes(node, isLeaf);
      if (at + size > room) throw this.#corrupt(`page ${number} is damaged`);
      filled += size + (size % 2);
      return node.subarray(0, size);
    });
    if (filled !== room - upper) throw this.#corrupt(`page ${number} is damaged`);
    return nodes;
  }

  #readData(node: Buffer): Buffer {
    const size = node.readUInt32LE(0);
    const start = NODE_HEADER_BYTES + node.readUInt16LE(6);
    if (node.readUInt16LE(4) === 0) return node.subarray(start, start + size);
    const first = Number(node.readBigUInt64LE(start));
    const count = Math.ceil((HEADER_BYTES + size) / this.#pageSize);
    this.#claim({ first, count });
    const bytes = this.#readAt(first * this.#pageSize, HEADER_BYTES + size);
    this.#assertHeader(bytes, first, OVERFLOW_FLAG);
    if (
      bytes.readUInt32LE(20) !== count ||
      node.readBigUInt64LE(start + 8) !== bytes.readBigUInt64LE(8) ||
      node.readBigUInt64LE(start + 16) !== BigInt(count)
    )
      throw this.#corrupt(`page ${first} is not what it should be`);
    return bytes.subarray(HEADER_BYTES);
  }

  /**
   * A record of the free tree: a count, then page numbers. Npm lmdb writes runs of pages as two words, the negative
   * length and the first page, and leaves holes of 0.
   */
  #readFreeRuns(value: Buffer, runs: Run[]): void {
    const words = value.length < 8 ? Number.POSITIVE_INFINITY : Number(value.readBigUInt64LE(0));
    if (words > value.length / 8 - 1) throw this.#corrupt("its list of free pages is damaged");
    let count = 1;
    for (let i = 1; i <= words; i++) {
      const word = Number(value.readBigInt64LE(8 * i));
      if (word > 0) {
        if (word + count > this.#meta.pages) throw this.#corrupt("its list of free pages is damaged");
        runs.push({ first: word, count });
      }
      count = word < 0 ? -word : 1;
    }
  }

  /** Marks pages as spoken for; no page may be so twice. */
  #claim({ first, count }: Run): void {
    if (first + count > this.#meta.pages)
      throw this.#corrupt(`it has ${this.#meta.pages} pages and speaks of page ${first}`);
    for (let page = first; page < first + count; page++) {
      if (this.#isSeen(page)) throw this.#corrupt(`page ${page} is used twice`);
      this.#seen[page >>> 3]! |= 1 << (page & 7);
    }
  }

  #isSeen(page: number): boolean {
    return (this.#seen[page >>> 3]! & (1 << (page & 7))) !== 0;
  }

  /**
   * Bytes that stay as they are, since the pages from the root to a leaf are in use together. Reading goes mostly
   * forwards, so what follows on the last read is read ahead.
   */
  #readAt(position: number, length: number): Buffer {
    const { start, bytes } = this.#window;
    const end = start + bytes.length;
    if (position >= start && position + length <= end)
      return bytes.subarray(position - start, position - start + length);
    const follows = position >= start && position - end < READ_AHEAD_BYTES;
    const wanted = Math.min(follows ? Math.max(length, READ_AHEAD_BYTES) : length, this.#bytes - position);
    if (wanted < length) throw this.#corrupt(`it ends at byte ${this.#bytes}, within a page that is in use`);
    const buffer = Buffer.allocUnsafeSlow(wanted);
    for (let done = 0; done < wanted; ) {
      const read = readSync(this.#file, buffer, done, wanted - done, position + done);
      if (read === 0) throw this.#corrupt("it got shorter while it was read");
      done += read;
    }
    this.#window = { start: position, bytes: buffer };
    return buffer.subarray(0, length);
  }

  #corrupt(what: string): StoreOpenError {
    return new StoreOpenError("corrupt", `${this.#path} is corrupt: ${what}; nothing was changed`);
  }
}

const READ_AHEAD_BYTES = 256 * 1024;

/** How far beyond twice the file the last page is believed to be, so that the bits for all pages fit in memory. */
const SPARE_PAGES = 65_536;

/** Keys of the free tree are transaction numbers, in the machine's own byte order. */
function compareIntegerKeys(a: Buffer, b: Buffer): number {
  if (a.length !== 8 || b.length !== 8) return 0;
  const difference = a.readBigUInt64LE(0) - b.readBigUInt64LE(0);
  return difference < 0n ? -1 : Number(difference > 0n);
}

function keyOf(node: Buffer): Buffer {
  return node.subarray(NODE_HEADER_BYTES, NODE_HEADER_BYTES + node.readUInt16LE(6));
}

/** What a node takes up; infinite for flags that a plain database does not have. */
function nodeBytes(node: Buffer, isLeaf: boolean): number {
  const bytes = NODE_HEADER_BYTES + node.readUInt16LE(6);
  if (!isLeaf) return bytes;
  const flags = node.readUInt16LE(4);
  if (flags === 0) return bytes + node.readUInt32LE(0);
  return flags === BIG_DATA_FLAG ? bytes + OVERFLOW_REFERENCE_BYTES : Number.POSITIVE_INFINITY;
}
