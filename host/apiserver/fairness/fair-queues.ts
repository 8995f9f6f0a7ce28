/** One request that waits for seats. */
export interface Waiter {
  /** `<schema>/<distinguisher>` */
  readonly flow: string;
  readonly seats: number;
  /** Told once: it may go on. */
  admit(): void;
}

export interface FairQueue {
  readonly number: number;
  readonly waiting: Waiter[];
  executing: number;
  /** Seat-seconds this queue has had: the one that had least is next. */
  virtualStart: number;
}

export interface Queuing {
  readonly queues: number;
  readonly handSize: number;
  readonly queueLengthLimit: number;
}

/** What a request is charged at least, when it begins; what it took beyond that is settled when it is done. */
const LEAST_SECONDS = 0.001;

/**
 * The queues of one priority level. A flow is dealt a hand of queues by its name and waits in the shortest of them: a flow
 * that fills its own queues leaves most others a queue that it is not in (shuffle sharding). Queues take turns by what
 * they have had, in seats times seconds, so one long list weighs as much as thousands of short requests:
 *
 *     queue 7   list list list        had 4.0 s   ─┐
 *     queue 31  get get               had 0.1 s   ─┴─► next: queue 31
 *
 * A queue that has nothing to do is forgotten; it begins again where the others are, without credit or debt. What never
 * had to wait is on nobody's account.
 * Source: kube-apiserver's fair queuing for server requests (KEP 1040).
 */
export class FairQueues {
  readonly #queues = new Map<number, FairQueue>();
  /** Where the queue stood that was served last. */
  #virtualNow = 0;
  /** Of all queues. */
  waiting = 0;

  /** A new hand is dealt from then on; what waits stays where it is. */
  constructor(public queuing: Queuing) {}

  /** @returns undefined: the shortest queue of the flow's hand is full */
  add(waiter: Waiter): FairQueue | undefined {
    const queue = this.#shortest(waiter.flow);
    if (queue.waiting.length >= this.queuing.queueLengthLimit) return undefined;
    queue.waiting.push(waiter);
    this.waiting++;
    return queue;
  }

  /** Whose turn it is: the first of the queue that had least. */
  next(): Waiter | undefined {
    return this.#nextQueue()?.waiting[0];
  }

  /** Takes the one that `next` named, and lets it go on. */
  admitNext(): void {
    const queue = this.#nextQueue()!;
    const waiter = queue.waiting.shift()!;
    this.waiting--;
    this.#virtualNow = queue.virtualStart;
    queue.executing++;
    queue.virtualStart += waiter.seats * LEAST_SECONDS;
    waiter.admit();
  }

  /** It does not wait any longer. @returns false: it was not waiting */
  remove(queue: FairQueue, waiter: Waiter): boolean {
    const at = queue.waiting.indexOf(waiter);
    if (at < 0) return false;
    queue.waiting.splice(at, 1);
    this.waiting--;
    this.#forgetIdle(queue);
    return true;
  }

  /** One that waited here has been done. */
  done(queue: FairQueue, seats: number, seconds: number): void {
    queue.executing--;
    queue.virtualStart += seats * Math.max(0, seconds - LEAST_SECONDS);
    this.#forgetIdle(queue);
  }

  #nextQueue(): FairQueue | undefined {
    let next: FairQueue | undefined;
    for (const queue of this.#queues.values())
      if (queue.waiting.length > 0 && (next === undefined || queue.virtualStart < next.virtualStart))
        next = queue;
    return next;
  }

  #shortest(flow: string): FairQueue {
    const { queues, handSize } = this.queuing;
    let shortest = -1;
    let fewest = Number.POSITIVE_INFINITY;
    for (const card of deal(flow, queues, handSize)) {
      const queue = this.#queues.get(card);
      const length = queue === undefined ? 0 : queue.waiting.length + queue.executing;
      if (length >= fewest) continue;
      fewest = length;
      shortest = card;
    }
    let queue = this.#queues.get(shortest);
    if (queue === undefined) {
      queue = { number: shortest, waiting: [], executing: 0, virtualStart: this.#virtualNow };
      this.#queues.set(shortest, queue);
    }
    return queue;
  }

  #forgetIdle(queue: FairQueue): void {
    if (queue.executing === 0 && queue.waiting.length === 0) this.#queues.delete(queue.number);
  }
}

/** Different cards of a deck, always the same for a name. */
export function deal(name: string, deckSize: number, handSize: number): number[] {
  let hash = fnv1a(name);
  const hand: number[] = [];
  for (let left = deckSize; hand.length < Math.min(handSize, deckSize); left--) {
    // The hash is stirred for each card: 32 bits alone would not tell all hands apart.
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39) >>> 0;
    hash = (hash ^ (hash >>> 15)) >>> 0;
    let card = hash % left;
    // The card-th of those that have not been dealt.
    for (const dealt of hand.toSorted((a, b) => a - b)) if (card >= dealt) card++;
    hand.push(card);
  }
  return hand;
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
