import type { Commit } from "./history.ts";
import { StoreUnavailableError, type WatchEvent, type Watcher, type WatchHandle } from "./store.ts";

/** At the bound a further watch is refused with StoreUnavailableError. */
export const MAX_WATCHERS = 100_000;

/**
 * Hands every published commit to the watchers of its keys.
 *
 *     watch(after 40), newest 42      unsynced: its backlog 41, 42 was cut from the history when it came
 *     delivery                        backlog handed over; from now on synced
 *     publish 43                      all synced watchers of the prefix are handed the same array
 *
 * Each watcher has a position, the last revision it was handed or did not ask for, and gets only what is after it: so
 * there is neither gap nor repetition between backlog and live events, and a watcher that asked for the future waits.
 *
 * Deliveries are microtasks, never inside `watch` or a write, so that a watcher may call the store. Watchers take
 * events synchronously: the only things that queue here are a backlog, which the history bounds, and the commits
 * published since the last delivery, which one batch of writes bounds. A watcher that must do slow work keeps its
 * own bounded buffer.
 */
export class WatchHub {
  /** Watchers by prefix, so that an event costs one look-up per length of prefix and not one per watcher. */
  readonly #groups = new Map<string, Set<Subscription>>();
  /** How many groups have a prefix of this length. */
  readonly #lengths = new Map<number, number>();
  readonly #unsynced = new Set<Subscription>();
  readonly #wantsProgress = new Set<Subscription>();
  readonly #newestRevision: () => number;
  #undelivered: Commit[] = [];
  #deliveryIsDue = false;
  #watchers = 0;
  #eventsDelivered = 0;

  /** @param newestRevision  the newest revision that was published */
  constructor(newestRevision: () => number) {
    this.#newestRevision = newestRevision;
  }

  get watchers(): number {
    return this.#watchers;
  }

  get eventsDelivered(): number {
    return this.#eventsDelivered;
  }

  /**
   * @param position  the last revision the watcher does not want
   * @param backlog   what was published after `position` so far
   */
  add(prefix: string, position: number, backlog: readonly Commit[], watcher: Watcher): WatchHandle {
    if (this.#watchers >= MAX_WATCHERS)
      throw new StoreUnavailableError(`the store has ${MAX_WATCHERS} watches already`);
    const events: WatchEvent[] = [];
    for (const commit of backlog)
      for (const event of commit.events) if (event.key.startsWith(prefix)) events.push(event);
    const newest = backlog.at(-1)?.revision ?? position;
    const subscription: Subscription = { prefix, position: newest, backlog: events, watcher, isActive: true };
    this.#watchers += 1;
    this.#join(subscription);
    if (events.length > 0) {
      this.#unsynced.add(subscription);
      this.#deliverSoon();
    }
    return {
      cancel: () => this.#remove(subscription),
      requestProgress: () => {
        if (!subscription.isActive) return;
        this.#wantsProgress.add(subscription);
        this.#deliverSoon();
      },
    };
  }

  publish(commits: readonly Commit[]): void {
    if (this.#watchers === 0) return;
    this.#undelivered.push(...commits);
    this.#deliverSoon();
  }

  /** Delivers what was published, then ends every watch. */
  end(reason: Error): void {
    this.#deliver();
    for (const group of [...this.#groups.values()]) {
      for (const subscription of [...group]) {
        this.#remove(subscription);
        subscription.watcher.onEnd?.(reason);
      }
    }
  }

  #deliverSoon(): void {
    if (this.#deliveryIsDue) return;
    this.#deliveryIsDue = true;
    queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    this.#deliveryIsDue = false;
    while (this.#unsynced.size > 0 || this.#undelivered.length > 0) {
      for (const subscription of this.#unsynced) {
        const events = subscription.backlog;
        subscription.backlog = [];
        this.#unsynced.delete(subscription);
        this.#hand(subscription, events);
      }
      const commits = this.#undelivered;
      this.#undelivered = [];
      for (const [group, events] of this.#sortIntoGroups(commits)) {
        // Whoever joins during the delivery has these commits in its backlog or before its position.
        for (const subscription of [...group]) {
          const fresh = events[0]!.revision > subscription.position;
          this.#hand(
            subscription,
            fresh ? events : events.filter((event) => event.revision > subscription.position),
          );
        }
      }
    }
    // Nothing that was published is undelivered here.
    const revision = this.#newestRevision();
    for (const subscription of this.#wantsProgress) {
      this.#wantsProgress.delete(subscription);
      this.#call(subscription, () => subscription.watcher.onProgress?.(revision));
    }
  }

  #sortIntoGroups(commits: readonly Commit[]): Map<Set<Subscription>, WatchEvent[]> {
    const sorted = new Map<Set<Subscription>, WatchEvent[]>();
    for (const commit of commits) {
      for (const event of commit.events) {
        for (const length of this.#lengths.keys()) {
          if (length > event.key.length) continue;
          const group = this.#groups.get(event.key.slice(0, length));
          if (group === undefined) continue;
          const events = sorted.get(group);
          if (events === undefined) sorted.set(group, [event]);
          else events.push(event);
        }
      }
    }
    return sorted;
  }

  #hand(subscription: Subscription, events: readonly WatchEvent[]): void {
    if (!subscription.isActive || events.length === 0) return;
    subscription.position = Math.max(subscription.position, events.at(-1)!.revision);
    this.#eventsDelivered += events.length;
    this.#call(subscription, () => subscription.watcher.onEvents(events));
  }

  /** A watcher that throws has lost events: its watch ends with what it threw. */
  #call(subscription: Subscription, told: () => void): void {
    try {
      told();
    } catch (error) {
      this.#remove(subscription);
      const reason = error instanceof Error ? error : new Error(String(error));
      if (subscription.watcher.onEnd !== undefined) subscription.watcher.onEnd(reason);
      // Loud, but after the other watchers have had their events.
      else
        queueMicrotask(() => {
          throw reason;
        });
    }
  }

  #join(subscription: Subscription): void {
    const { prefix } = subscription;
    const group = this.#groups.get(prefix);
    if (group !== undefined) {
      group.add(subscription);
      return;
    }
    this.#groups.set(prefix, new Set([subscription]));
    this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
  }

  #remove(subscription: Subscription): void {
    if (!subscription.isActive) return;
    subscription.isActive = false;
    this.#watchers -= 1;
    this.#unsynced.delete(subscription);
    this.#wantsProgress.delete(subscription);
    const { prefix } = subscription;
    const group = this.#groups.get(prefix)!;
    group.delete(subscription);
    if (group.size > 0) return;
    this.#groups.delete(prefix);
    const left = this.#lengths.get(prefix.length)! - 1;
    if (left === 0) this.#lengths.delete(prefix.length);
    else this.#lengths.set(prefix.length, left);
  }
}

interface Subscription {
  readonly prefix: string;
  position: number;
  backlog: readonly WatchEvent[];
  readonly watcher: Watcher;
  isActive: boolean;
}
