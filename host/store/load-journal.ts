import { type Commit, History } from "./history.ts";
import { decodeRecord, type JournalRecord, recordBytes } from "./journal-record.ts";
import { compareKeys } from "./key-order.ts";
import { findEntry, type KeyTree, treeOf, withEntry, withoutKey } from "./key-tree.ts";
import type { GrantedLeases } from "./lease-table.ts";
import { findHiddenTransaction, type HiddenTransaction, readLmdbFile } from "./lmdb-file.ts";
import {
  COMPACTED_RECORD,
  FORMAT,
  FORMAT_RECORD,
  LAST_LEASE_RECORD,
  LEASE_RECORD,
  READABLE_FORMATS,
} from "./lmdb-journal.ts";
import { StoreOpenError } from "./open-error.ts";
import type { Entry, WatchEvent } from "./store.ts";
import { ValueSlabs } from "./value-slabs.ts";

export interface LoadedJournal {
  readonly history: History;
  readonly usedBytes: number;
  readonly leases: GrantedLeases;
  /** Whether the file says that it is of an older format. */
  readonly isOld: boolean;
  /** To be revealed before LMDB opens the file: what was loaded is of a transaction that LMDB would pass over. */
  readonly hidden: HiddenTransaction | undefined;
}

/**
 * Reads a journal back: the records up to the compaction are the live keys of that revision, every later one is a
 * change on top.
 *
 * @throws StoreOpenError "corrupt" or "unknown-format"
 */
export function loadJournal(path: string): LoadedJournal {
  const hidden = findHiddenTransaction(path);
  if (hidden !== undefined)
    try {
      return load(path, hidden);
    } catch (error) {
      // It is not whole: the rest of a transaction that was never finished.
      if (!(error instanceof StoreOpenError)) throw error;
    }
  return load(path);
}

function load(path: string, hidden?: HiddenTransaction): LoadedJournal {
  const loader = new Loader(path);
  readLmdbFile(path, (key, value) => loader.add(key, value), hidden);
  return { ...loader.finish(), hidden };
}

class Loader {
  readonly #path: string;
  readonly #about = new Map<string, string>();
  readonly #live: Entry[] = [];
  readonly #values = new ValueSlabs();
  #usedBytes = 0;
  /** Made once the records about the file and the live keys have been read. */
  #history: History | undefined;
  #changes: JournalRecord[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  add(key: Buffer, value: Buffer): void {
    const record = decodeRecord(key, value);
    if (record === undefined) throw this.#corrupt("a record's checksum does not match");
    if (record.revision === 0) {
      this.#about.set(record.key, Buffer.from(record.value).toString());
      return;
    }
    // Records come in order of revision, so all about the file has been read.
    this.#assertFormat();
    this.#usedBytes += recordBytes(key.length - 8, record.value.length);
    if (record.revision <= this.#compactedRevision()) this.#addLive(record);
    else this.#addChange(record);
  }

  finish(): Omit<LoadedJournal, "hidden"> {
    this.#assertFormat();
    this.#publishChanges();
    return {
      history: this.#beginHistory(),
      usedBytes: this.#usedBytes,
      leases: this.#leases(),
      isOld: this.#about.get(FORMAT_RECORD) !== FORMAT,
    };
  }

  #leases(): GrantedLeases {
    const granted = [...this.#about]
      .filter(([name]) => name.startsWith(LEASE_RECORD))
      .map(([name, ttlMs]) => ({ id: name.slice(LEASE_RECORD.length), ttlMs: Number(ttlMs) }));
    return { granted, lastId: Number(this.#about.get(LAST_LEASE_RECORD) ?? 0) };
  }

  #assertFormat(): void {
    const format = this.#about.get(FORMAT_RECORD);
    if (READABLE_FORMATS.includes(format)) return;
    if (format === undefined) throw this.#corrupt("it does not say what it is");
    throw new StoreOpenError(
      "unknown-format",
      `${this.#path} has the format "${format}"; this version reads up to "${FORMAT}"`,
    );
  }

  #compactedRevision(): number {
    return Number(this.#about.get(COMPACTED_RECORD) ?? 0);
  }

  #addLive(record: JournalRecord): void {
    if (record.kind !== "put") throw this.#corrupt("a delete outlived its compaction");
    this.#live.push(entryOf({ ...record, value: this.#values.copy(record.value) }));
  }

  #addChange(record: JournalRecord): void {
    if (record.revision !== this.#changes[0]?.revision) this.#publishChanges();
    this.#changes.push({ ...record, value: this.#values.copy(record.value) });
  }

  /** Turns the records of one revision into its commit. */
  #publishChanges(): void {
    const history = this.#beginHistory();
    const first = this.#changes[0];
    if (first === undefined) return;
    if (first.revision !== history.newestRevision + 1)
      throw this.#corrupt(`revision ${history.newestRevision + 1} is missing`);
    let tree = history.newestTree;
    const events: WatchEvent[] = [];
    for (const record of this.#changes) {
      const event = this.#eventOf(record, tree);
      tree = event.entry === undefined ? withoutKey(tree, event.key) : withEntry(tree, event.entry);
      events.push(event);
    }
    const commit: Commit = { revision: first.revision, atMs: first.atMs, events, tree };
    history.push(commit);
    this.#changes = [];
  }

  #eventOf(record: JournalRecord, tree: KeyTree): WatchEvent {
    const { key, revision } = record;
    const previous = findEntry(tree, key);
    if (record.kind === "delete") {
      if (previous === undefined) throw this.#corrupt(`${key} is deleted and was not there`);
      return { type: "delete", key, revision, entry: undefined, previous };
    }
    if (record.createRevision !== (previous?.createRevision ?? revision))
      throw this.#corrupt(`the write before revision ${revision} of ${key} is missing`);
    return { type: "put", key, revision, entry: entryOf(record), previous };
  }

  #beginHistory(): History {
    if (this.#history !== undefined) return this.#history;
    const compacted = this.#compactedRevision();
    this.#live.sort((a, b) => compareKeys(a.key, b.key));
    for (let i = 1; i < this.#live.length; i++)
      if (this.#live[i - 1]!.key === this.#live[i]!.key)
        throw this.#corrupt(`${this.#live[i]!.key} is there twice`);
    this.#history = new History(Math.max(1, compacted), treeOf(this.#live), compacted);
    return this.#history;
  }

  #corrupt(what: string): StoreOpenError {
    return new StoreOpenError("corrupt", `${this.#path} is corrupt: ${what}; nothing was changed`);
  }
}

/** The entry of a record whose value is its own. */
function entryOf(record: JournalRecord): Entry {
  return {
    key: record.key,
    value: record.value,
    createRevision: record.createRevision,
    modRevision: record.revision,
    ...(record.lease === undefined ? {} : { lease: record.lease }),
  };
}
