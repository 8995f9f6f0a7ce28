import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { compareBytes, compareIntegers, type FileRecord, type KeyBytes, LmdbNode } from "./lmdb-node.ts";
import {
  BRANCH_FLAG,
  PAGE_HEADER_BYTES as HEADER_BYTES,
  LEAF_FLAG,
  type LmdbPages,
  META_FLAG,
} from "./lmdb-pages.ts";
import { StoreOpenError } from "./open-error.ts";

/**
 * Reads the trees of an LMDB file without LMDB. LMDB maps the file and follows whatever numbers it finds there: a flipped
 * byte can make it crash the process or write over live pages. So a file is read here first, every number on the way is
 * held against its bounds, and only a sound file is given to LMDB to write on. Records that have pages of their own are
 * left where they are: whoever reads one, or has LMDB remove it, looks at its pages then (`LmdbPages.readRun`).
 *
 * The layout (npm lmdb 3.5, data version 2, 64 bit, little-endian; `mdb.c`, MDB_page_header, MDB_meta, MDB_node):
 *
 *     meta      (pages 0 and 1, the higher txnid is valid)  magic u32 | version u32 | address u64 | mapsize u64
 *               | free tree | main tree | last page u64 | txnid u64 | …
 *     tree      page size or 0 u32 | flags u16 | depth u16 | branch, leaf, overflow pages u64 | entries u64 | root u64
 *     node      see `lmdb-node.ts`
 */
const TREE_BYTES = 48;
/** Where a meta page has the number of its transaction. */
const META_TRANSACTION = HEADER_BYTES + 24 + 2 * TREE_BYTES + 8;
const META_BYTES = META_TRANSACTION + 8;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
/** MDB_INTEGERKEY, and MDB_NOSUBDIR, which the file itself was opened with. */
const FREE_TREE_FLAGS = 0x4008;
const NO_PAGE = 2n ** 64n - 1n;
/** LMDB's own bound is 32 levels (CURSOR_STACK). */
const MAX_DEPTH = 32;

type Visit = (record: FileRecord) => void;
type CompareKeys = (a: KeyBytes, b: KeyBytes) => number;

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

/** A transaction after the newest, to which a meta page leads that says it is older. */
export interface HiddenTransaction {
  readonly transaction: bigint;
  /** Where its number should stand. */
  readonly position: number;
}

/**
 * Hands every record of the main database to `visit`, in order of their keys, and checks the whole structure.
 *
 * @param hidden  to be read instead of the newest transaction
 * @throws StoreOpenError "corrupt" at the first thing that cannot be
 */
export function readLmdbFile(pages: LmdbPages, visit: Visit, hidden?: HiddenTransaction): void {
  new LmdbFile(pages).read(visit, hidden);
}

/** The data of a record that is being visited. @param wanted  how many bytes of it, if it has pages of its own */
export function dataOf(pages: LmdbPages, record: FileRecord, wanted = record.dataBytes): Buffer {
  const { page, dataStart, dataBytes, isLarge, firstPage } = record;
  if (!isLarge) return page.subarray(dataStart, dataStart + dataBytes);
  return pages.readRun(firstPage, dataBytes, Math.min(wanted, dataBytes));
}

/**
 * Looks whether the older meta page leads to what only a later transaction can have written. Either one bit of its number
 * is wrong: then what it leads to is whole, and is the newest. Or a crash cut off the next transaction, which may write
 * to those pages: if that is whole by chance, nobody was told of it, so that it may count or not. So when the hidden
 * transaction reads as sound, with the values that it wrote, it is to be taken, and otherwise the newest.
 */
export function findHiddenTransaction(pages: LmdbPages): HiddenTransaction | undefined {
  return new LmdbFile(pages).findHidden();
}

