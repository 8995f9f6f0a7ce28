import { EMPTY_TREE, type KeyTree } from "./key-tree.ts";
import { CompactedError, FutureRevisionError, type WatchEvent } from "./store.ts";
import { valueBytesOf } from "./stored-entry.ts";

/** One revision: what it changed, and all keys as they were after it. */
export interface Commit {
  readonly revision: number;
  /** When it was accepted, by the store's clock. */
  readonly atMs: number;
  /** One for a plain write; a transaction over several keys has more, all of the same revision. */
  readonly events: readonly WatchEvent[];
  readonly tree: KeyTree;
}

/**
 * How much of the past is kept. A batch of writes that would pass a bound compacts what was there before it down to
 * nine tenths, so that the journal forgets in strides and not record by record. What is gone is answered with CompactedError.
 */
export interface HistoryBounds {
  /** Revisions. Beside its values each costs about 1 KB of copied tree nodes. */
  readonly maxRevisions: number;
  /** Bytes of values that only the past still holds. */
  readonly maxBytes: number;
  /** Checked with each write, so that a store nobody writes to keeps its past. Etcd under Kubernetes: five minutes. */
  readonly maxAgeMs: number;
}

export const DEFAULT_HISTORY: HistoryBounds = {
  maxRevisions: 20_000,
  maxBytes: 64 * 1024 * 1024,
  maxAgeMs: 5 * 60_000,
};

/**
 * The retained revisions. They follow on each other without a gap, so a revision is found by subtraction:
 *
 *     base (all keys at `compactedRevision`) | commit 42 | commit 43 | commit 44 = newest
 */
export class History {
  #compactedRevision: number;
  #base: KeyTree;
  /** The revision of the newest commit, or of the base when there is none after it. */
  #newestRevision: number;
  #newestTree: KeyTree;
  /** Retained commits begin at `#first`; what lies before is dropped in one go when it makes up half of the array. */
  #commits: Commit[] = [];
  #first = 0;
  #supersededBytes = 0;

  /**
   * @param revision   the revision of `tree`
   * @param compacted  how far back `tree` stands for the past: 0 for a store that is new
   */
  constructor(revision = 1, tree: KeyTree = EMPTY_TREE, compacted = 0) {
    this.#compactedRevision = compacted;
    this.#base = tree;
    this.#newestRevision = revision;
    this.#newestTree = tree;
  }

  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  get newestRevision(): number {
    return this.#newestRevision;
  }

  get newestTree(): KeyTree {
    return this.#newestTree;
  }

  get retainedRevisions(): number {
    return this.#commits.length - this.#first;
  }

  /** A history that goes its own way from here. Trees are shared, so it costs a pointer for each retained revision. */
  clone(): History {
    const copy = new History(this.#compactedRevision, this.#base, this.#compactedRevision);
    copy.#commits = this.#commits.slice(this.#first);
    copy.#newestRevision = this.#newestRevision;
    copy.#newestTree = this.#newestTree;
    copy.#supersededBytes = this.#supersededBytes;
    return copy;
  }

  push(commit: Commit): void {
    this.#commits.push(commit);
    this.#newestRevision = commit.revision;
    this.#newestTree = commit.tree;
    this.#supersededBytes += supersededBytes(commit);
  }

  /** All keys as of a revision. */
  treeAt(revision: number | undefined): KeyTree {
    if (revision === undefined) return this.#newestTree;
    this.#assertKept(revision);
    if (revision > this.#newestRevision) throw new FutureRevisionError(revision, this.#newestRevision);
    const index = this.#indexAfter(revision);
    return index === this.#first ? this.#base : this.#commits[index - 1]!.tree;
  }

  /** The commits after a revision, oldest first. */
  after(revision: number): readonly Commit[] {
    this.#assertKept(revision);
    return this.#commits.slice(this.#indexAfter(revision));
  }

  /**
   * Where to compact to now that `added` are about to follow; undefined when all bounds hold.
   *
   * @returns a revision not above the newest of this history, since only what is visible may be compacted
   */
  overdue(bounds: HistoryBounds, added: readonly Commit[], nowMs: number): number | undefined {
    let revisions = this.#commits.length - this.#first + added.length;
    let bytes = this.#supersededBytes;
    for (const commit of added) bytes += supersededBytes(commit);
    const oldest = this.#commits[this.#first];
    if (oldest === undefined) return undefined;
    const holds = (share: number, commit: Commit) =>
      revisions <= bounds.maxRevisions * share &&
      bytes <= bounds.maxBytes * share &&
      nowMs - commit.atMs <= bounds.maxAgeMs * share;
    if (holds(1, oldest)) return undefined;
    let revision = this.#compactedRevision;
    for (let i = this.#first; i < this.#commits.length; i++) {
      const commit = this.#commits[i]!;
      if (holds(0.9, commit)) break;
      revision = commit.revision;
      revisions -= 1;
      bytes -= supersededBytes(commit);
    }
    return revision;
  }

  /** The commits a compaction would forget. */
  upTo(revision: number): readonly Commit[] {
    return this.#commits.slice(this.#first, this.#indexAfter(revision));
  }

  compact(revision: number): void {
    if (revision <= this.#compactedRevision) return;
    this.#base = this.treeAt(revision);
    const index = this.#indexAfter(revision);
    for (let i = this.#first; i < index; i++) {
      this.#supersededBytes -= supersededBytes(this.#commits[i]!);
      // A forgotten commit must not keep its tree and values alive until the array is cut.
      this.#commits[i] = DROPPED;
    }
    this.#compactedRevision = revision;
    this.#first = index;
    if (this.#first * 2 >= this.#commits.length) {
      this.#commits = this.#commits.slice(this.#first);
      this.#first = 0;
    }
  }

  #assertKept(revision: number): void {
    if (revision < this.#compactedRevision) throw new CompactedError(revision, this.#compactedRevision);
  }

  /** The index of the first retained commit after `revision`. */
  #indexAfter(revision: number): number {
    const index = this.#commits.length - (this.#newestRevision - revision);
    return Math.min(Math.max(index, this.#first), this.#commits.length);
  }
}

const DROPPED: Commit = { revision: 0, atMs: 0, events: [], tree: EMPTY_TREE };

function supersededBytes(commit: Commit): number {
  let bytes = 0;
  for (const event of commit.events) bytes += valueBytesOf(event.previous);
  return bytes;
}
