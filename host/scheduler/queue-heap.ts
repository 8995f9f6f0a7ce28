import { Heap } from "./heap.ts";
import { type QueuedPod, type Rank, rankOf } from "./queued-pod.ts";

interface Seat {
  readonly rank: Rank;
  readonly entry: QueuedPod;
  readonly ticket: number;
}

/** Stale seats that a heap may hold besides as many as there are pods in it. */
const SPARE_SEATS = 1024;

/**
 * Pods in order. A pod that has moved on leaves its seat behind, which is known by its ticket and dropped when it comes up;
 * when more seats are stale than taken the heap is built anew, so it never holds more than about twice its pods.
 */
export class QueueHeap {
  readonly #before: (a: Rank, b: Rank) => boolean;
  #heap: Heap<Seat>;
  #stale = 0;

  constructor(before: (a: Rank, b: Rank) => boolean) {
    this.#before = before;
    this.#heap = this.#empty();
  }

  /** Pods that sit here. */
  get size(): number {
    return this.#heap.size - this.#stale;
  }

  push(entry: QueuedPod): void {
    this.#heap.push({ entry, ticket: entry.ticket, rank: rankOf(entry) });
  }

  /** The first pod; undefined when there is none. */
  peek(): QueuedPod | undefined {
    for (let top = this.#heap.peek(); top !== undefined; top = this.#heap.peek()) {
      if (top.ticket === top.entry.ticket) return top.entry;
      this.#heap.pop();
      this.#stale--;
    }
    return undefined;
  }

  /** Takes the first pod out; the caller gives it a new ticket. */
  pop(): QueuedPod | undefined {
    const entry = this.peek();
    if (entry !== undefined) this.#heap.pop();
    return entry;
  }

  /** A pod that sits here has moved on: its ticket is another. */
  left(): void {
    this.#stale++;
    if (this.#stale <= this.size + SPARE_SEATS) return;
    const seats = this.#heap;
    this.#heap = this.#empty();
    this.#stale = 0;
    for (let seat = seats.pop(); seat !== undefined; seat = seats.pop())
      if (seat.ticket === seat.entry.ticket) this.#heap.push(seat);
  }

  #empty(): Heap<Seat> {
    return new Heap<Seat>((a, b) => this.#before(a.rank, b.rank));
  }
}
