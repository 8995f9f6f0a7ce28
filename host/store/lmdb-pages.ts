import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { StoreOpenError } from "./open-error.ts";

/** `pgno u64 | txnid u64 | pad u16 | flags u16 | lower u16, upper u16 (overflow: page count u32)` */
export const PAGE_HEADER_BYTES = 24;
export const BRANCH_FLAG = 0x01;
export const LEAF_FLAG = 0x02;
export const META_FLAG = 0x08;
const OVERFLOW_FLAG = 0x04;

const MAX_READ_AHEAD_BYTES = 256 * 1024;
/** Records that are larger are read to memory of their own. */
const KEPT_SCRATCH_BYTES = 64 * 1024;

/**
 * The pages of an LMDB file, read without LMDB, and each held against what its header must say: LMDB believes headers,
 * and gives the pages free that an overflow page counts. Reading also keeps the mapped file out of resident memory.
 */
export class LmdbPages {
  readonly path: string;
  /** Of the file, when it was opened. */
  readonly bytes: number;
  readonly #file: number;
  #pageSize = 0;
  #newestTransaction = 0n;
  /** What was read last, and where it lies. */
  #window = Buffer.allocUnsafeSlow(MAX_READ_AHEAD_BYTES);
  #start = 0;
  #end = 0;
  #readAheadBytes = 0;
  #scratch: Buffer | undefined;

  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, "r");
    this.bytes = fstatSync(this.#file).size;
  }

  close(): void {
    closeSync(this.#file);
  }

  get pageSize(): number {
    return this.#pageSize;
  }

  /** No page is of a later transaction: LMDB writes in place to those that claim it. */
  get newestTransaction(): bigint {
    return this.#newestTransaction;
  }

  /** What the meta pages say; to be known before any page is read. */
  setLayout(pageSize: number, newestTransaction: bigint): void {
    this.#pageSize = pageSize;
    this.#newestTransaction = newestTransaction;
  }

  /** Bytes that are good until the next call. */
  readAt(position: number, length: number): Buffer {
    if (position < this.#start || position + length > this.#end) this.#readWindow(position, length);
    return this.#window.subarray(position - this.#start, position - this.#start + length);
  }

  /** A page of a tree, good until the next call. */
  readPage(number: number, flags: number): Buffer {
    const page = this.readAt(number * this.#pageSize, this.#pageSize);
    this.#assertHeader(page, number, flags);
    return page;
  }

  /**
   * The beginning of a record that is on pages of its own, good until the next call.
   *
   * @param bytes   of the record
   * @param wanted  how many of them
   */
  readRun(first: number, bytes: number, wanted = bytes): Buffer {
    const length = PAGE_HEADER_BYTES + wanted;
    const scratch = length > KEPT_SCRATCH_BYTES ? Buffer.allocUnsafeSlow(length) : this.#takeScratch();
    const run = scratch.subarray(0, length);
    this.#fill(run, length, first * this.#pageSize);
    this.#assertHeader(run, first, OVERFLOW_FLAG);
    if (run.readUInt32LE(20) !== this.pagesOf(bytes)) throw this.notAsItShould(first);
    return run.subarray(PAGE_HEADER_BYTES);
  }

  #takeScratch(): Buffer {
    this.#scratch ??= Buffer.allocUnsafeSlow(KEPT_SCRATCH_BYTES);
    return this.#scratch;
  }

  /** How many pages of its own a record needs. */
  pagesOf(recordBytes: number): number {
    return Math.ceil((PAGE_HEADER_BYTES + recordBytes) / this.#pageSize);
  }

  notAsItShould(page: number): StoreOpenError {
    return this.corrupt(`page ${page} is not what it should be`);
  }

  corrupt(what: string): StoreOpenError {
    return new StoreOpenError("corrupt", `${this.path} is corrupt: ${what}; nothing was changed`);
  }

  #assertHeader(page: Buffer, number: number, flags: number): void {
    if (
      page.readUIntLE(0, 6) !== number ||
      page.readUInt16LE(6) !== 0 ||
      page.readBigUInt64LE(8) > this.#newestTransaction ||
      page.readUInt16LE(18) !== flags
    )
      throw this.notAsItShould(number);
  }

  /** Reads ahead for as long as pages follow on each other: between leaves, large values lie that nobody asks for. */
  #readWindow(position: number, length: number): void {
    const follows = position === this.#end && this.#end > 0;
    this.#readAheadBytes = follows ? Math.min(this.#readAheadBytes * 2, MAX_READ_AHEAD_BYTES) : length;
    const wanted = Math.min(Math.max(length, this.#readAheadBytes), this.bytes - position);
    if (wanted < length) throw this.#cutShort();
    if (wanted > this.#window.length) this.#window = Buffer.allocUnsafeSlow(wanted);
    this.#fill(this.#window, wanted, position);
    this.#start = position;
    this.#end = position + wanted;
  }

  #fill(target: Buffer, length: number, position: number): void {
    if (position + length > this.bytes) throw this.#cutShort();
    for (let done = 0; done < length; ) {
      const read = readSync(this.#file, target, done, length - done, position + done);
      if (read === 0) throw this.corrupt("it got shorter while it was read");
      done += read;
    }
  }

  #cutShort(): StoreOpenError {
    return this.corrupt(`it ends at byte ${this.bytes}, within a page that is in use`);
  }
}
