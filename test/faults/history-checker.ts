import { compareKeys } from "../../host/store/key-order.ts";
import {
  type Answer,
  type Ask,
  type AskedOperation,
  type HistoryRecord,
  inWords,
  type ToldEntry,
} from "./history.ts";
import { Truth } from "./history-truth.ts";
import { WatchChecker } from "./watch-checker.ts";

/**
 * Says where a history breaks what a store promises; nothing, when it keeps all of it. Each violation is one line that
 * begins with the promise:
 *
 *     one truth            all that was told about a revision agrees
 *     unique revisions     no two writes have the same
 *     growing revisions    none is left out, and who asks later gets a higher one
 *     origin               every change was asked for (or is the end of a lease), and carried out once
 *     conditions           a write was carried out exactly when its condition held
 *     linearizable         each answer is right at one moment between its ask and itself
 *     the nine of a watch  as `watch-checker.ts` lists them
 *
 * Linearizability is hard to decide for histories in general, but revisions say in which order the writes took place.
 * So it is enough to walk through the records with a floor, the newest revision anybody has been told of: whoever asks
 * now must be answered as of the floor or later. Each answer is placed at the earliest revision at which it is right,
 * and that is the best choice, since a place only ever forbids what is before it. This holds over all keys together,
 * which is more than per key. An ask without an answer may have been carried out at any time after it, or never.
 *
 * @param isWhole  false when the store also has keys of which the records do not tell, as under an API server
 */
export function checkHistory(
  records: readonly HistoryRecord[],
  { isWhole = true }: { isWhole?: boolean } = {},
): string[] {
  const truth = new Truth(records, isWhole);
  const checker = new HistoryChecker(truth);
  const watches = new WatchChecker(truth);
  for (const record of records) {
    checker.take(record);
    watches.take(record);
  }
  return [...truth.violations, ...checker.finish(), ...watches.violations];
}

interface OpenAsk {
  readonly id: string;
  readonly ask: Ask;
  /** The newest revision anybody had been told of when it was asked. */
  readonly floor: number;
}

type Write = Extract<Ask, { verb: "write" }>;

class HistoryChecker {
  readonly #truth: Truth;
  readonly #violations: string[] = [];
  readonly #open = new Map<string, OpenAsk>();
  /** Revisions whose write was answered. */
  readonly #answered = new Set<number>();
  #floor = 1;

  constructor(truth: Truth) {
    this.#truth = truth;
  }

