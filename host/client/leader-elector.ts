import type { V1Lease, V1LeaseSpec } from "../api/generated/types.ts";
import { Lease } from "../api/registry.ts";
import { type Clock, formatMicroTime, type Timer } from "../apimachinery/clock.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { ObjectReference } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "./client.ts";
import { type Fence, fence } from "./fenced-client.ts";

export interface LeaderElectorOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The Lease that is held: `kube-system/kube-scheduler`. */
  readonly lease: ObjectReference;
  /** Who this is; no two processes may have the same. */
  readonly identity: string;
  readonly times?: Partial<ElectionTimes>;
  /**
   * Starts what only one process may do; called at the beginning of each term, with a client that refuses writes once
   * the term is over. What it returns is stopped at the term's end, before anybody else can lead.
   */
  lead(client: Client): Promise<{ stop(): Promise<void> }>;
  /** Another leads; told once for each. */
  readonly onWaiting?: (holder: string) => void;
  /** `lead` failed: the elector has stopped. */
  onFailure(error: unknown): void;
}

/** Kubernetes' flags of these names, and their defaults. */
export interface ElectionTimes {
  /** How long the others wait for a sign of life before they take over; whole seconds. */
  readonly leaseDurationMs: number;
  /** How long a leader that cannot renew goes on; less than the lease's duration, so that it ends before another begins. */
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
}

export const ELECTION_TIMES: ElectionTimes = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
};

/** Those who wait ask a little apart from each other (client-go's JitterFactor). */
const JITTER = 1.2;

/** How long giving the Lease back may take, before it is left to run out. */
const RELEASE_LIMIT_MS = 5_000;

export interface LeaderElector {
  readonly isLeader: boolean;
  /** Ends the term, if it is ours, and gives the Lease back, so that another need not wait for it to run out. */
  stop(): Promise<void>;
}

/**
 * Lets one of several processes work at a time, as client-go's leaderelection does: whoever writes its name into the
 * Lease leads for as long as it keeps renewing it.
 *
 *     wait ──the Lease is free, or has not changed for its whole duration──► lead
 *       ▲                                                                     │ not renewed within renewDeadline of
 *       └───────────────── fenced, stopped ◄──────────────────────────────────┘ having sent the last good renewal
 *
 * Time is measured by timers alone, never by the clocks of other machines: what counts is how long a Lease has not
 * changed here. Unlike Kubernetes' components, one that lost its Lease does not exit but waits again.
 */
export function startLeaderElector(options: LeaderElectorOptions): LeaderElector {
  const elector = new Elector(options);
  const over = elector.run().catch(options.onFailure);
  return {
    get isLeader() {
      return elector.isLeader;
    },
    stop: async () => {
      elector.stop();
      await over;
    },
  };
}

/** The time in which the Lease is surely ours. */
interface Term {
  readonly client: Client;
  isOver: boolean;
  /** To be called before a renewal is sent; confirmed when it was answered. */
  extend(): { confirm(): void; cancel(): void };
  end(): void;
}

class Elector {
  readonly #options: LeaderElectorOptions;
  readonly #times: ElectionTimes;
  /** The Lease as it was last seen, and whether it has stayed so for longer than it may. */
  #seen: { readonly lease: V1Lease; isExpired: boolean; readonly timer: Timer } | undefined;
  #isStopped = false;
  /** Why the last try failed. */
  #trouble = "";
  #wake = () => {};
  isLeader = false;

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#times = { ...ELECTION_TIMES, ...options.times };
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  async run(): Promise<void> {
    try {
      while (await this.#acquire()) await this.#leadOneTerm();
    } finally {
      this.#seen?.timer.cancel();
    }
  }

  /** @returns false when it was stopped before it was its turn */
  async #acquire(): Promise<boolean> {
    const { retryPeriodMs } = this.#times;
    let told: string | undefined;
    while (!this.#isStopped) {
      if (await this.#attempt(this.#times.renewDeadlineMs)) return true;
      const holder = this.#seen?.lease.spec?.holderIdentity;
      if (holder !== told && holder && holder !== this.#options.identity) {
        this.#options.log.info("waits to lead", { holder });
        this.#options.onWaiting?.(holder);
      }
      told = holder;
      await this.#pause(retryPeriodMs * (1 + JITTER * this.#options.random.fraction()));
    }
    return false;
  }

  async #leadOneTerm(): Promise<void> {
    const { log, lease, client, lead } = this.#options;
    log.info("leads", { lease: lease.name });
    this.isLeader = true;
    const term = this.#beginTerm(fence(client));
    let failure: { readonly error: unknown } | undefined;
    const starting = lead(term.client).catch((error: unknown) => {
      failure = { error };
      this.stop();
    });
    await this.#renewUntilOver(term);
    // Whoever stops of its own will may finish what it has begun, for as long as the Lease is surely its own.
    const work = await starting;
    await work?.stop();
    this.isLeader = false;
    const wasLost = term.isOver;
    term.end();
    if (wasLost) log.warn("leads no more: the Lease could not be renewed", { lease: lease.name });
    else await this.#release();
    if (failure !== undefined) throw failure.error;
  }

