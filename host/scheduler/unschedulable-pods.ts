import type { ClusterEvent } from "./cluster-events.ts";
import { WaitingPod } from "./hints/registration.ts";
import { helps } from "./hints/table.ts";
import { signatureOf } from "./pod-facts.ts";
import { priorityOf, type QueuedPod } from "./queued-pod.ts";

/** Pods that are alike and were rejected by the same plugins: an event helps all of them or none. */
interface Group {
  readonly key: string;
  readonly plugins: readonly string[];
  readonly waiting: WaitingPod;
  readonly entries: Set<QueuedPod>;
}

/** The pods that wait for something to help. An event looks at groups of equal pods, so its cost is that of their kinds. */
export class UnschedulablePods {
  readonly #groups = new Map<string, Group>();
  readonly #groupOf = new Map<QueuedPod, Group>();

  get size(): number {
    return this.#groupOf.size;
  }

  entries(): Iterable<QueuedPod> {
    return this.#groupOf.keys();
  }

  add(entry: QueuedPod): void {
    const signature = signatureOf(entry.pod);
    const key = `${entry.plugins.join()} ${signature}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      const waiting = new WaitingPod(entry.pod, signature);
      group = { key, plugins: entry.plugins, waiting, entries: new Set() };
      this.#groups.set(key, group);
    }
    group.entries.add(entry);
    this.#groupOf.set(entry, group);
  }

  delete(entry: QueuedPod): void {
    const group = this.#groupOf.get(entry);
    if (group === undefined) return;
    this.#groupOf.delete(entry);
    group.entries.delete(entry);
    if (group.entries.size === 0) this.#groups.delete(group.key);
  }

  /** Those that the event may help. */
  helpedBy(event: ClusterEvent): QueuedPod[] {
    const { upToPriority = Number.POSITIVE_INFINITY } = event;
    return [...this.#groups.values()].flatMap((group) =>
      helps(group.plugins, group.waiting, event)
        ? [...group.entries].filter(({ pod }) => priorityOf(pod) <= upToPriority)
        : [],
    );
  }

  /** Whether one of the events helps a pod that waits here. */
  isHelpedByAny(entry: QueuedPod, events: readonly ClusterEvent[]): boolean {
    const group = this.#groupOf.get(entry);
    return (
      group !== undefined &&
      events.some(
        (event) =>
          priorityOf(entry.pod) <= (event.upToPriority ?? Number.POSITIVE_INFINITY) &&
          helps(group.plugins, group.waiting, event),
      )
    );
  }
}
