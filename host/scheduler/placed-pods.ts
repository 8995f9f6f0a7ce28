import type { Usage } from "../wasm/scheduler-facts.ts";

/** A pod that is bound to a node, or assumed there. */
export interface PlacedPod {
  readonly key: string;
  readonly node: string;
  readonly usage: Usage;
  readonly priority: number;
}

const NONE: ReadonlyMap<string, PlacedPod> = new Map();

/**
 * Bound and assumed pods by node. A pod may name a node that is not there (yet, or any more): it counts as soon as the node
 * is, as in kube-scheduler's cache.
 */
export class PlacedPods {
  readonly #byKey = new Map<string, PlacedPod>();
  readonly #byNode = new Map<string, Map<string, PlacedPod>>();
  /** How many pods have each priority: is any lower than a given one? */
  readonly #priorities = new Map<number, number>();

  get count(): number {
    return this.#byKey.size;
  }

  find(key: string): PlacedPod | undefined {
    return this.#byKey.get(key);
  }

  on(node: string): Iterable<PlacedPod> {
    return (this.#byNode.get(node) ?? NONE).values();
  }

  add(pod: PlacedPod): void {
    this.#byKey.set(pod.key, pod);
    const pods = this.#byNode.get(pod.node) ?? new Map<string, PlacedPod>();
    this.#byNode.set(pod.node, pods.set(pod.key, pod));
    this.#priorities.set(pod.priority, (this.#priorities.get(pod.priority) ?? 0) + 1);
  }

  remove(key: string): PlacedPod | undefined {
    const pod = this.#byKey.get(key);
    if (pod === undefined) return undefined;
    this.#byKey.delete(key);
    const pods = this.#byNode.get(pod.node)!;
    pods.delete(key);
    if (pods.size === 0) this.#byNode.delete(pod.node);
    const left = this.#priorities.get(pod.priority)! - 1;
    if (left === 0) this.#priorities.delete(pod.priority);
    else this.#priorities.set(pod.priority, left);
    return pod;
  }

  /** Whether some pod could be a victim of one with this priority. */
  anyBelow(priority: number): boolean {
    for (const other of this.#priorities.keys()) if (other < priority) return true;
    return false;
  }
}