  #beginTerm({ client, close }: Fence): Term {
    const { clock } = this.#options;
    const term: Term = {
      client,
      isOver: false,
      extend: () => {
        const before = timer;
        const next = clock.setTimeout(term.end, this.#times.renewDeadlineMs);
        return {
          confirm: () => {
            before.cancel();
            timer = next;
          },
          cancel: next.cancel,
        };
      },
      end: () => {
        timer.cancel();
        close();
        term.isOver = true;
        this.#wake();
      },
    };
    let timer = clock.setTimeout(term.end, this.#times.renewDeadlineMs);
    return term;
  }

  /** Returns when it was stopped, or when the Lease was lost and the term is over. */
  async #renewUntilOver(term: Term): Promise<void> {
    while (!this.#isStopped && !term.isOver) {
      await this.#pause(this.#times.retryPeriodMs, () => term.isOver);
      if (this.#isStopped || term.isOver) return;
      // Counted from the moment it is sent: nobody can have seen it before.
      const extension = term.extend();
      const isHeld = await this.#attempt(this.#times.renewDeadlineMs, () => term.isOver || this.#isStopped);
      if (isHeld && !term.isOver) extension.confirm();
      else extension.cancel();
      if (this.#seen?.lease.spec?.holderIdentity !== this.#options.identity) term.end();
    }
  }

  /** One try to take or renew the Lease. An answer that does not come in time is as good as none. */
  async #attempt(limitMs: number, isGivenUp: () => boolean = () => this.#isStopped): Promise<boolean> {
    const { log } = this.#options;
    const answer = this.#tryAcquireOrRenew().then(
      (held) => {
        this.#trouble = "";
        return held;
      },
      (error: unknown) => {
        if (isReason(error, "Conflict")) return false;
        // Said once, not at every try.
        if (String(error) !== this.#trouble)
          log.warn("the Lease cannot be reached", { error: String(error) });
        this.#trouble = String(error);
        return false;
      },
    );
    return await new Promise((resolve) => {
      const limit = this.#options.clock.setTimeout(() => resolve(false), limitMs);
      this.#wake = () => {
        if (!isGivenUp()) return;
        limit.cancel();
        resolve(false);
      };
      void answer.then((held) => {
        limit.cancel();
        resolve(held);
      });
    });
  }

  async #tryAcquireOrRenew(): Promise<boolean> {
    const { client, lease: reference, identity } = this.#options;
    if (this.isLeader && this.#seen !== undefined && !this.#seen.isExpired) {
      try {
        this.#see(await client.update(Lease, this.#claim(this.#seen.lease)));
        return true;
      } catch (error) {
        if (!isReason(error, "Conflict")) throw error;
      }
    }
    let lease: V1Lease;
    try {
      lease = await client.get(Lease, reference);
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
      this.#see(await client.create(Lease, this.#claim({ metadata: { ...reference } })));
      return true;
    }
    this.#see(lease);
    const holder = lease.spec?.holderIdentity;
    if (holder && holder !== identity && this.#seen?.isExpired !== true) return false;
    this.#see(await client.update(Lease, this.#claim(lease)));
    return true;
  }

  /** The Lease with our name in it. */
  #claim(lease: V1Lease): V1Lease {
    const { clock, identity } = this.#options;
    const now = formatMicroTime(clock.nowMs());
    const isOurs = lease.spec?.holderIdentity === identity;
    const transitions = lease.spec?.leaseTransitions ?? 0;
    const spec: V1LeaseSpec = {
      ...lease.spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#times.leaseDurationMs / 1000),
      acquireTime: isOurs ? lease.spec?.acquireTime : now,
      renewTime: now,
      leaseTransitions: lease.spec === undefined || isOurs ? transitions : transitions + 1,
    };
    return { ...lease, spec };
  }

  #see(lease: V1Lease): void {
    if (this.#seen?.lease.metadata?.resourceVersion === lease.metadata?.resourceVersion) return;
    this.#seen?.timer.cancel();
    const durationMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1000;
    const timer = this.#options.clock.setTimeout(() => {
      seen.isExpired = true;
    }, durationMs);
    const seen = { lease, isExpired: false, timer };
    this.#seen = seen;
  }

  async #release(): Promise<void> {
    const { clock, log, identity } = this.#options;
    const lease = this.#seen?.lease;
    if (lease?.spec?.holderIdentity !== identity) return;
    // Nobody waits long for a server that does not answer.
    await new Promise<void>((resolve) => {
      const limit = clock.setTimeout(resolve, RELEASE_LIMIT_MS);
      const done = () => {
        limit.cancel();
        resolve();
      };
      this.#giveBack(lease).then(done, (error: unknown) => {
        log.warn("the Lease was not given back; it runs out", { error: String(error) });
        done();
      });
    });
  }

  /** A renewal that was still on its way has changed the Lease: then what is there now is given back. */
  async #giveBack(lease: V1Lease): Promise<void> {
    const { client, clock, identity } = this.#options;
    const empty = ({ spec, ...rest }: V1Lease): V1Lease => {
      const renewTime = formatMicroTime(clock.nowMs());
      return { ...rest, spec: { ...spec, holderIdentity: "", leaseDurationSeconds: 1, renewTime } };
    };
    try {
      await client.update(Lease, empty(lease));
    } catch (error) {
      if (!isReason(error, "Conflict")) throw error;
      const { name = "", namespace } = lease.metadata ?? {};
      const newest = await client.get(Lease, { name, namespace });
      if (newest.spec?.holderIdentity === identity) await client.update(Lease, empty(newest));
    }
  }

  async #pause(ms: number, isGivenUp: () => boolean = () => false): Promise<void> {
    if (this.#isStopped || isGivenUp()) return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimeout(resolve, ms);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
