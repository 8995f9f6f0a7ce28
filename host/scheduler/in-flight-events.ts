import type { ClusterEvent } from "./cluster-events.ts";

/** Events kept while pods are in flight; beyond that every pod that comes back is tried again. */
const MAX_EVENTS = 65_536;

/**
 * What happens while pods are being decided about. The decision may not have seen it, so a pod that is rejected looks at it
 * when it comes back. Nothing is kept while no pod is in flight.
 *
 *     events    NodeAdd  PodDelete  NodeUpdate
 *     a popped ^         b popped ^              a looks at all three, b at the last
 */
export class InFlightEvents {
  #events: ClusterEvent[] = [];
  /** The number of the first event kept. */
  #first = 0;
  #pods = 0;
  #overflowed = false;

  /** @returns where a pod that is popped now begins to look */
  begin(): number {
    this.#pods++;
    return this.#first + this.#events.length;
  }

  record(event: ClusterEvent): void {
    if (this.#pods === 0) return;
    if (this.#events.length >= MAX_EVENTS) this.#overflowed = true;
    else this.#events.push(event);
  }

  /** What happened since a pod was popped. */
  since(begun: number): readonly ClusterEvent[] | "too many" {
    return this.#overflowed ? "too many" : this.#events.slice(begun - this.#first);
  }

  /** One pod less is in flight. */
  end(): void {
    this.#pods--;
    if (this.#pods > 0) return;
    this.#first += this.#events.length;
    this.#events = [];
    this.#overflowed = false;
  }
}
