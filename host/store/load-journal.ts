import { type Commit, History } from "./history.ts";
import {
  decodeValue,
  parseRecordKey,
  putAtMs,
  type RecordFacts,
  recordBytes,
  recordKey,
  userKeyBytes,
  VALUE_HEAD_BYTES,
} from "./journal-record.ts";
import { compareKeys } from "./key-order.ts";
import { findEntry, type KeyTree, treeOf, withEntry, withoutKey } from "./key-tree.ts";
import type { GrantedLeases } from "./lease-table.ts";
import { dataOf, findHiddenTransaction, type HiddenTransaction, readLmdbFile } from "./lmdb-file.ts";
import { COMPACTED_RECORD, FORMAT, FORMAT_RECORD, LAST_LEASE_RECORD, LEASE_RECORD } from "./lmdb-journal.ts";
import type { FileRecord } from "./lmdb-node.ts";
import type { LmdbPages } from "./lmdb-pages.ts";
import { placeOf } from "./lmdb-values.ts";
import { decodeOldRecord } from "./old-record.ts";
import { StoreOpenError } from "./open-error.ts";
import { sortByKey } from "./sort-by-key.ts";
import type { WatchEvent } from "./store.ts";
import { StoredEntry, type ValueSource } from "./stored-entry.ts";

export interface LoadedJournal {
  readonly history: History;
  readonly usedBytes: number;
  readonly leases: GrantedLeases;
  /** To be revealed before LMDB opens the file: what was loaded is of a transaction that LMDB would pass over. */
  readonly hidden: HiddenTransaction | undefined;
}

/** `upgradeFile` makes it one of this format. */
export class OldFormatError extends StoreOpenError {
  constructor(path: string) {
    super(
      "unknown-format",
      `${path} is of an older version; it is brought up to date when a cluster starts on it, or by pintle store compact`,
    );
  }
}

/**
 * Reads a journal back: the records up to the compaction are the live keys of that revision, every later one is a
 * change on top. Values are left where they are.
 *
 * @param checksValues  holds each of them against its checksum all the same; otherwise whoever reads one does
 * @throws StoreOpenError "corrupt" or "unknown-format"
 * @throws OldFormatError
 */
export function loadJournal(pages: LmdbPages, values: ValueSource, checksValues = false): LoadedJournal {
  return readNewest(pages, (hidden) => {
    const loader = new Loader(pages, values, checksValues, hidden?.transaction);
    readLmdbFile(pages, (record) => loader.add(record), hidden);
    return { ...loader.finish(), hidden };
  });
}

/** Reads a file as of the hidden transaction, if there is one and it is sound, else of the newest. */
export function readNewest<Result>(
  pages: LmdbPages,
  read: (hidden: HiddenTransaction | undefined) => Result,
): Result {
  const hidden = findHiddenTransaction(pages);
  if (hidden !== undefined)
    try {
      return read(hidden);
    } catch (error) {
      // It is not whole: the rest of a transaction that was never finished.
      if (!(error instanceof StoreOpenError)) throw error;
    }
  return read(undefined);
}

class Loader {
  readonly #pages: LmdbPages;
  readonly #source: ValueSource;
  readonly #checksValues: boolean;
  readonly #hidden: number | undefined;
  readonly #about = new Map<string, string>();
  readonly #live: StoredEntry[] = [];
  /** No key has letters whose order as UTF-16 units is another than that of their bytes. */
  #isPlain = true;
  #usedBytes = 0;
  /** Made once the records about the file and the live keys have been read. */
  #history: History | undefined;
  #compacted: number | undefined;
  #changes: Change[] = [];

  /** @param hidden  the transaction that is read instead of the newest: its own values may be missing */
  constructor(pages: LmdbPages, source: ValueSource, checksValues: boolean, hidden: bigint | undefined) {
    this.#pages = pages;
    this.#source = source;
    this.#checksValues = checksValues;
    this.#hidden = hidden === undefined ? undefined : Number(hidden);
  }

