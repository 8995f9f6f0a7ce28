import type { Clock, Timer } from "../apimachinery/clock.ts";
import { type Entry, type Lease, LeaseNotFoundError, StoreUnavailableError } from "./store.ts";

/** At the bound a further lease is refused with StoreUnavailableError. */
export const MAX_LEASES = 1_000_000;
/** Leases end at the first of these ticks at or after their time. */
const TICK_MS = 250;
/** As many end at once; then whatever else waits has its turn. */
const MAX_ENDED_AT_ONCE = 10_000;

/** Leases whose time has passed. */
export interface DueLeases {
  /** Without keys: nothing may be written with them from now on, and they are to be removed, or `undoEnd` follows. */
  readonly empty: readonly string[];
  /** With keys, perhaps: they go on until `beginEnd`. */
  readonly keyed: readonly string[];
}

/** The leases there are, and the last id that was given out (ids of leases that have ended are not used again). */
export interface GrantedLeases {
  readonly granted: readonly Lease[];
  readonly lastId: number;
}

const NO_LEASES: GrantedLeases = { granted: [], lastId: 0 };

/**
 * The leases of a store and when they end.
 *
 *     tick 5,250 ms   leases 7, 9      a timer is set for the earliest tick only
 *     tick 9,000 ms   lease 8
 *
 * Times are the clock's monotonic ones, as in etcd: whoever sets the machine's time ends no lease early and none late.
 * Keeping a lease alive only notes its new time; it is when the tick comes that the lease moves to its later one. So a
 * million leases cost a set entry each, and a keep-alive costs nothing.
 */
export class LeaseTable {
  readonly #clock: Clock;
  readonly #end: (due: DueLeases) => void;
  readonly #leases = new Map<string, LeaseState>();
  readonly #ticks = new Map<number, Set<LeaseState>>();
  /** Of ticks that have passed; those before `#nextDue` have had their turn. */
  #due: LeaseState[] = [];
  #nextDue = 0;
  #timer: { readonly dueMs: number; readonly timer: Timer } | undefined;
  #lastId: number;
  /** Ids given out whose grant is not durable yet. */
  #reserved = 0;
  #isClosed = false;

  /** @param end  called with leases that are due; they are still in the table */
  constructor(clock: Clock, end: (due: DueLeases) => void, { granted, lastId }: GrantedLeases = NO_LEASES) {
    this.#clock = clock;
    this.#end = end;
    this.#lastId = lastId;
    for (const lease of granted) this.#add(lease);
  }

