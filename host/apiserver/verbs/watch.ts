import type { Kind } from "../../api/kind.ts";
import { apiVersionOf } from "../../api/kind.ts";
import type { Timer } from "../../apimachinery/clock.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { CompactedError, type WatchEvent, type WatchHandle } from "../../store/store.ts";
import type { Api } from "../api.ts";
import { parseResourceVersion, type RevisionOptions, validateRevisionOptions } from "../resource-version.ts";
import type { Selection } from "../selection.ts";
import { encodeObject, View } from "../storage/view.ts";

export interface WatchRequest extends RevisionOptions {
  readonly allowWatchBookmarks?: boolean;
  /** Absent: until cancelled. */
  readonly timeoutMs?: number;
}

export interface Delivery {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly view: View;
}

export interface WatchReceiver {
  /** In order of revision; a batch is what became visible at once. */
  onDeliveries(deliveries: readonly Delivery[]): void;
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
 */
export function watch(
  api: Api,
  selection: Selection,
  request: WatchRequest,
  receiver: WatchReceiver,
): Watching {
  validateRevisionOptions(request, true);
  const from = parseResourceVersion(request.resourceVersion);
  const session = new WatchSession(api, selection, request, receiver);
  const initial = request.sendInitialEvents ?? (from === undefined || from === 0);
  if (initial) void session.startWithState();
  else session.follow(from ?? api.objects.store.revision);
  return { cancel: () => session.close() };
}

class WatchSession {
  #handle: WatchHandle | undefined;
  readonly #timers = new Set<Timer>();
  #closed = false;
  /** Everything up to here was delivered or concerns other keys. */
  #seenRevision = 0;

  constructor(
    private readonly api: Api,
    private readonly selection: Selection,
    private readonly request: WatchRequest,
    private readonly receiver: WatchReceiver,
  ) {
    if (request.timeoutMs !== undefined) {
      this.#after(request.timeoutMs, () => this.#end());
      const early = request.timeoutMs - BOOKMARK_BEFORE_END_MS;
      if (early > 0 && request.allowWatchBookmarks) this.#after(early, () => this.#bookmark());
    }
    if (request.allowWatchBookmarks) this.#scheduleBookmark();
  }

  async startWithState(): Promise<void> {
    try {
      const { entries, revision } = await this.api.objects.store.range(this.selection.prefix);
      if (this.#closed) return;
      const deliveries: Delivery[] = [];
      for (const entry of entries) {
        const view = this.api.objects.views.of(entry);
        if (this.#matches(view)) deliveries.push({ type: "ADDED", view: view.as(this.selection.kind) });
      }
      this.#seenRevision = revision;
      if (this.request.sendInitialEvents && this.request.allowWatchBookmarks) {
        deliveries.push({ type: "BOOKMARK", view: bookmarkView(this.selection.kind, revision, true) });
      }
      if (deliveries.length > 0) this.receiver.onDeliveries(deliveries);
      if (!this.#closed) this.follow(revision);
    } catch (error) {
      this.#end(asApiError(error));
    }
  }

  follow(afterRevision: number): void {
    this.#seenRevision = afterRevision;
    try {
      this.#handle = this.api.objects.store.watch(this.selection.prefix, afterRevision, {
        onEvents: (events) => this.#receive(events),
        onEnd: (reason) => this.#end(asApiError(reason)),
      });
      if (this.#closed) this.#handle.cancel();
    } catch (error) {
      this.#end(asApiError(error));
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handle?.cancel();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #receive(events: readonly WatchEvent[]): void {
    if (this.#closed) return;
    const deliveries: Delivery[] = [];
    for (const event of events) {
      this.#seenRevision = event.revision;
      const delivery = this.#translate(event);
      if (delivery !== undefined) deliveries.push(delivery);
    }
    if (deliveries.length > 0) this.receiver.onDeliveries(deliveries);
  }

  /** An object that starts to match is ADDED, one that stops is DELETED as it was, under the new revision. */
  #translate({ entry, previous, revision }: WatchEvent): Delivery | undefined {
    const { views } = this.api.objects;
    const { kind } = this.selection;
    const next = entry && views.of(entry);
    const before = previous && views.of(previous);
    const matchesNow = next !== undefined && this.#matches(next);
    const matchedBefore = before !== undefined && this.#matches(before);
    if (matchesNow) return { type: matchedBefore ? "MODIFIED" : "ADDED", view: next.as(kind) };
    if (matchedBefore) return { type: "DELETED", view: before.endedAt(revision).as(kind) };
    return undefined;
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
    if (this.#handle === undefined) return;
    this.#seenRevision = Math.max(this.#seenRevision, this.api.objects.store.revision);
    this.receiver.onDeliveries([
      { type: "BOOKMARK", view: bookmarkView(this.selection.kind, this.#seenRevision, false) },
    ]);
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
