import type { Kind } from "../api/kind.ts";
import type { Clock, Timer } from "../apimachinery/clock.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client, WatchEventType, WatchStream } from "./client.ts";

/** Part of a kind: absent fields select everything. */
export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ReflectorSink<T> {
  /** Everything there is at `revision`: what is not in `objects` is gone. */
  replace(objects: readonly T[], revision: number): void;
  /** One change, in order of revision. */
  apply(type: Exclude<WatchEventType, "BOOKMARK">, object: T, revision: number): void;
  /** Nothing of the kind changed up to `revision`. */
  advance(revision: number): void;
}

export interface ReflectorOptions<T extends KubernetesObject> {
  readonly client: Client;
  readonly kind: Kind<T>;
  readonly selection?: Selection;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly sink: ReflectorSink<T>;
}

export interface Reflector {
  stop(): void;
}

/** client-go's reflector backoff: 800 ms doubling to 30 s, each stretched by up to its own length. */
const BACKOFF_FIRST_MS = 800;
const BACKOFF_MAX_MS = 30_000;
/** A watch that lived this long was healthy: the next failure starts again at the first delay. */
const BACKOFF_RESET_MS = 120_000;
/** A watch asks to be ended after 5 to 10 minutes, so that a dead connection is noticed (client-go minWatchTimeout). */
const WATCH_MIN_SECONDS = 300;
/** One page of a list, as client-go's pager asks for. */
const PAGE_SIZE = 500;

/**
 * Mirrors a kind into a sink: lists, then watches from the list's revision for as long as that works.
 *
 *   list ──► watch ──ended or failed──► watch again from the last revision seen (after a pause when it failed)
 *     ▲        └──Expired: the server no longer has that history──┐
 *     └───────────────────────────────────────────────────────────┘
 */
export function startReflector<T extends KubernetesObject>(options: ReflectorOptions<T>): Reflector {
  const { client, kind, clock, random, log, sink } = options;
  const selection = options.selection ?? {};
  let stopped = false;
  let stream: WatchStream | undefined;
  let pause: Timer | undefined;
  let failures = 0;
  let revision = "";

  const later = (next: () => void) => {
    const baseMs = Math.min(BACKOFF_FIRST_MS * 2 ** failures, BACKOFF_MAX_MS);
    failures++;
    pause = clock.setTimeout(next, baseMs + random.below(baseMs));
  };

  const list = async () => {
    try {
      const objects: T[] = [];
      let page = await client.list(kind, { ...selection, limit: PAGE_SIZE });
      for (;;) {
        for (const object of page.items) objects.push(object);
        if (stopped || !page.metadata.continue) break;
        page = await client.list(kind, { ...selection, limit: PAGE_SIZE, continue: page.metadata.continue });
      }
      if (stopped) return;
      revision = page.metadata.resourceVersion ?? "0";
      sink.replace(objects, Number(revision));
    } catch (error) {
      if (stopped) return;
      log.warn("list failed", { kind: kind.kind, error: String(error) });
      later(() => void list());
      return;
    }
    watch();
  };

  const watch = () => {
    if (stopped) return;
    const startedMs = clock.nowMs();
    stream = client.watch(
      kind,
      {
        ...selection,
        resourceVersion: revision,
        bookmarks: true,
        timeoutSeconds: WATCH_MIN_SECONDS + random.below(WATCH_MIN_SECONDS),
      },
      {
        onEvent: (type, object) => {
          if (stopped) return;
          revision = object.metadata?.resourceVersion ?? revision;
          if (type === "BOOKMARK") sink.advance(Number(revision));
          else sink.apply(type, object, Number(revision));
        },
        onEnd: (error) => {
          if (stopped) return;
          const livedMs = clock.nowMs() - startedMs;
          if (livedMs >= BACKOFF_RESET_MS) failures = 0;
          if (error === undefined && livedMs >= 1000) {
            failures = 0;
            watch();
            return;
          }
          if (isReason(error, "Expired") || isReason(error, "Gone")) {
            log.info("watch expired, listing again", { kind: kind.kind, revision });
            void list();
            return;
          }
          log.warn("watch ended", { kind: kind.kind, revision, error: error ? String(error) : "at once" });
          later(watch);
        },
      },
    );
  };

  void list();
  return {
    stop: () => {
      stopped = true;
      pause?.cancel();
      stream?.cancel();
    },
  };
}
