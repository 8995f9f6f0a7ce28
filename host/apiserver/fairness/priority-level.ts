import type { Clock } from "../../apimachinery/clock.ts";
import { FairQueues, type Queuing } from "./fair-queues.ts";

/** What a level may take of the server. */
export interface LevelLimits {
  readonly uid: string;
  /** Its requests never wait and count for nothing. */
  readonly isExempt: boolean;
  /** Seats that are its own. */
  readonly nominalSeats: number;
  /** How many of them others may use while it does not. */
  readonly lendableSeats: number;
  /** How many of others' it may use; absent: as many as there are. */
  readonly borrowableSeats?: number;
  /** Absent: what finds no seat is refused at once. */
  readonly queuing?: Queuing;
}

const MAX_RETRY_AFTER_SECONDS = 32;
const NO_QUEUES: Queuing = { queues: 1, handSize: 1, queueLengthLimit: 1 };

/** One PriorityLevelConfiguration at work: its seats, its queues, and what it tells those it refuses. */
export class PriorityLevel {
  readonly queues: FairQueues;
  seatsInUse = 0;
  executing = 0;
  /** Its object has gone; what it has begun or queued is still served. */
  isGone = false;
  #limits: LevelLimits;
  #retryAfterSeconds = 1;
  #retrySinceMs = Number.NEGATIVE_INFINITY;

  constructor(
    readonly name: string,
    limits: LevelLimits,
    private readonly clock: Clock,
  ) {
    this.#limits = limits;
    this.queues = new FairQueues(limits.queuing ?? NO_QUEUES);
  }

  get limits(): LevelLimits {
    return this.#limits;
  }

  set limits(limits: LevelLimits) {
    this.#limits = limits;
    this.queues.queuing = limits.queuing ?? NO_QUEUES;
  }

  get isIdle(): boolean {
    return this.executing === 0 && this.queues.waiting === 0;
  }

  get isBelowNominal(): boolean {
    return this.seatsInUse < this.#limits.nominalSeats;
  }

  /** Seats that stay free for it, whoever else would like to have them. */
  get reservedSeats(): number {
    const { nominalSeats, lendableSeats } = this.#limits;
    return Math.max(0, nominalSeats - lendableSeats - this.seatsInUse);
  }

  /** A request may take at most a sixth or so of the level, so that no flow's requests are too wide for it. */
  widthOf(seats: number): number {
    return Math.max(1, Math.min(seats, Math.ceil(this.#limits.nominalSeats * 0.15)));
  }

  /**
   * One more is refused.
   *
   * @returns seconds it is to stay away: 1, and twice as many each time that refusals went on for so long, up to 32
   */
  refuse(): number {
    const nowMs = this.clock.monotonicMs();
    const sinceMs = nowMs - this.#retrySinceMs;
    const periodMs = this.#retryAfterSeconds * 1000;
    if (sinceMs < periodMs) return this.#retryAfterSeconds;
    const wentOn = sinceMs < 2 * periodMs;
    this.#retryAfterSeconds = wentOn ? Math.min(MAX_RETRY_AFTER_SECONDS, this.#retryAfterSeconds * 2) : 1;
    this.#retrySinceMs = nowMs;
    return this.#retryAfterSeconds;
  }
}
