import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { CompactedError, type Store, StoreUnavailableError, type WatchEvent } from "../../store/store.ts";
import { fieldOf, type Selection } from "../selection.ts";
import { isConverted, prepare } from "./conversion.ts";
import { type Batch, Change, type Delivery, inBatches } from "./delivery.ts";
import type { Views } from "./view.ts";

/** At the bound a further watch is refused with StoreUnavailableError. */
export const MAX_WATCHES = 100_000;

/** Who watches. */
export interface Follower {
  /** In order of revision; batches that come together became visible together. */
  onBatches(batches: readonly Batch[]): void;
  /** Once, last: the watch cannot go on. */
  onEnd(reason: Error): void;
}

/**
 * Hands every change to the watchers it concerns, doing once what they have in common.
 *
 *     store ──one watch for each prefix and kind──► Feed: events become changes
 *        change ──► audiences without a required field, and those whose field has the object's value, before or after
 *           audience (watchers of the same selection): matched once, one array of batches
 *              watcher: the batches, unless it has seen their revisions
 *
 * So a pod's change costs a watcher of another node's pods nothing (the index is what kube-apiserver's cacher calls a
 * trigger), and a thousand watchers of all pods share one decoding, one match and one serialisation.
 *
 * A watcher that begins in the past first has a watch of the store to itself and joins the feed when it has caught up.
 */
export class WatchFeeds {
  readonly #store: Store;
  readonly #views: Views;
  readonly #feeds = new Map<string, Feed>();
  #watches = 0;

  constructor(store: Store, views: Views) {
    this.#store = store;
    this.#views = views;
  }

  get watches(): number {
    return this.#watches;
  }

  /**
   * Changes after a revision. Nothing is handed over before this returns.
   *
   * @throws CompactedError when history no longer holds them
   */
  follow(selection: Selection, afterRevision: number, follower: Follower): { cancel(): void } {
    if (this.#watches >= MAX_WATCHES)
      throw new StoreUnavailableError(`there are ${MAX_WATCHES} watches already`);
    const { compactedRevision } = this.#store;
    // Whether others watch must not decide whether this one may.
    if (afterRevision < compactedRevision) throw new CompactedError(afterRevision, compactedRevision);
    const feed = this.#feedFor(selection, afterRevision);
    const watching = feed.add(selection, afterRevision, follower);
    this.#watches += 1;
    return { cancel: () => watching.end() };
  }

  #feedFor({ kind, prefix }: Selection, afterRevision: number): Feed {
    const name = `${apiVersionOf(kind)} ${kind.kind} ${prefix}`;
    let feed = this.#feeds.get(name);
    if (feed === undefined) {
      // Not begun in the future, or those that come after and begin now would have to catch up with it.
      const position = Math.min(afterRevision, this.#store.revision);
      feed = new Feed(this.#store, this.#views, kind, prefix, position, (isLast) => {
        this.#watches -= 1;
        if (isLast) this.#feeds.delete(name);
      });
      this.#feeds.set(name, feed);
    }
    return feed;
  }
}

/** All watches of one kind under one prefix. */
class Feed {
  /** By the selectors of their selection. */
  readonly #audiences = new Map<string, Audience>();
  readonly #everyChange = new Set<Audience>();
  readonly #byField = new Map<string, Map<string, Audience[]>>();
  readonly #watchings = new Set<Watching>();
  readonly #handle: { cancel(): void };
  #turn: Promise<void> = Promise.resolve();
  /** Up to here all changes have been handed on. */
  #position: number;

