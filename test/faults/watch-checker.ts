import { compareKeys } from "../../host/store/key-order.ts";
import { type HistoryRecord, inWords, type ToldEvent } from "./history.ts";
import type { Truth } from "./history-truth.ts";

/**
 * Holds what watchers were told against the truth. The nine properties, as etcd names them:
 *
 *     ordered         by revision, and within one revision by key
 *     unique          no event twice
 *     atomic          the events of one revision come in one batch
 *     reliable        between two events none is left out; after the time it needs, nothing is outstanding
 *     resumable       a watch from a revision begins with the very next event after it
 *     bookmarkable    a progress notice means that all up to its revision has been told
 *     previous value  an event says what was there before
 *     is-create       an event says rightly whether it created its key
 *     filter          only keys with the prefix, only revisions that were asked for
 */
export class WatchChecker {
  readonly #truth: Truth;
  readonly #watches = new Map<string, Watch>();
  readonly violations: string[] = [];

  constructor(truth: Truth) {
    this.#truth = truth;
  }

  take(record: HistoryRecord): void {
    if (record.at === "ask" || record.at === "answer") return;
    const { id } = record;
    if (record.at === "watch") {
      const { prefix, after } = record;
      if (this.#watches.has(id)) this.violations.push(`history: ${id} was begun twice`);
      this.#watches.set(id, { id, prefix, after, told: undefined, isOver: false, settled: after });
      return;
    }
    const watch = this.#watches.get(id);
    if (watch === undefined || watch.isOver)
      this.violations.push(`history: ${id} was told something and does not watch`);
    else if (record.at === "over") watch.isOver = true;
    else if (record.at === "events") this.#takeEvents(watch, record.events);
    else this.#takeProgress(watch, record.revision, record.at === "progress" ? "bookmarkable" : "reliable");
  }

  #takeEvents(watch: Watch, events: readonly ToldEvent[]): void {
    const before = watch.told;
    const batch = new Map<number, number>();
    for (const event of events) {
      this.#takeEvent(watch, event);
      batch.set(event.revision, (batch.get(event.revision) ?? 0) + 1);
    }
    if (before !== undefined && batch.has(before.revision))
      this.#violate("atomic", watch, `revision ${before.revision} came in two batches`);
    for (const [revision, count] of batch) {
      const due = this.#dueOf(watch, revision).length;
      if (count < due)
        this.#violate("atomic", watch, `${count} of the ${due} events of revision ${revision} came together`);
    }
  }

  #takeEvent(watch: Watch, event: ToldEvent): void {
    const { revision, key, entry, previous } = event;
    const at = `${key} of revision ${revision}`;
    if (!key.startsWith(watch.prefix) || revision <= watch.after)
      this.#violate("filter", watch, `${at} was not asked for`);
    if (revision <= watch.settled && watch.settled > watch.after)
      this.#violate("bookmarkable", watch, `${at} came after the notice of revision ${watch.settled}`);
    this.#assertFollows(watch, event);
    const before = this.#truth.entryAt(key, revision - 1) ?? null;
    if (previous !== undefined && inWords(previous) !== inWords(before))
      this.#violate("previous value", watch, `${at}: ${inWords(previous)}, and it was ${inWords(before)}`);
    const created = before?.created ?? revision;
    if (this.#truth.isWhole && entry !== null && (entry.created !== created || entry.modified !== revision))
      this.#violate("is-create", watch, `${at}: ${inWords(entry)}, and it was created by ${created}`);
  }

  /** Whether it is the very next one after the last. */
  #assertFollows(watch: Watch, event: ToldEvent): void {
    const { told, after } = watch;
    const order = told === undefined ? 1 : event.revision - told.revision || compareKeys(event.key, told.key);
    const what = `${event.key} of revision ${event.revision}`;
    if (order === 0) this.#violate("unique", watch, `${what} came twice`);
    if (order < 0) this.#violate("ordered", watch, `${what} came after ${told?.key} of ${told?.revision}`);
    if (order <= 0) return;
    watch.told = event;
    const left = this.#dueBetween(watch, told, event);
    if (left === undefined) return;
    if (told === undefined)
      this.#violate("resumable", watch, `it began after revision ${after} and missed ${left}`);
    else this.#violate("reliable", watch, `it missed ${left}`);
  }

  #takeProgress(watch: Watch, revision: number, property: string): void {
    const { told } = watch;
    if (revision < watch.settled)
      this.#violate(property, watch, `the notice of revision ${revision} came after ${watch.settled}`);
    const left = this.#dueBetween(watch, told, { revision: revision + 1, key: "" });
    if (left !== undefined)
      this.#violate(property, watch, `it was to have all up to revision ${revision}, and missed ${left}`);
    watch.settled = Math.max(watch.settled, revision);
  }

  /** The first event that lies between two, in words. */
  #dueBetween(watch: Watch, from: Place | undefined, to: Place): string | undefined {
    const first = from?.revision ?? watch.after + 1;
    for (let revision = first; revision <= to.revision; revision++)
      for (const key of this.#dueOf(watch, revision)) {
        const isAfter = from === undefined || revision > from.revision || compareKeys(key, from.key) > 0;
        const isBefore = revision < to.revision || compareKeys(key, to.key) < 0;
        if (isAfter && isBefore) return `${key} of revision ${revision}`;
      }
    return undefined;
  }

  #dueOf({ prefix, after }: Watch, revision: number): string[] {
    if (revision <= after) return [];
    return [...this.#truth.changesOf(revision).keys()].filter((key) => key.startsWith(prefix));
  }

  #violate(property: string, { id }: Watch, what: string): void {
    this.violations.push(`${property}: watch ${id}: ${what}`);
  }
}

interface Place {
  readonly revision: number;
  readonly key: string;
}

interface Watch {
  readonly id: string;
  readonly prefix: string;
  readonly after: number;
  /** The last event it was told. */
  told: Place | undefined;
  isOver: boolean;
  /** The revision of the last notice. */
  settled: number;
}
