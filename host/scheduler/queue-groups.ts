import type { Place, QueuedPod } from "./queued-pod.ts";

/** Where those wait that are popped with the first of their group. */
const POPPED_TOGETHER: readonly Place[] = ["active", "backoff", "errorBackoff"];

/** The queued pods of pod groups, by their group. Pods without a group are not kept here. */
export class QueueGroups {
  readonly #groups = new Map<string, Set<QueuedPod>>();

  add(entry: QueuedPod): void {
    if (entry.group === undefined) return;
    const mates = this.#groups.get(entry.group);
    if (mates === undefined) this.#groups.set(entry.group, new Set([entry]));
    else mates.add(entry);
  }

  delete(entry: QueuedPod): void {
    if (entry.group === undefined) return;
    const mates = this.#groups.get(entry.group);
    if (mates?.delete(entry) && mates.size === 0) this.#groups.delete(entry.group);
  }

  /** Those that are to be decided about together, in any order: all that nothing holds back. */
  readyOf(group: string): QueuedPod[] {
    return [...(this.#groups.get(group) ?? [])].filter(({ place }) => POPPED_TOGETHER.includes(place));
  }
}
