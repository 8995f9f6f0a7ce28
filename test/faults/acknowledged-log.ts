import { expect } from "vitest";
import type { Store, WatchEvent } from "../../host/store/store.ts";

/**
 * What a client knows of a store that died under it: the writes it was told of, and those it asked for without an
 * answer. Held against what the store says when it is open again.
 */
export class AcknowledgedLog {
  /** The change of each revision, in words; without gaps once `check` has passed. */
  readonly #changes = new Map<number, string>();
  readonly #unanswered = new Set<string>();
  acknowledged = 0;

  /** Takes a line of `writer.mjs`. */
  add(line: string): void {
    const [what, ...rest] = line.split(" ");
    if (what === "ask") this.#unanswered.add(changeOf(rest));
    if (what !== "ack") return;
    const change = changeOf(rest.slice(1));
    const revision = Number(rest[0]);
    expect(this.#changes.has(revision), `revision ${revision} was given out twice`).toBe(false);
    this.#changes.set(revision, change);
    this.#unanswered.delete(change);
    this.acknowledged += 1;
  }

  /**
   * Nothing acknowledged is missing or different, nothing is there that nobody asked for, and the keys are what the
   * changes amount to. What was asked for and not answered may be there or not; from now on it has to stay as it is.
   */
  async check(store: Store): Promise<void> {
    for (const event of await eventsAfter(store, store.compactedRevision)) {
      const change = eventInWords(event);
      const known = this.#changes.get(event.revision);
      if (known === undefined) {
        expect(this.#unanswered, `revision ${event.revision} was never asked for`).toContain(change);
        this.#changes.set(event.revision, change);
      } else expect(change, `revision ${event.revision}`).toBe(known);
    }
    this.#unanswered.clear();
    const keys = new Map<string, string>();
    const newest = Math.max(1, ...this.#changes.keys());
    for (let revision = 2; revision <= newest; revision++) {
      expect(this.#changes.has(revision), `revision ${revision} is missing`).toBe(true);
      apply(keys, this.#changes.get(revision)!);
    }
    const { entries, revision } = await store.range("");
    expect(revision, "the newest revision").toBe(newest);
    expect(entries.map((entry) => `${entry.key} ${Buffer.from(entry.value)}`)).toEqual(
      [...keys].map(([key, value]) => `${key} ${value}`).sort(),
    );
  }
}

function changeOf([verb, key, value]: readonly string[]): string {
  return verb === "delete" ? `delete ${key}` : `put ${key} ${value}`;
}

function eventInWords({ type, key, entry }: WatchEvent): string {
  return type === "delete" ? `delete ${key}` : `put ${key} ${Buffer.from(entry?.value ?? [])}`;
}

function apply(keys: Map<string, string>, change: string): void {
  const [type, key, value] = change.split(" ");
  if (type === "delete") keys.delete(key!);
  else keys.set(key!, value!);
}

async function eventsAfter(store: Store, revision: number): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  const handle = store.watch("", revision, { onEvents: (batch) => events.push(...batch) });
  await new Promise((resolve) => setImmediate(resolve));
  handle.cancel();
  return events;
}