  add(record: FileRecord): void {
    const facts = parseRecordKey(record.page, record.keyStart, record.keyEnd);
    if (facts === undefined) throw this.#unreadable(record);
    if (facts.revision === 0) {
      this.#about.set(facts.key, this.#verify(record, facts).toString());
      return;
    }
    // Records come in order of revision, so all about the file has been read.
    this.#compacted ??= this.#readCompacted();
    if (this.#checksValues || this.#mayBeUnfinished(record)) this.#verify(record, facts);
    const valueBytes = record.dataBytes - VALUE_HEAD_BYTES;
    if (valueBytes < 0) throw this.#corrupt("a record is too short");
    const keyBytes = userKeyBytes(record.keyEnd - record.keyStart, facts);
    this.#isPlain &&= facts.key.length === keyBytes;
    this.#usedBytes += recordBytes(keyBytes, valueBytes);
    if (facts.revision <= this.#compacted) {
      if (facts.kind !== "put") throw this.#corrupt("a delete outlived its compaction");
      this.#live.push(this.#entryOf(record, facts));
    } else this.#addChange(record, facts);
  }

  finish(): Omit<LoadedJournal, "hidden"> {
    this.#compacted ??= this.#readCompacted();
    this.#publishChanges();
    return { history: this.#beginHistory(), usedBytes: this.#usedBytes, leases: this.#leases() };
  }

  #leases(): GrantedLeases {
    const granted = [...this.#about]
      .filter(([name]) => name.startsWith(LEASE_RECORD))
      .map(([name, ttlMs]) => ({ id: name.slice(LEASE_RECORD.length), ttlMs: Number(ttlMs) }));
    return { granted, lastId: Number(this.#about.get(LAST_LEASE_RECORD) ?? 0) };
  }

  #readCompacted(): number {
    const format = this.#about.get(FORMAT_RECORD);
    if (format === undefined) throw this.#corrupt("it does not say what it is");
    if (format !== FORMAT)
      throw new StoreOpenError(
        "unknown-format",
        `${this.#pages.path} has the format "${format}"; this version reads up to "${FORMAT}"`,
      );
    return Number(this.#about.get(COMPACTED_RECORD) ?? 0);
  }

  #entryOf(record: FileRecord, facts: RecordFacts): StoredEntry {
    return new StoredEntry(facts, record.dataBytes - VALUE_HEAD_BYTES, this.#source, placeOf(record));
  }

  /** The history's values, too, are left where they are; but its times are not. */
  #addChange(record: FileRecord, facts: RecordFacts): void {
    if (facts.revision !== this.#changes[0]?.facts.revision) this.#publishChanges();
    const atMs = putAtMs(dataOf(this.#pages, record, VALUE_HEAD_BYTES));
    const entry = facts.kind === "put" ? this.#entryOf(record, facts) : undefined;
    this.#changes.push({ facts, atMs, entry });
  }

  /** Turns the records of one revision into its commit. */
  #publishChanges(): void {
    const history = this.#beginHistory();
    const first = this.#changes[0];
    if (first === undefined) return;
    const { revision } = first.facts;
    if (revision !== history.newestRevision + 1)
      throw this.#corrupt(`revision ${history.newestRevision + 1} is missing`);
    let tree = history.newestTree;
    const events: WatchEvent[] = [];
    for (const change of this.#changes.sort((a, b) => compareKeys(a.facts.key, b.facts.key))) {
      const event = this.#eventOf(change, tree);
      tree = event.entry === undefined ? withoutKey(tree, event.key) : withEntry(tree, event.entry);
      events.push(event);
    }
    const commit: Commit = { revision, atMs: first.atMs, events, tree };
    history.push(commit);
    this.#changes = [];
  }

  #eventOf({ facts, entry }: Change, tree: KeyTree): WatchEvent {
    const { key, revision, createRevision } = facts;
    const previous = findEntry(tree, key);
    if (entry === undefined) {
      if (previous === undefined) throw this.#corrupt(`${key} is deleted and was not there`);
      return { type: "delete", key, revision, entry: undefined, previous };
    }
    if (createRevision !== (previous?.createRevision ?? revision))
      throw this.#corrupt(`the write before revision ${revision} of ${key} is missing`);
    return { type: "put", key, revision, entry, previous };
  }

  #beginHistory(): History {
    if (this.#history !== undefined) return this.#history;
    const compacted = this.#compacted!;
    if (this.#isPlain) sortByKey(this.#live);
    else this.#live.sort((a, b) => compareKeys(a.key, b.key));
    for (let i = 1; i < this.#live.length; i++)
      if (this.#live[i - 1]!.key === this.#live[i]!.key)
        throw this.#corrupt(`${this.#live[i]!.key} is there twice`);
    this.#history = new History(Math.max(1, compacted), treeOf(this.#live), compacted);
    return this.#history;
  }

  #verify(record: FileRecord, facts: RecordFacts): Buffer {
    const value = decodeValue(recordKey(facts), dataOf(this.#pages, record));
    if (value === undefined) throw this.#corrupt(`the value of ${facts.key} does not match its checksum`);
    return value;
  }

  /** The hidden transaction may never have been finished; what it wrote is looked at. */
  #mayBeUnfinished({ isLarge, transaction }: FileRecord): boolean {
    return this.#hidden !== undefined && (!isLarge || transaction === this.#hidden);
  }

  /** A record whose key is not as it was written, or one of a file of an older format. */
  #unreadable(record: FileRecord): Error {
    const key = record.page.subarray(record.keyStart, record.keyEnd);
    if (this.#about.size === 0 && decodeOldRecord(key, dataOf(this.#pages, record))?.kind === "about")
      return new OldFormatError(this.#pages.path);
    return this.#corrupt("a record's checksum does not match");
  }

  #corrupt(what: string): StoreOpenError {
    return this.#pages.corrupt(what);
  }
}

/** A record of the retained history; without an entry it is a delete. */
interface Change {
  readonly facts: RecordFacts;
  readonly atMs: number;
  readonly entry: StoredEntry | undefined;
}