  all(): GrantedLeases {
    return { granted: [...this.#leases.values()].map(({ lease }) => lease), lastId: this.#lastId };
  }

  /** The next id. `grant` or `release` must follow. */
  reserve(): string {
    if (this.#leases.size + this.#reserved >= MAX_LEASES)
      throw new StoreUnavailableError(`the store has ${MAX_LEASES} leases already`);
    this.#reserved += 1;
    this.#lastId += 1;
    return String(this.#lastId);
  }

  release(): void {
    this.#reserved -= 1;
  }

  grant(lease: Lease): void {
    this.#reserved -= 1;
    this.#add(lease);
  }

  keepAlive(id: string): Lease | undefined {
    const state = this.#leases.get(id);
    if (state === undefined || state.isEnding) return undefined;
    state.endMs = this.#clock.monotonicMs() + state.lease.ttlMs;
    return state.lease;
  }

  assertLive(id: string): void {
    const state = this.#leases.get(id);
    if (state === undefined || state.isEnding) throw new LeaseNotFoundError(id);
  }

  /** Nothing may be written with it from now on; false when it is ending already or not there. */
  beginEnd(id: string): boolean {
    const state = this.#leases.get(id);
    if (state === undefined || state.isEnding) return false;
    state.isEnding = true;
    return true;
  }

  /** Its end could not be made durable: it is tried again a second later. */
  undoEnd(id: string): void {
    const state = this.#leases.get(id);
    if (state === undefined) return;
    state.isEnding = false;
    state.endMs = Math.max(state.endMs, this.#clock.monotonicMs() + 1_000);
    this.#schedule(state);
  }

  remove(id: string): void {
    const state = this.#leases.get(id);
    if (state === undefined) return;
    this.#leases.delete(id);
    this.#unschedule(state);
  }

  /** Notes that a key hangs on a lease. It may be noted longer than that is true; `keysOf` is to be checked. */
  attach(id: string, key: string): void {
    const state = this.#leases.get(id);
    if (state === undefined) return;
    state.keys ??= new Set();
    state.keys.add(key);
  }

  attachAll(entries: readonly Entry[]): void {
    if (this.#leases.size === 0) return;
    for (const { key, lease } of entries) if (lease !== undefined) this.attach(lease, key);
  }

  detach(id: string, key: string): void {
    this.#leases.get(id)?.keys?.delete(key);
  }

  keysOf(id: string): readonly string[] {
    return [...(this.#leases.get(id)?.keys ?? [])];
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
  }

  #add(lease: Lease): void {
    const endMs = this.#clock.monotonicMs() + lease.ttlMs;
    const state: LeaseState = { lease, endMs, tickMs: 0, isEnding: false, keys: undefined };
    this.#leases.set(lease.id, state);
    this.#schedule(state);
  }

  #schedule(state: LeaseState): void {
    if (this.#isClosed) return;
    this.#unschedule(state);
    state.tickMs = Math.ceil(state.endMs / TICK_MS) * TICK_MS;
    const states = this.#ticks.get(state.tickMs);
    if (states === undefined) this.#ticks.set(state.tickMs, new Set([state]));
    else states.add(state);
    this.#setTimer(state.tickMs);
  }

  #unschedule(state: LeaseState): void {
    const states = this.#ticks.get(state.tickMs);
    states?.delete(state);
    if (states?.size === 0) this.#ticks.delete(state.tickMs);
  }

  #setTimer(dueMs: number): void {
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
    this.#timer?.timer.cancel();
    const timer = this.#clock.setTimeout(() => this.#tick(), Math.max(0, dueMs - this.#clock.monotonicMs()));
    this.#timer = { dueMs, timer };
  }

  #tick(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    this.#collectDue(nowMs);
    this.#endSome(nowMs);
    if (this.#nextDue < this.#due.length) {
      this.#setTimer(nowMs);
      return;
    }
    this.#due = [];
    this.#nextDue = 0;
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const tickMs of this.#ticks.keys()) earliestMs = Math.min(earliestMs, tickMs);
    if (earliestMs < Number.POSITIVE_INFINITY) this.#setTimer(earliestMs);
  }

  #collectDue(nowMs: number): void {
    const passed = [...this.#ticks.keys()].filter((at) => at <= nowMs).sort((a, b) => a - b);
    for (const tickMs of passed) {
      for (const state of this.#ticks.get(tickMs)!) this.#due.push(state);
      this.#ticks.delete(tickMs);
    }
  }

  #endSome(nowMs: number): void {
    const empty: string[] = [];
    const keyed: string[] = [];
    const end = Math.min(this.#nextDue + MAX_ENDED_AT_ONCE, this.#due.length);
    for (; this.#nextDue < end; this.#nextDue++) {
      const state = this.#due[this.#nextDue]!;
      if (state.isEnding) continue;
      if (state.endMs > nowMs) this.#schedule(state);
      else if ((state.keys?.size ?? 0) > 0) keyed.push(state.lease.id);
      else {
        state.isEnding = true;
        empty.push(state.lease.id);
      }
    }
    if (empty.length + keyed.length > 0) this.#end({ empty, keyed });
  }
}

interface LeaseState {
  readonly lease: Lease;
  endMs: number;
  /** The tick it stands under. */
  tickMs: number;
  isEnding: boolean;
  /** Most leases have one key or none, so the set is made when it is needed. */
  keys: Set<string> | undefined;
}
