import type { Clock } from "../../apimachinery/clock.ts";
import type { FairQueue, Waiter } from "./fair-queues.ts";
import type { PriorityLevel } from "./priority-level.ts";

export type Refusal = "queue-full" | "concurrency-limit" | "time-out" | "cancelled";

/** What wants to have seats. */
export interface SeatRequest {
  readonly level: PriorityLevel;
  readonly flow: string;
  /** How much work it is: 1, and up to 10 for a list. */
  readonly seats: number;
  /** What it keeps in memory while it waits. */
  readonly bytes: number;
  readonly maxWaitMs: number;
  /** Calls back when nobody waits for the answer any more. */
  readonly onGone: (listener: () => void) => void;
}

export type Seated = { readonly leave: () => void } | { readonly refused: Refusal };

/** Of all levels together; at the bound a request is refused as if its queue were full. */
const MAX_WAITING = 10_000;
const MAX_WAITING_BYTES = 256 * 1024 * 1024;

/**
 * The seats of the server, and who gets the next one.
 *
 *     total 600 │ in use by each level │ reserved: what each level does not lend and does not use │ free for whoever asks
 *
 * A level may always have what it does not lend. What it lends is taken by others while it is idle and comes back as their
 * requests end: of all levels that wait, those below their nominal share are served first, the emptiest of them before
 * the others, and only when none of them waits those above it. Kubernetes borrows in the same way, but moves the limits every ten
 * seconds; here a seat is lent at the moment it is asked for.
 */
export class SeatPool {
  #levels: PriorityLevel[] = [];
  #waitingBytes = 0;

  constructor(private readonly clock: Clock) {}

  get levels(): readonly PriorityLevel[] {
    return this.#levels;
  }

  /** A level that is not among them stays for as long as it has work. */
  setLevels(levels: readonly PriorityLevel[]): void {
    const gone = this.#levels.filter((one) => !levels.includes(one));
    for (const one of gone) one.isGone = true;
    for (const one of levels) one.isGone = false;
    this.#levels = [...levels, ...gone.filter((one) => !one.isIdle)];
    this.#dispatch();
  }

  /** At once where there is room. */
  enter(request: SeatRequest): Seated | Promise<Seated> {
    const { level } = request;
    if (level.limits.isExempt) return this.#seat(level, 0);
    const seats = level.widthOf(request.seats);
    const isFirst = level.queues.waiting === 0;
    if (isFirst && this.#hasRoom(level, seats) && (level.isBelowNominal || !this.#someoneIsOwed()))
      return this.#seat(level, seats);
    if (level.limits.queuing === undefined) return { refused: "concurrency-limit" };
    const waiting = this.#levels.reduce((sum, { queues }) => sum + queues.waiting, 0);
    if (waiting >= MAX_WAITING || this.#waitingBytes + request.bytes > MAX_WAITING_BYTES)
      return { refused: "queue-full" };
    return this.#wait(request, seats);
  }

  #wait({ level, flow, bytes, maxWaitMs, onGone }: SeatRequest, seats: number): Promise<Seated> | Seated {
    let settle: (seated: Seated) => void = () => {};
    const outcome = new Promise<Seated>((resolve) => {
      settle = resolve;
    });
    let queue: FairQueue | undefined;
    const over = (seated: Seated) => {
      timer.cancel();
      this.#waitingBytes -= bytes;
      settle(seated);
    };
    const waiter: Waiter = { flow, seats, admit: () => over(this.#seat(level, seats, queue)) };
    queue = level.queues.add(waiter);
    if (queue === undefined) return { refused: "queue-full" };
    const place = queue;
    const give = (refused: Refusal) => {
      if (!level.queues.remove(place, waiter)) return;
      over({ refused });
      this.#dispatch();
    };
    this.#waitingBytes += bytes;
    const timer = this.clock.setTimeout(() => give("time-out"), maxWaitMs);
    onGone(() => give("cancelled"));
    return outcome;
  }

  #seat(level: PriorityLevel, seats: number, queue?: FairQueue): Seated {
    level.executing++;
    level.seatsInUse += seats;
    const sinceMs = queue && this.clock.monotonicMs();
    let left = false;
    return {
      leave: () => {
        if (left) return;
        left = true;
        level.executing--;
        level.seatsInUse -= seats;
        if (queue !== undefined && sinceMs !== undefined)
          level.queues.done(queue, seats, (this.clock.monotonicMs() - sinceMs) / 1000);
        if (level.isGone && level.isIdle) this.#levels = this.#levels.filter((one) => one !== level);
        if (seats > 0) this.#dispatch();
      },
    };
  }

  /** Gives seats out for as long as there are any for the next in turn. */
  #dispatch(): void {
    for (;;) {
      const waiting = this.#levels.filter(({ queues }) => queues.waiting > 0);
      if (waiting.length === 0) return;
      const owed = waiting.filter((level) => level.isBelowNominal);
      const asked = owed.length > 0 ? owed : waiting;
      const next = asked
        .toSorted((a, b) => fullness(a) - fullness(b))
        .find((level) => this.#hasRoom(level, level.queues.next()!.seats));
      if (next === undefined) return;
      next.queues.admitNext();
    }
  }

  #hasRoom(level: PriorityLevel, seats: number): boolean {
    const { nominalSeats, borrowableSeats } = level.limits;
    if (borrowableSeats !== undefined && level.seatsInUse + seats > nominalSeats + borrowableSeats)
      return false;
    let free = 0;
    for (const one of this.#levels)
      free += one.limits.nominalSeats - one.seatsInUse - (one === level ? 0 : one.reservedSeats);
    return seats <= free;
  }

  #someoneIsOwed(): boolean {
    return this.#levels.some((level) => level.queues.waiting > 0 && level.isBelowNominal);
  }
}

function fullness({ seatsInUse, limits }: PriorityLevel): number {
  return seatsInUse / Math.max(1, limits.nominalSeats);
}