  take(record: HistoryRecord): void {
    if (record.at === "ask") {
      const { id, ask } = record;
      if (this.#open.has(id)) this.#violations.push(`history: ${id} was asked twice`);
      this.#open.set(id, { id, ask, floor: this.#floor });
    } else if (record.at === "events")
      for (const { revision } of record.events) this.#floor = Math.max(this.#floor, revision);
    else if (record.at === "progress") this.#floor = Math.max(this.#floor, record.revision);
    else if (record.at === "answer") {
      const open = this.#open.get(record.id);
      if (open === undefined) this.#violations.push(`history: ${record.id} was answered and never asked`);
      else this.#takeAnswer(open, record.answer);
    }
  }

  /** What nobody answered for must have been asked for by somebody whose outcome is unknown. */
  finish(): readonly string[] {
    for (let revision = 2; revision <= this.#truth.newest; revision++)
      if (!this.#answered.has(revision)) this.#findOrigin(revision);
    return this.#violations;
  }

  #takeAnswer(open: OpenAsk, answer: Answer): void {
    const { id, ask } = open;
    if ("failed" in answer) {
      if (answer.isDefinite) this.#open.delete(id);
      return;
    }
    this.#open.delete(id);
    if (ask.verb === "write" && "wrote" in answer) this.#takeWrite(open, ask, answer);
    else if (ask.verb === "write" && "refused" in answer) this.#takeRefusal(open, ask, answer.refused);
    else if (ask.verb === "get" && "got" in answer) this.#takeGet(open, ask, answer.got);
    else if (ask.verb === "range" && "ranged" in answer) this.#takeRange(open, ask, answer);
    else this.#violations.push(`history: ${id} asked for ${ask.verb} and was answered something else`);
  }

  #takeWrite(
    open: OpenAsk,
    { operations }: Write,
    { wrote, told }: Extract<Answer, { wrote: number }>,
  ): void {
    const { id, floor } = open;
    if (operations.every(({ type }) => type === "check")) {
      this.#place(
        open,
        operations.map(({ key, expected = 0 }) => ({ key, modified: expected })),
      );
      return;
    }
    this.#answered.add(wrote);
    this.#assertChanges(id, operations, wrote);
    this.#assertConditions(id, operations, wrote);
    if (wrote <= floor)
      this.#violations.push(
        `growing revisions: ${id} got revision ${wrote} when ${floor} had been told of already`,
      );
    for (const { key, entry, previous } of told) {
      this.#assertEntry(id, key, entry, wrote);
      if (previous !== undefined) this.#assertEntry(`${id} (previous)`, key, previous, wrote - 1);
    }
    this.#floor = Math.max(this.#floor, wrote);
  }

  #takeRefusal(open: OpenAsk, { operations }: Write, found: readonly (ToldEntry | null)[]): void {
    const { id } = open;
    if (operations.every((operation, i) => holds(operation, found[i]?.modified)))
      this.#violations.push(`conditions: ${id} was refused, and what it was told fulfils its conditions`);
    this.#assertKnown(id, found);
    this.#place(
      open,
      operations.map(({ key }, i) => ({ key, modified: found[i]?.modified ?? 0 })),
    );
  }

  #takeGet(open: OpenAsk, { key, revision }: Extract<Ask, { verb: "get" }>, got: ToldEntry | null): void {
    if (revision !== undefined) {
      this.#assertEntry(open.id, key, got, revision);
      return;
    }
    this.#assertKnown(open.id, [got]);
    this.#place(open, [{ key, modified: got?.modified ?? 0 }]);
  }

  #takeRange(
    { id, floor }: OpenAsk,
    { prefix, after, limit, revision }: Extract<Ask, { verb: "range" }>,
    { ranged, remaining, revision: at }: Extract<Answer, { revision: number }>,
  ): void {
    if (revision !== undefined && revision !== at)
      this.#violations.push(`linearizable: ${id} asked for revision ${revision} and was given ${at}`);
    if (revision === undefined && at < floor)
      this.#violations.push(
        `linearizable: ${id} ranged at revision ${at} when ${floor} had been told of already`,
      );
    const wanted = [...this.#truth.keys]
      .filter((key) => key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0))
      .sort(compareKeys)
      .flatMap((key) => this.#truth.entryAt(key, at) ?? []);
    const rightAnswer = wanted.slice(0, limit).map(inWords);
    const wrong = difference(rightAnswer, ranged.map(inWords));
    if (wrong !== undefined) this.#violations.push(`linearizable: ${id} at revision ${at}: ${wrong}`);
    else if (remaining !== wanted.length - rightAnswer.length)
      this.#violations.push(`linearizable: ${id} at revision ${at}: ${remaining} left over is wrong`);
    this.#floor = Math.max(this.#floor, at);
  }

  /** Finds the moment at which an answer is right, and lets nobody after it see anything older. */
  #place({ id, floor }: OpenAsk, wanted: readonly { key: string; modified: number }[]): void {
    const revision = this.#truth.earliest(wanted, floor);
    if (revision === undefined) {
      const found = wanted.map(({ key, modified }) => (modified === 0 ? `no ${key}` : `${key}@${modified}`));
      this.#violations.push(
        `linearizable: ${id} found ${found.join(", ")}, which was never so after revision ${floor}`,
      );
    } else this.#floor = Math.max(this.#floor, revision);
  }

  /** What was read is what was written, whenever that was. */
  #assertKnown(id: string, entries: readonly (ToldEntry | null)[]): void {
    for (const entry of entries) if (entry !== null) this.#assertEntry(id, entry.key, entry, entry.modified);
  }

  #assertEntry(id: string, key: string, told: ToldEntry | null, revision: number): void {
    const right = inWords(this.#truth.entryAt(key, revision) ?? null);
    if (inWords(told) !== right)
      this.#violations.push(
        `linearizable: ${id} was told ${inWords(told)} of ${key} at revision ${revision}, and it was ${right}`,
      );
  }

  #assertChanges(id: string, operations: readonly AskedOperation[], revision: number): void {
    const asked = operations.filter(({ type }) => type !== "check").map(({ key }) => key);
    for (const key of this.#truth.changesOf(revision).keys())
      if (!asked.includes(key))
        this.#violations.push(`origin: revision ${revision} changed ${key}, which ${id} did not name`);
  }

  #assertConditions(id: string, operations: readonly AskedOperation[], revision: number): void {
    for (const operation of operations) {
      const before = this.#truth.at(operation.key, revision - 1);
      if (!holds(operation, before?.revision))
        this.#violations.push(
          `conditions: revision ${revision} is ${id}'s ${operation.type} of ${operation.key}` +
            `${operation.expected === undefined ? "" : `@${operation.expected}`}, before it was ${before?.revision ?? "nothing"}`,
        );
    }
  }

  #findOrigin(revision: number): void {
    const changes = this.#truth.changesOf(revision);
    if (changes.size === 0) return;
    const origin = [...this.#open.values()].find(
      ({ ask, floor }) => ask.verb === "write" && floor < revision && this.#couldBe(ask.operations, revision),
    );
    if (origin !== undefined) this.#open.delete(origin.id);
    else if (!this.#isEndOfLease(revision)) {
      const told = [...changes].map(([key, { value }]) => `${key}=${value ?? "(deleted)"}`);
      this.#violations.push(`origin: nobody asked for revision ${revision}: ${told.join(", ")}`);
    }
  }

  #couldBe(operations: readonly AskedOperation[], revision: number): boolean {
    const changes = this.#truth.changesOf(revision);
    const writes = operations.filter(({ type }) => type !== "check");
    return (
      writes.length === changes.size &&
      writes.every(({ key, type, value, lease }) => {
        const change = changes.get(key);
        return (
          change !== undefined &&
          (type === "delete" ? change.value === null : change.value === value && change.lease === lease)
        );
      }) &&
      operations.every((operation) => holds(operation, this.#truth.at(operation.key, revision - 1)?.revision))
    );
  }

  /** Keys go with their lease, all of them under one revision. */
  #isEndOfLease(revision: number): boolean {
    const changes = this.#truth.changesOf(revision);
    const leases = new Set<string | undefined>();
    for (const [key, { value }] of changes) {
      if (value !== null) return false;
      leases.add(this.#truth.at(key, revision - 1)?.lease);
    }
    const [lease] = leases;
    if (leases.size !== 1 || lease === undefined) return false;
    return [...this.#truth.keys].every((key) => this.#truth.at(key, revision)?.lease !== lease);
  }
}

/** @param modified  the last write of what is there; undefined: nothing is */
function holds({ type, expected }: AskedOperation, modified: number | undefined): boolean {
  switch (type) {
    case "create":
      return modified === undefined;
    case "update":
      return modified === expected;
    case "delete":
      return modified !== undefined && (expected === undefined || modified === expected);
    case "check":
      return (modified ?? 0) === expected;
    default:
      return type satisfies never;
  }
}

/** The first thing in which two lists differ. */
function difference(right: readonly string[], told: readonly string[]): string | undefined {
  for (let i = 0; i < Math.max(right.length, told.length); i++)
    if (right[i] !== told[i]) return `${told[i] ?? "nothing"} where ${right[i] ?? "nothing"} should be`;
  return undefined;
}
