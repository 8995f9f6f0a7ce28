import { findCondition } from "../../api/conditions.ts";
import type { V1Pod, V1Service } from "../../api/generated/types.ts";
import { formatTime } from "../../apimachinery/clock.ts";

interface Seen {
  readonly service: number;
  /** Pod uid -> since when it is ready, or not. */
  readonly pods: ReadonlyMap<string, number>;
}

/**
 * Since when a Service's endpoints should be other ones: the earliest of what has changed since they were last asked for,
 * a pod that became ready or the Service itself. Whoever programs them says by it how long that took.
 * Holds as much as there are Services and pods of theirs. Source: k8s.io/endpointslice/trace TriggerTimeTracker.
 */
export class TriggerTimes {
  readonly #seen = new Map<string, Seen>();

  /** @returns undefined when nothing of it has changed */
  next(key: string, service: V1Service, pods: readonly V1Pod[]): string | undefined {
    const before = this.#seen.get(key);
    const madeAt = timeOf(service.metadata?.creationTimestamp);
    const times = new Map<string, number>();
    let first = madeAt > (before?.service ?? 0) ? madeAt : Number.POSITIVE_INFINITY;
    for (const { metadata, status } of pods) {
      const time = timeOf(findCondition(status?.conditions, "Ready")?.lastTransitionTime);
      if (time === 0) continue;
      const uid = metadata?.uid ?? "";
      times.set(uid, time);
      if (time > (before?.pods.get(uid) ?? 0)) first = Math.min(first, time);
    }
    this.#seen.set(key, { service: madeAt, pods: times });
    return Number.isFinite(first) ? formatTime(first) : undefined;
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}

/** 0: none. */
function timeOf(text: string | undefined): number {
  return text === undefined ? 0 : Date.parse(text) || 0;
}
