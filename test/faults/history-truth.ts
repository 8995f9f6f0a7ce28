import type { Ask, HistoryRecord, ToldEntry, ToldEvent } from "./history.ts";

/** What a key was from one revision to the next change of it. */
export interface Version {
  readonly revision: number;
  /** Null: there was no such key from here on. */
  readonly value: string | null;
  /** The revision that created it; 0 for a deleted one, and when that is not known. */
  readonly created: number;
  readonly lease: string | undefined;
}

type Change = Pick<Version, "value" | "lease">;

/**
 * All that is known about what each revision changed, gathered from every answer and every event. Revisions put all
 * writes in one order, so this is the whole past of the store, against which each single answer can be held.
 */
export class Truth {
  /** Whether the records tell of every key, so that no revision may be missing and it is known who created what. */
  readonly isWhole: boolean;
  readonly #changes = new Map<number, Map<string, Change>>();
  readonly #versions = new Map<string, Version[]>();
  readonly violations: string[] = [];
  newest = 1;

  constructor(records: readonly HistoryRecord[], isWhole: boolean) {
    this.isWhole = isWhole;
    const asks = new Map<string, Ask>();
    const owners = new Map<number, string>();
    for (const record of records) {
      if (record.at === "ask") asks.set(record.id, record.ask);
      else if (record.at === "events") for (const event of record.events) this.#learn(event, record.id);
      else if (record.at === "answer") {
        const { answer, id } = record;
        const ask = asks.get(id);
        if ("got" in answer) this.#learnEntries([answer.got], id);
        else if ("ranged" in answer) this.#learnEntries(answer.ranged, id);
        else if ("refused" in answer) this.#learnEntries(answer.refused, id);
        else if ("wrote" in answer && ask?.verb === "write") this.#learnWrite(ask, answer.wrote, id, owners);
      }
    }
    if (isWhole) this.#assertNoGap();
    this.#makeVersions();
  }

  /** What a revision changed, by key. */
  changesOf(revision: number): ReadonlyMap<string, Change> {
    return this.#changes.get(revision) ?? NO_CHANGES;
  }

  get keys(): Iterable<string> {
    return this.#versions.keys();
  }

  versionsOf(key: string): readonly Version[] {
    return this.#versions.get(key) ?? [];
  }

  /** What a key was at a revision; undefined when there was no such key. */
  at(key: string, revision: number): Version | undefined {
    const versions = this.versionsOf(key);
    const version = versions[indexAt(versions, revision)];
    return version === undefined || version.value === null ? undefined : version;
  }

  entryAt(key: string, revision: number): ToldEntry | undefined {
    const version = this.at(key, revision);
    return version && entryOf(key, version);
  }

  /**
   * The earliest revision from `from` on at which each key's last write was the given one (0: there was no such key).
   * Undefined: there is none.
   */
  earliest(wanted: readonly { key: string; modified: number }[], from: number): number | undefined {
    let revision = from;
    for (let settled = 0; settled < wanted.length; ) {
      const { key, modified } = wanted[settled]!;
      const next = this.#earliestOf(key, modified, revision);
      if (next === undefined) return undefined;
      // A later revision has to suit those that were looked at before, too.
      settled = next === revision ? settled + 1 : 0;
      revision = next;
    }
    return revision;
  }

  #earliestOf(key: string, modified: number, from: number): number | undefined {
    const versions = this.versionsOf(key);
    if (modified > 0) {
      const index = indexAt(versions, modified);
      if (versions[index]?.revision !== modified) return undefined;
      const revision = Math.max(from, modified);
      const end = versions[index + 1]?.revision ?? Number.POSITIVE_INFINITY;
      return revision < end ? revision : undefined;
    }
    if (this.at(key, from) === undefined) return from;
    return versions.find(({ revision, value }) => revision > from && value === null)?.revision;
  }

  #learnWrite(
    { operations }: Extract<Ask, { verb: "write" }>,
    revision: number,
    id: string,
    owners: Map<number, string>,
  ): void {
    const written = operations.filter(({ type }) => type !== "check");
    if (written.length === 0) return;
    const owner = owners.get(revision);
    if (owner !== undefined)
      this.violations.push(`unique revisions: ${revision} was given to ${owner} and to ${id}`);
    owners.set(revision, id);
    for (const { type, key, value, lease } of written)
      this.#learnChange(revision, key, { value: type === "delete" ? null : value!, lease }, id);
  }

  #learnEntries(entries: readonly (ToldEntry | null)[], id: string): void {
    for (const entry of entries)
      if (entry !== null) this.#learn({ revision: entry.modified, key: entry.key, entry }, id);
  }

  #learn({ revision, key, entry }: ToldEvent, id: string): void {
    this.#learnChange(revision, key, { value: entry?.value ?? null, lease: entry?.lease }, id);
  }

  #learnChange(revision: number, key: string, change: Change, id: string): void {
    let changes = this.#changes.get(revision);
    if (changes === undefined) {
      changes = new Map();
      this.#changes.set(revision, changes);
    }
    const known = changes.get(key);
    if (known === undefined) changes.set(key, change);
    else if (known.value !== change.value || known.lease !== change.lease)
      this.violations.push(
        `one truth: ${id} says that revision ${revision} made ${key} ${inWords(change)}, others say ${inWords(known)}`,
      );
    this.newest = Math.max(this.newest, revision);
  }

  #assertNoGap(): void {
    for (let revision = 2; revision <= this.newest; revision++)
      if (!this.#changes.has(revision))
        this.violations.push(`growing revisions: nobody was ever told of revision ${revision}`);
  }

  #makeVersions(): void {
    for (const revision of [...this.#changes.keys()].sort((a, b) => a - b))
      for (const [key, { value, lease }] of this.#changes.get(revision)!) {
        const before = this.at(key, revision - 1);
        const created = value === null || !this.isWhole ? 0 : (before?.created ?? revision);
        const version = { revision, value, created, lease };
        const versions = this.#versions.get(key);
        if (versions === undefined) this.#versions.set(key, [version]);
        else versions.push(version);
      }
  }
}

const NO_CHANGES: ReadonlyMap<string, Change> = new Map();

function entryOf(key: string, { value, created, revision, lease }: Version): ToldEntry {
  return { key, value: value ?? "", created, modified: revision, ...(lease === undefined ? {} : { lease }) };
}

function inWords({ value, lease }: Change): string {
  return `${value === null ? "deleted" : `"${value}"`}${lease === undefined ? "" : ` with lease ${lease}`}`;
}

/** The index of the last version at or below a revision; -1 when there is none. */
function indexAt(versions: readonly Version[], revision: number): number {
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (versions[middle]!.revision <= revision) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