/** Makes LMDB, too, take the hidden transaction for the newest. */
export function revealTransaction(path: string, { transaction, position }: HiddenTransaction): void {
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(transaction);
  const file = openSync(path, "r+");
  try {
    writeSync(file, number, 0, number.length, position);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

class LmdbFile {
  readonly #pages: LmdbPages;
  #meta!: Meta;
  /** A bit per page: seen already, so that no page belongs to two owners. */
  #seen = new Uint8Array(0);

  constructor(pages: LmdbPages) {
    this.#pages = pages;
  }

  read(visit: Visit, hidden?: HiddenTransaction): void {
    const { newest, older } = this.#readMetas();
    if (hidden === undefined) this.#assertRoot(newest);
    this.#meta = hidden === undefined ? newest : { ...older, transaction: hidden.transaction };
    this.#pages.setLayout(newest.free.pageSize, this.#meta.transaction);
    this.#seen = new Uint8Array(Math.ceil(this.#meta.pages / 8));
    this.#claim(0, 2);
    this.#readTree(this.#meta.main, compareBytes, visit);
    const free: Run[] = [];
    this.#readTree(this.#meta.free, compareIntegers, (record) =>
      this.#readFreeRuns(dataOf(this.#pages, record), free),
    );
    // A page that is free and in use would be overwritten. (That it is named free twice, npm lmdb bears with.)
    for (const run of free)
      for (let page = run.first; page < run.first + run.count; page++)
        if (this.#isSeen(page)) throw this.#pages.corrupt(`page ${page} is free and in use`);
  }

  findHidden(): HiddenTransaction | undefined {
    const { newest, older } = this.#readMetas();
    const transaction = newest.transaction + 1n;
    const position = Number(older.transaction % 2n) * this.#pages.pageSize + META_TRANSACTION;
    return this.#rootTransaction(older) === transaction ? { transaction, position } : undefined;
  }

  /** Transaction n has its meta page at n mod 2, so the other one is of the transaction before. */
  #readMetas(): { newest: Meta; older: Meta } {
    const pages = this.#pages;
    const first = this.#parseMeta(pages.readAt(0, META_BYTES), 0);
    const pageSize = first.free.pageSize;
    if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0)
      throw pages.corrupt(`a page size of ${pageSize}`);
    const second = this.#parseMeta(pages.readAt(pageSize, META_BYTES), 1);
    if (second.free.pageSize !== pageSize) throw pages.corrupt("its meta pages differ in page size");
    const newest = second.transaction > first.transaction ? second : first;
    const older = newest === first ? second : first;
    if (
      newest.transaction % 2n !== (newest === first ? 0n : 1n) ||
      newest.transaction - older.transaction !== 1n
    )
      throw pages.corrupt(
        `its meta pages are of transactions ${first.transaction} and ${second.transaction}`,
      );
    // The last pages may be free and beyond the end of the file; whatever is read is checked against the end.
    if (newest.pages < 2 || newest.pages > 2 * (pages.bytes / pageSize) + SPARE_PAGES)
      throw pages.corrupt(`it claims ${newest.pages} pages`);
    pages.setLayout(pageSize, newest.transaction);
    return { newest, older };
  }

  /** With one wrong bit the older meta page would pass for the newer; but each transaction writes its root anew. */
  #assertRoot(newest: Meta): void {
    const { transaction } = newest;
    const written = this.#rootTransaction(newest);
    if (written !== undefined && written !== transaction)
      throw this.#pages.corrupt(
        `a meta page is of transaction ${transaction}, and its records are of ${written}`,
      );
  }

  /** Which transaction wrote the page that is the root of the main tree. */
  #rootTransaction({ main: { root } }: Meta): bigint | undefined {
    const { pageSize, bytes } = this.#pages;
    if (root === undefined || (root + 1) * pageSize > bytes) return undefined;
    return this.#pages.readAt(root * pageSize, HEADER_BYTES).readBigUInt64LE(8);
  }

  #parseMeta(page: Buffer, index: number): Meta {
    if (page.readUInt32LE(HEADER_BYTES) !== MAGIC)
      throw this.#pages.corrupt(index === 0 ? "it is not an LMDB file" : "its second meta page is damaged");
    const version = page.readUInt32LE(HEADER_BYTES + 4) & 0xffff;
    if (version !== DATA_VERSION)
      throw new StoreOpenError(
        "unknown-format",
        `${this.#pages.path} is an LMDB file of data version ${version}, not 2`,
      );
    const free = this.#parseTree(page, HEADER_BYTES + 24);
    const main = this.#parseTree(page, HEADER_BYTES + 24 + TREE_BYTES);
    const isSound =
      page.readBigUInt64LE(0) === BigInt(index) &&
      page.readUInt16LE(18) === META_FLAG &&
      page.readBigUInt64LE(HEADER_BYTES + 8) === 0n &&
      free.flags === FREE_TREE_FLAGS &&
      main.flags === 0;
    if (!isSound) throw this.#pages.corrupt(`meta page ${index} is damaged`);
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
    const pages = this.#pages;
    if (tree.depth > MAX_DEPTH || (tree.root === undefined) !== (tree.depth === 0))
      throw pages.corrupt(`a tree of ${tree.depth} levels`);
    let entries = 0;
    const last: { page: Buffer; keyStart: number; keyEnd: number } = {
      page: Buffer.alloc(0),
      keyStart: 0,
      keyEnd: 0,
    };
    const node = new LmdbNode();
    /** The key that was read last is kept apart: the page it stands on is read over by the next. */
    const keepLast = () => {
      last.page = Buffer.from(node.page.subarray(node.keyStart, node.keyEnd));
      last.keyStart = 0;
      last.keyEnd = last.page.length;
    };
    let isFirst = true;
    // A separator lies above all keys before it, and not above the first key after it.
    let afterSeparator = false;
    const inOrder = () => {
      const order = isFirst ? -1 : compare(last, node);
      if (order > 0 || (order === 0 && !afterSeparator)) throw pages.corrupt("its keys are out of order");
      isFirst = false;
      afterSeparator = false;
    };
    const readBranch = (number: number, depth: number): void => {
      const page = Buffer.from(this.#readPage(number, BRANCH_FLAG));
      const count = this.#assertFilled(node, page, number, false);
      for (let index = 0; index < count; index++) {
        node.readBranch(page, index);
        // The first separator of a page is empty: it stands for everything before the second.
        if (index > 0) {
          inOrder();
          keepLast();
          afterSeparator = true;
        }
        readNodes(node.child, depth - 1);
      }
    };
    const readLeaf = (number: number): void => {
      const page = this.#readPage(number, LEAF_FLAG);
      const count = this.#assertFilled(node, page, number, true);
      entries += count;
      for (let index = 0; index < count; index++) {
        node.readLeaf(page, index);
        inOrder();
        if (node.isLarge) this.#claimRun(node);
        last.page = page;
        last.keyStart = node.keyStart;
        last.keyEnd = node.keyEnd;
        visit(node);
      }
      keepLast();
    };
    const readNodes = (number: number, depth: number): void =>
      depth === 1 ? readLeaf(number) : readBranch(number, depth);
    if (tree.root !== undefined) readNodes(tree.root, tree.depth);
    if (entries !== tree.entries) throw pages.corrupt(`${entries} records where ${tree.entries} should be`);
  }

  #readPage(number: number, flags: number): Buffer {
    this.#claim(number, 1);
    return this.#pages.readPage(number, flags);
  }

  /** The nodes of a page fill it from `upper` to its end exactly. @returns how many there are */
  #assertFilled(node: LmdbNode, page: Buffer, number: number, isLeaf: boolean): number {
    const room = this.#pages.pageSize - HEADER_BYTES;
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    const count = lower / 2;
    const damaged = () => this.#pages.corrupt(`page ${number} is damaged`);
    if (lower > upper || upper > room || lower % 2 !== 0 || count < (isLeaf ? 1 : 2)) throw damaged();
    let filled = 0;
    for (let index = 0; index < count; index++) {
      const size = node.sizeOf(page, index, upper, isLeaf);
      if (size === undefined) throw damaged();
      filled += size + (size % 2);
    }
    if (filled !== room - upper) throw damaged();
    return count;
  }

  /** Of the pages of a large record only what leads to them is held against what it must be. */
  #claimRun({ firstPage, dataBytes, transaction, pageCount }: LmdbNode): void {
    this.#claim(firstPage, pageCount);
    if (pageCount !== this.#pages.pagesOf(dataBytes) || transaction > Number(this.#meta.transaction))
      throw this.#pages.notAsItShould(firstPage);
    if ((firstPage + pageCount - 1) * this.#pages.pageSize >= this.#pages.bytes)
      throw this.#pages.corrupt(`it ends at byte ${this.#pages.bytes}, within a page that is in use`);
  }

  /**
   * A record of the free tree: a count, then page numbers. Npm lmdb writes runs of pages as two words, the negative
   * length and the first page, and leaves holes of 0.
   */
  #readFreeRuns(value: Buffer, runs: Run[]): void {
    const words = value.length < 8 ? Number.POSITIVE_INFINITY : Number(value.readBigUInt64LE(0));
    if (words > value.length / 8 - 1) throw this.#pages.corrupt("its list of free pages is damaged");
    let count = 1;
    for (let i = 1; i <= words; i++) {
      const word = Number(value.readBigInt64LE(8 * i));
      if (word > 0) {
        if (word + count > this.#meta.pages) throw this.#pages.corrupt("its list of free pages is damaged");
        runs.push({ first: word, count });
      }
      count = word < 0 ? -word : 1;
    }
  }

  /** Marks pages as spoken for; no page may be so twice. */
  #claim(first: number, count: number): void {
    if (first + count > this.#meta.pages)
      throw this.#pages.corrupt(`it has ${this.#meta.pages} pages and speaks of page ${first}`);
    for (let page = first; page < first + count; page++) {
      if (this.#isSeen(page)) throw this.#pages.corrupt(`page ${page} is used twice`);
      this.#seen[page >>> 3]! |= 1 << (page & 7);
    }
  }

  #isSeen(page: number): boolean {
    return (this.#seen[page >>> 3]! & (1 << (page & 7))) !== 0;
  }
}

/** How far beyond twice the file the last page is believed to be, so that the bits for all pages fit in memory. */
const SPARE_PAGES = 65_536;
