import type { RootDatabase } from "lmdb";
import { decodeValue, entryKey, VALUE_HEAD_BYTES } from "./journal-record.ts";
import type { FileRecord } from "./lmdb-node.ts";
import type { LmdbPages } from "./lmdb-pages.ts";
import { DamagedValueError, StoreUnavailableError } from "./store.ts";
import type { StoredEntry, ValueSource } from "./stored-entry.ts";
import { ValueSlabs } from "./value-slabs.ts";

/** The place of a value that has no pages of its own: LMDB moves it about, and finds it by its key. */
const AMONG_KEYS = 0;

/** Where the value of a record is, to be told to `LmdbValues` again. */
export function placeOf({ isLarge, firstPage }: FileRecord): number {
  return isLarge ? firstPage : AMONG_KEYS;
}

/**
 * The values of the records that were there when a store was opened. A record is never changed while it is there, and
 * whoever has LMDB remove one reads its value first, so the pages of a large one stay what they are.
 */
export class LmdbValues implements ValueSource {
  readonly #pages: LmdbPages;
  #database: RootDatabase<Buffer, Buffer> | undefined;
  readonly #slabs = new ValueSlabs();
  #isClosed = false;

  constructor(pages: LmdbPages) {
    this.#pages = pages;
  }

  /** LMDB has the file open now. */
  attach(database: RootDatabase<Buffer, Buffer>): void {
    this.#database = database;
  }

  read(entry: StoredEntry, place: number): Uint8Array {
    if (this.#isClosed) throw new StoreUnavailableError("the store is closed");
    const { path } = this.#pages;
    const keyBytes = entryKey(entry);
    let bytes: Buffer | undefined;
    try {
      bytes =
        place === AMONG_KEYS
          ? this.#readAmongKeys(keyBytes)
          : this.#pages.readRun(place, VALUE_HEAD_BYTES + entry.valueBytes);
    } catch (cause) {
      throw new DamagedValueError(entry.key, entry.modRevision, path, { cause });
    }
    const value = bytes && decodeValue(keyBytes, bytes);
    if (value === undefined) throw new DamagedValueError(entry.key, entry.modRevision, path);
    return this.#slabs.copy(value);
  }

  /** Good until the next call: the same buffer each time, of which only its property `length` is right. */
  #readAmongKeys(keyBytes: Buffer): Buffer | undefined {
    const bytes = this.#database?.getBinaryFast(keyBytes);
    return bytes?.subarray(0, bytes.length);
  }

  close(): void {
    this.#isClosed = true;
    this.#pages.close();
  }
}
