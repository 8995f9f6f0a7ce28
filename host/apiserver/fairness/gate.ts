import type { User } from "../api.ts";
import type { Attributes } from "../authorization/attributes.ts";
import type { RequestInfo } from "../http/request-info.ts";

/** A request that wants to be served, after it is known whose it is and before anybody asks whether they may. */
export interface Arrival {
  readonly user: User;
  readonly info: RequestInfo;
  readonly attributes: Attributes;
  /** What it keeps in memory while it waits. */
  readonly bytes: number;
  /** Calls back when nobody waits for the answer any more. */
  readonly onGone: (listener: () => void) => void;
}

export interface Passage {
  /** What every answer to it carries. */
  readonly headers: Readonly<Record<string, string>>;
  /** Present: it is refused, and may come again after so many seconds. */
  readonly retryAfterSeconds?: number;
  /** It has been answered. May be called more than once. */
  leave(): void;
}

/** How much of the server requests may take at a time. */
export interface Gate {
  /** At once wherever it can be: every request comes by here. */
  enter(arrival: Arrival): Passage | Promise<Passage>;
}

export interface Limits {
  /** Requests that only read, at a time; 400 unless told otherwise. */
  readonly maxRequestsInFlight?: number;
  /** Requests that write, at a time; 200 unless told otherwise. */
  readonly maxMutatingRequestsInFlight?: number;
}

export const DEFAULT_LIMITS: Required<Limits> = {
  maxRequestsInFlight: 400,
  maxMutatingRequestsInFlight: 200,
};

export const OPEN: Passage = { headers: {}, leave: () => {} };

const LONG_VERBS = new Set(["watch", "proxy"]);
const LONG_SUBRESOURCES = new Set(["attach", "exec", "proxy", "log", "portforward"]);

/** Requests that stay: they have no deadline and hold no seat while they stay. Source: api-policy 1.1. */
export function isLongRunning({ verb, resource }: RequestInfo): boolean {
  return (
    resource !== undefined && (LONG_VERBS.has(verb) || LONG_SUBRESOURCES.has(resource.subresource ?? ""))
  );
}

const READING = new Set(["get", "list", "watch", "head"]);

export function isMutating({ verb, resource }: RequestInfo): boolean {
  return resource !== undefined && !READING.has(verb);
}

/** A request that cannot begin within a quarter of its time is refused. */
const DEADLINE_MS = 60_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** `?timeout=`, at most a minute, a quarter of it. @param timeout  a Go duration, looked at before */
export function maxWaitMs(timeout: string | null): number {
  if (timeout === null) return DEADLINE_MS / 4;
  let askedMs = 0;
  for (const [, number, unit] of timeout.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g))
    askedMs += Number(number) * UNIT_MS[unit!]!;
  return (askedMs > 0 && askedMs < DEADLINE_MS ? askedMs : DEADLINE_MS) / 4;
}
