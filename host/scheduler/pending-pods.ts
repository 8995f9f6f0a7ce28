import type { V1Pod } from "../api/generated/types.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { SchedulingQueue } from "./queue.ts";

/** Pods are brought again once the queue is emptier than this. */
const ROOM = 0.9;

/**
 * The pods of ours that have no node. The queue holds as many as it may; when it is full the others stay outside, which is
 * logged, and are brought in when there is room: the informer's cache has them all, so none is lost.
 */
export class PendingPods {
  readonly #queue: SchedulingQueue;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #isOurs: (pod: V1Pod) => boolean;
  /** All that wait in the cache, whoever's they are. */
  readonly #waiting: () => Iterable<V1Pod>;
  #leftOut = false;

  constructor(parts: {
    queue: SchedulingQueue;
    clock: Clock;
    log: Logger;
    isOurs: (pod: V1Pod) => boolean;
    waiting: () => Iterable<V1Pod>;
  }) {
    this.#queue = parts.queue;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#isOurs = parts.isOurs;
    this.#waiting = parts.waiting;
  }

  isOurs(pod: V1Pod): boolean {
    return this.#isOurs(pod);
  }

  has(key: string): boolean {
    return this.#queue.placeOf(key) !== undefined;
  }

  put(pod: V1Pod): void {
    if (!this.#isOurs(pod) || this.#queue.put(pod, this.#clock.monotonicMs())) return;
    if (!this.#leftOut)
      this.#log.warn("the scheduling queue is full: further pods wait outside until there is room", {
        capacity: this.#queue.capacity,
      });
    this.#leftOut = true;
  }

  remove(key: string): void {
    this.#queue.remove(key);
  }

  /** Brings in pods that were left out, if there is room again. */
  refill(): void {
    const { capacity } = this.#queue;
    if (!this.#leftOut || this.#queue.size > ROOM * capacity) return;
    this.#leftOut = false;
    for (const pod of this.#waiting()) {
      if (this.#leftOut) break;
      this.put(pod);
    }
  }
}
