import type { Entry, Operation, Range, Store, WatchEvent } from "./store.ts";

/**
 * The domain's shorthand for the tests of this room. Writes: "create a 1" puts the value 1, "update a@2 x" expects
 * that the last write of a was revision 2, "delete a", "delete a@2".
 */

/** Carries out a write told in shorthand and tells its outcome in words. */
export async function apply(store: Store, write: string): Promise<string> {
  const [verb, target, value = ""] = write.split(" ");
  const [key, expected] = target!.split("@");
  const revision = expected === undefined ? undefined : Number(expected);
  if (verb === "delete") {
    const result = await store.delete(key!, revision);
    return result.ok
      ? `gone ${result.revision}: ${inWords(result.previous)}`
      : `no: ${inWords(result.current)}`;
  }
  const result =
    verb === "create"
      ? await store.create(key!, bytes(value))
      : await store.update(key!, bytes(value), revision ?? Number.NaN);
  return result.ok ? inWords(result.entry) : `no: ${inWords(result.current)}`;
}

/** A transaction told in shorthand: "check a@2" (and "check a@0") beside the writes. */
export async function transact(store: Store, ...operations: string[]): Promise<string[] | string> {
  const result = await store.transact(operations.map(operation));
  if (!result.ok) return `no: ${result.current.map((entry) => inWords(entry)).join(", ")}`;
  return result.events.map(eventInWords);
}

function operation(told: string): Operation {
  const [type, target, value = ""] = told.split(" ");
  const [key = "", expected] = target!.split("@");
  const expectedRevision = expected === undefined ? undefined : Number(expected);
  switch (type) {
    case "create":
      return { type, key, value: bytes(value) };
    case "update":
      return { type, key, value: bytes(value), expectedRevision: expectedRevision ?? Number.NaN };
    case "delete":
      return { type, key, expectedRevision };
    default:
      return { type: "check", key, expectedRevision: expectedRevision ?? Number.NaN };
  }
}

export function inWords(entry: Entry | undefined): string {
  if (entry === undefined) return "nothing";
  return `${entry.key}=${text(entry.value)} created ${entry.createRevision} modified ${entry.modRevision}`;
}

/** The keys of a range, and how many are left: "a b +2". */
export function inKeys(range: Range): string {
  const keys = range.entries.map((entry) => entry.key).join(" ");
  return range.remaining === 0 ? keys : `${keys} +${range.remaining}`;
}

export function eventInWords(event: WatchEvent): string {
  const { revision, type, key, entry, previous } = event;
  const now = entry === undefined ? "" : `=${text(entry.value)}`;
  const before = previous === undefined ? "" : ` was ${text(previous.value)}@${previous.modRevision}`;
  return `${revision} ${type} ${key}${now}${before}`;
}

/** A watcher that writes down what it is told. */
export function recorder(also: (event: WatchEvent) => void = () => {}) {
  const events: string[] = [];
  const ends: string[] = [];
  return {
    events,
    ends,
    onEvents(batch: readonly WatchEvent[]): void {
      for (const event of batch) {
        events.push(eventInWords(event));
        also(event);
      }
    },
    onEnd(reason: Error): void {
      ends.push(reason.message);
    },
  };
}

/** Lets deliveries that are due happen. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for a revision that is due: a journal's batch is not one of the clock's timers. */
export async function settledAt(store: Store, revision: number): Promise<void> {
  while (store.revision < revision) await settled();
  await settled();
}

export function bytes(value: string): Uint8Array {
  return Buffer.from(value);
}

export function text(value: Uint8Array | undefined): string {
  return Buffer.from(value ?? []).toString();
}
