import type { CoreV1Event } from "../api/generated/types.ts";
import { findKindByName } from "../api/registry.ts";
import type { Timer } from "../apimachinery/clock.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Api } from "./api.ts";
import { storagePrefix } from "./storage/keys.ts";

/** Events are news, not state: Kubernetes keeps them for an hour (--event-ttl). */
const TTL_MS = 3_600_000;
const SWEEP_PERIOD_MS = 300_000;

/** Removes events an hour after they last happened. @returns what ends it */
export function expireEvents(api: Api): { stop(): void } {
  let timer: Timer;
  let stopped = false;
  const schedule = () => {
    timer = api.clock.setTimeout(() => {
      sweep(api)
        .catch((error: unknown) => api.log.warn("events not swept", { error: String(error) }))
        .finally(() => {
          if (!stopped) schedule();
        });
    }, SWEEP_PERIOD_MS);
  };
  schedule();
  return {
    stop: () => {
      stopped = true;
      timer.cancel();
    },
  };
}

async function sweep(api: Api): Promise<void> {
  const { objects } = api;
  const { entries } = await objects.store.range(storagePrefix(findKindByName("v1", "Event")!));
  const beforeMs = api.clock.nowMs() - TTL_MS;
  for (const entry of entries) {
    // One that has just happened again has another revision, and stays.
    const { object } = objects.views.of(entry);
    if (lastSeenMs(object as KubernetesObject as CoreV1Event) < beforeMs) await objects.remove(entry, object);
  }
}

function lastSeenMs({ metadata, lastTimestamp, eventTime, series }: CoreV1Event): number {
  const times = [metadata?.creationTimestamp, lastTimestamp, eventTime, series?.lastObservedTime];
  return Math.max(...times.map((time) => (time ? Date.parse(time) : 0)));
}
