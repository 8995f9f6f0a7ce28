import type { CoreV1Event } from "../api/generated/types.ts";
import type { Clock } from "../apimachinery/clock.ts";

export interface CountedEvent {
  readonly event: CoreV1Event;
  /** Name of the stored event to bump; absent: this is its first. */
  readonly storedName?: string;
  readonly key: string;
}

/** Numbers of client-go tools/record (events_cache.go). */
const SIMILAR_LIMIT = 10;
const SIMILAR_GAP_MS = 600_000;
const SPAM_BURST = 25;
const SPAM_REFILL_MS = 300_000;
const CACHE_SIZE = 4096;

/**
 * Keeps a flood of events small, in three steps: many different messages of one reason become one "(combined from
 * similar events)"; the same event again raises the count of the stored one; an object that still floods is cut off.
 */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #similar = new RecentMap<{ messages: Set<string>; lastMs: number }>(CACHE_SIZE);
  readonly #stored = new RecentMap<{ name: string | undefined; count: number; firstTimestamp?: string }>(
    CACHE_SIZE,
  );
  readonly #budgets = new RecentMap<{ tokens: number; atMs: number }>(CACHE_SIZE);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns what to write, or undefined when the object has used up its budget */
  correlate(event: CoreV1Event): CountedEvent | undefined {
    const nowMs = this.#clock.nowMs();
    const aggregated = this.#aggregate(event, nowMs);
    const key = aggregated.key;
    const known = this.#stored.get(key);
    const count = (known?.count ?? 0) + 1;
    const firstTimestamp = known?.firstTimestamp ?? event.firstTimestamp;
    this.#stored.set(key, { name: known?.name, count, firstTimestamp });
    if (!this.#withinBudget(event, nowMs)) return undefined;
    return {
      key,
      event: { ...event, message: aggregated.message, count, firstTimestamp },
      ...(known?.name === undefined ? {} : { storedName: known.name }),
    };
  }

  /** Notes under which name an event was written, so that the next one of its kind bumps it. */
  remember(counted: CountedEvent, written: CoreV1Event): void {
    const known = this.#stored.get(counted.key);
    if (known !== undefined) this.#stored.set(counted.key, { ...known, name: written.metadata.name });
  }

  #aggregate(event: CoreV1Event, nowMs: number): { key: string; message: string } {
    const { involvedObject: object, type, reason, message = "", reportingComponent } = event;
    const about = [objectWords(event), type, reason, reportingComponent, object.fieldPath].join("\n");
    const recent = this.#similar.get(about);
    const similar =
      recent === undefined || nowMs - recent.lastMs > SIMILAR_GAP_MS
        ? { messages: new Set<string>(), lastMs: nowMs }
        : recent;
    similar.lastMs = nowMs;
    similar.messages.add(message);
    this.#similar.set(about, similar);
    if (similar.messages.size < SIMILAR_LIMIT) return { key: `${about}\n${message}`, message };
    // One is forgotten, so a message that is among the remembered ones still goes by itself.
    for (const oldest of similar.messages) {
      similar.messages.delete(oldest);
      break;
    }
    return { key: about, message: `(combined from similar events): ${message}` };
  }

  #withinBudget(event: CoreV1Event, nowMs: number): boolean {
    const key = `${objectWords(event)}\n${event.type}`;
    const budget = this.#budgets.get(key) ?? { tokens: SPAM_BURST, atMs: nowMs };
    const tokens = Math.min(SPAM_BURST, budget.tokens + (nowMs - budget.atMs) / SPAM_REFILL_MS);
    this.#budgets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    return tokens >= 1;
  }
}

function objectWords(event: CoreV1Event): string {
  const { kind, namespace, name, uid, apiVersion } = event.involvedObject;
  return [event.source?.component, event.source?.host, kind, namespace, name, uid, apiVersion].join("\n");
}

/** A map of the most recently used entries; the one used longest ago makes room. */
class RecentMap<V> {
  readonly #entries = new Map<string, V>();

  constructor(readonly capacity: number) {}

  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.capacity) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        return;
      }
    }
  }
}