  /** @param onLeave  told of each watch that ended, and whether it was the last */
  constructor(
    private readonly store: Store,
    private readonly views: Views,
    private readonly kind: Kind,
    private readonly prefix: string,
    position: number,
    private readonly onLeave: (isLast: boolean) => void,
  ) {
    this.#position = position;
    this.#handle = store.watch(prefix, position, {
      onEvents: (events) => this.#inTurn(events, (changes) => this.#handOn(changes)),
      onEnd: (reason) => this.#fail(reason),
    });
  }

  #fail(reason: Error): void {
    for (const watching of [...this.#watchings]) watching.fail(reason);
  }

  /** At once, unless a webhook has to convert the objects first; then one after another, so that their order stays. */
  #inTurn(events: readonly WatchEvent[], handOn: (changes: readonly Change[]) => void): void {
    const changes = events.map((event) => new Change(event, this.kind, this.views));
    if (!isConverted(this.kind)) {
      handOn(changes);
      return;
    }
    const views = changes.flatMap(({ next, before }) => [next, before]).filter((one) => one !== undefined);
    this.#turn = this.#turn
      .then(() => prepare(this.kind, views))
      .then(() => handOn(changes))
      .catch((error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))));
  }

  add(selection: Selection, afterRevision: number, follower: Follower): Watching {
    const watching = new Watching(this, selection, afterRevision, follower);
    if (afterRevision >= this.#position) this.#join(watching);
    else this.#catchUp(watching);
    this.#watchings.add(watching);
    return watching;
  }

  leave(watching: Watching): void {
    this.#watchings.delete(watching);
    const audience = this.#audiences.get(watching.selection.selectors);
    if (audience?.watchings.delete(watching) && audience.watchings.size === 0) this.#dissolve(audience);
    const isLast = this.#watchings.size === 0;
    if (isLast) this.#handle.cancel();
    this.onLeave(isLast);
  }

  #handOn(changes: readonly Change[]): void {
    this.#position = changes.at(-1)!.revision;
    const told = new Map<Audience, Delivery[]>();
    for (const change of changes) {
      for (const audience of this.#concerned(change)) {
        const delivery = change.delivery(audience.selection.matches);
        if (delivery === undefined) continue;
        const deliveries = told.get(audience);
        if (deliveries === undefined) told.set(audience, [delivery]);
        else deliveries.push(delivery);
      }
    }
    for (const [{ watchings }, deliveries] of told) {
      const batches = inBatches(deliveries, false);
      for (const watching of [...watchings]) watching.hand(batches);
    }
  }

  #concerned(change: Change): ReadonlySet<Audience> {
    if (this.#byField.size === 0) return this.#everyChange;
    const concerned = new Set(this.#everyChange);
    for (const [field, byValue] of this.#byField) {
      for (const view of [change.next, change.before]) {
        if (view === undefined) continue;
        for (const audience of byValue.get(fieldOf(this.kind, view, field)) ?? []) concerned.add(audience);
      }
    }
    return concerned;
  }

  /** From a watch of its own until it is where the feed is. */
  #catchUp(watching: Watching): void {
    const { selection } = watching;
    const handle = this.store.watch(this.prefix, watching.position, {
      onEvents: (events) =>
        this.#inTurn(events, (changes) => {
          const deliveries: Delivery[] = [];
          for (const change of changes) {
            const delivery = change.delivery(selection.matches);
            if (delivery !== undefined) deliveries.push(delivery);
          }
          watching.hand(inBatches(deliveries, true));
          watching.position = Math.max(watching.position, changes.at(-1)!.revision);
          if (watching.isOver || watching.position < this.#position) return;
          watching.catchingUp = undefined;
          handle.cancel();
          this.#join(watching);
        }),
      onEnd: (reason) => watching.fail(reason),
    });
    watching.catchingUp = handle;
  }

  #join(watching: Watching): void {
    const { selection } = watching;
    let audience = this.#audiences.get(selection.selectors);
    if (audience === undefined) {
      audience = { selection, watchings: new Set() };
      this.#audiences.set(selection.selectors, audience);
      this.#index(audience);
    }
    audience.watchings.add(watching);
  }

  #index(audience: Audience): void {
    const { requiredField } = audience.selection;
    if (requiredField === undefined) {
      this.#everyChange.add(audience);
      return;
    }
    const { field, value } = requiredField;
    const byValue = this.#byField.get(field) ?? new Map<string, Audience[]>();
    this.#byField.set(field, byValue);
    const others = byValue.get(value);
    if (others === undefined) byValue.set(value, [audience]);
    else others.push(audience);
  }

  #dissolve(audience: Audience): void {
    this.#audiences.delete(audience.selection.selectors);
    this.#everyChange.delete(audience);
    const { requiredField } = audience.selection;
    if (requiredField === undefined) return;
    const { field, value } = requiredField;
    const byValue = this.#byField.get(field)!;
    const left = byValue.get(value)!.filter((one) => one !== audience);
    if (left.length > 0) byValue.set(value, left);
    else byValue.delete(value);
    if (byValue.size === 0) this.#byField.delete(field);
  }
}

/** The watches of one selection. */
interface Audience {
  readonly selection: Selection;
  readonly watchings: Set<Watching>;
}

class Watching {
  isOver = false;
  catchingUp: { cancel(): void } | undefined;

  constructor(
    private readonly feed: Feed,
    readonly selection: Selection,
    /** The last revision it was handed, or did not ask for. */
    public position: number,
    private readonly follower: Follower,
  ) {}

  /** A follower that throws has lost changes: its watch ends with what it threw, and the others go on. */
  hand(batches: readonly Batch[]): void {
    if (this.isOver || batches.length === 0) return;
    const news = this.#unseen(batches);
    if (news.length === 0) return;
    this.position = news.at(-1)!.lastRevision;
    try {
      this.follower.onBatches(news);
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  fail(reason: Error): void {
    if (this.isOver) return;
    this.end();
    this.follower.onEnd(reason);
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.catchingUp?.cancel();
    this.feed.leave(this);
  }

  #unseen(batches: readonly Batch[]): readonly Batch[] {
    if (batches[0]!.deliveries[0]!.revision > this.position) return batches;
    const unseen = batches.flatMap(({ deliveries }) =>
      deliveries.filter(({ revision }) => revision > this.position),
    );
    return inBatches(unseen, batches[0]!.isPast);
  }
}
