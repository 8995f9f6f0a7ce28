import type { Kind } from "../../api/kind.ts";
import { apiVersionOf } from "../../api/kind.ts";
import type { Timer } from "../../apimachinery/clock.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { CompactedError } from "../../store/store.ts";
import type { Api } from "../api.ts";
import {
  parseResourceVersion,
  type RevisionOptions,
  revisionNotOlderThan,
  validateRevisionOptions,
} from "../resource-version.ts";
import type { Selection } from "../selection.ts";
import { prepare } from "../storage/conversion.ts";
import { type Batch, Delivery, inBatches } from "../storage/delivery.ts";
import { encodeObject, View } from "../storage/view.ts";
import type { Turns } from "./turns.ts";

export interface WatchRequest extends RevisionOptions {
  readonly allowWatchBookmarks?: boolean;
  /** Absent: until cancelled. */
  readonly timeoutMs?: number;
}

export interface WatchReceiver {
  /** In order of revision; what comes together became visible at once, except for the state it began with. */
  onBatches(batches: readonly Batch[]): void;
  /** Once: the state has been handed over, and only changes follow. */
  onFollowing?(): void;
  /** Once, last; `error` absent: the time is over. */
  onEnd(error?: ApiError): void;
}

export interface Watching {
  cancel(): void;
}

const BOOKMARK_PERIOD_MS = 60_000;
const BOOKMARK_BEFORE_END_MS = 2000;

/**
 * Starts a watch: what is already there (when no resourceVersion is given), then every change. Option mistakes throw
 * at once; a revision that history no longer holds ends the stream with 410 Expired. Source: api-wire 10, 12.
 *
 * @param turns  lets others in between while a large state is gone through; absent: it is gone through at once
 */
export function watch(
  api: Api,
  selection: Selection,
  request: WatchRequest,
  receiver: WatchReceiver,
  turns?: Turns,
): Watching {
  validateRevisionOptions(request, true);
  const from = parseResourceVersion(request.resourceVersion);
  const session = new WatchSession(api, selection, request, receiver, turns);
  const initial = request.sendInitialEvents ?? (from === undefined || from === 0);
  if (initial) void session.startWithState(from);
  else session.follow(from || api.objects.store.revision);
  return { cancel: () => session.close() };
}

/** How many objects of the state are looked at in one turn: with a selector each is decoded. */
const TURN_OBJECTS = 100;

class WatchSession {
  #handle: { cancel(): void } | undefined;
  readonly #timers = new Set<Timer>();
  #closed = false;
  #kinds: { remove(): void } | undefined;
  /** Where it began. */
  #startRevision = 0;

  constructor(
    private readonly api: Api,
    private readonly selection: Selection,
    private readonly request: WatchRequest,
    private readonly receiver: WatchReceiver,
    private readonly turns: Turns | undefined,
  ) {
    if (request.timeoutMs !== undefined) {
      this.#after(request.timeoutMs, () => this.#end());
      const early = request.timeoutMs - BOOKMARK_BEFORE_END_MS;
      if (early > 0 && request.allowWatchBookmarks) this.#after(early, () => this.#bookmark());
    }
    if (request.allowWatchBookmarks) this.#scheduleBookmark();
    if (selection.kind.custom !== undefined) this.#endWithKind();
  }

  /** What is watched may go, or become another: the watcher lists anew and sees. */
  #endWithKind(): void {
    const { kind } = this.selection;
    this.#kinds = this.api.kinds.onChange(() => {
      const served = this.api.kinds.current(kind);
      // While a definition goes its objects are still told of.
      if (served === undefined || (served !== kind && !served.terminating)) this.#end();
    });
  }

  /** @param from  how old the state may be; absent: not at all */
  async startWithState(from: number | undefined): Promise<void> {
    const { kind, prefix } = this.selection;
    try {
      const notOlder = await revisionNotOlderThan(this.api, from);
      const { entries, revision } = await this.api.objects.store.range(prefix, { revision: notOlder });
      if (kind.custom?.conversion !== undefined)
        await prepare(
          kind,
          entries.map((entry) => this.api.objects.views.of(entry)),
        );
      let deliveries: Delivery[] = [];
      for (const [index, entry] of entries.entries()) {
        if (this.turns !== undefined && index > 0 && index % TURN_OBJECTS === 0) {
          this.#hand(deliveries);
          deliveries = [];
          await this.turns.next();
          if (this.#closed) return;
        }
        const view = this.api.objects.views.of(entry);
        if (this.#matches(view)) deliveries.push(new Delivery("ADDED", view.as(kind)));
      }
      if (this.#closed) return;
      if (this.request.sendInitialEvents && this.request.allowWatchBookmarks) {
        deliveries.push(new Delivery("BOOKMARK", bookmarkView(kind, revision, true)));
      }
      this.#hand(deliveries);
      if (!this.#closed) this.follow(revision);
    } catch (error) {
      this.#end(asApiError(error));
    }
  }

  follow(afterRevision: number): void {
    this.#startRevision = afterRevision;
    try {
      this.#handle = this.api.objects.feeds.follow(this.selection, afterRevision, {
        onBatches: (batches) => this.receiver.onBatches(batches),
        onEnd: (reason) => this.#end(asApiError(reason)),
      });
      this.receiver.onFollowing?.();
    } catch (error) {
      this.#end(asApiError(error));
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handle?.cancel();
    this.#kinds?.remove();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #hand(state: readonly Delivery[]): void {
    if (state.length > 0) this.receiver.onBatches(inBatches(state, true));
  }

  #matches(view: View): boolean {
    return this.selection.matches === undefined || this.selection.matches(view);
  }

  #scheduleBookmark(): void {
    this.#after(BOOKMARK_PERIOD_MS, () => {
      this.#bookmark();
      this.#scheduleBookmark();
    });
  }

  /**
   * Nothing published is undelivered while a timer fires: the store hands out events in the microtasks that follow a
   * write. So the bookmark may name the store's newest revision, and a quiet kind's watchers do not fall behind history.
   */
  #bookmark(): void {
    // What waits for a webhook has not been delivered yet: a bookmark would skip it.
    if (this.#handle === undefined || this.selection.kind.custom?.conversion !== undefined) return;
    const revision = Math.max(this.#startRevision, this.api.objects.store.revision);
    const bookmark = new Delivery("BOOKMARK", bookmarkView(this.selection.kind, revision, false));
    this.receiver.onBatches(inBatches([bookmark], false));
  }

  #after(delayMs: number, action: () => void): void {
    const timer = this.api.clock.setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs);
    this.#timers.add(timer);
  }

  #end(error?: ApiError): void {
    if (this.#closed) return;
    this.close();
    this.receiver.onEnd(error);
  }
}

function bookmarkView(kind: Kind, revision: number, closesInitialEvents: boolean): View {
  const annotations = closesInitialEvents ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
  return new View(
    encodeObject({ kind: kind.kind, apiVersion: apiVersionOf(kind), metadata: annotations }),
    revision,
  );
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof CompactedError) {
    const { requestedRevision, compactedRevision } = error;
    return new ApiError("Expired", `too old resource version: ${requestedRevision} (${compactedRevision})`);
  }
  const message = error instanceof Error ? error.message : String(error);
  return new ApiError("InternalError", `Internal error occurred: ${message}`);
}
