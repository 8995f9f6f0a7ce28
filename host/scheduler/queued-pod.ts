import type { V1Pod } from "../api/generated/types.ts";
import { objectKey } from "../apimachinery/object.ts";

/** Where a pod waits; `gone`: nowhere, be it that it is deleted, bound, or not yet here. */
export type Place = "active" | "backoff" | "errorBackoff" | "unschedulable" | "gated" | "inFlight" | "gone";

/** A pod in the scheduling queue. */
export interface QueuedPod {
  readonly key: string;
  readonly uid: string;
  /** The pod group that it is decided about with; undefined for most pods. */
  readonly group: string | undefined;
  /** The newest state seen, also while the pod is in flight. */
  pod: V1Pod;
  /** When it came to its place in the queue: among equal priorities the earlier goes first. */
  timestampMs: number;
  /** When it was first ready to be tried; undefined before. */
  firstActiveMs: number | undefined;
  attempts: number;
  unschedulableCount: number;
  errorCount: number;
  /** The plugins that rejected it last; none when something went wrong with it. */
  plugins: readonly string[];
  /** What holds it back, while it is gated. */
  gate: string | undefined;
  /** Brought back by nothing but time. */
  flushed: boolean;
  place: Place;
  /** Counts up with every move, so that what a heap still holds of an earlier place is known to be stale. */
  ticket: number;
  /** Breaks ties of time: order of arrival. */
  order: number;
  backoffUntilMs: number;
  /** How many events had happened when it was popped: later ones are looked at when it comes back. -1: not in flight. */
  poppedAt: number;
  /** When its last attempt began. */
  poppedMs: number;
  changedInFlight: boolean;
}

export function newEntry(pod: V1Pod, nowMs: number, order: number, group?: string): QueuedPod {
  return {
    group,
    key: objectKey(pod),
    uid: pod.metadata?.uid ?? "",
    pod,
    timestampMs: nowMs,
    firstActiveMs: undefined,
    attempts: 0,
    unschedulableCount: 0,
    errorCount: 0,
    plugins: [],
    gate: undefined,
    flushed: false,
    place: "gone",
    ticket: 0,
    order,
    backoffUntilMs: 0,
    poppedAt: -1,
    poppedMs: 0,
    changedInFlight: false,
  };
}

/** The pod is in flight from now on, for one more attempt. @param poppedAt  how many events had happened by then */
export function beginAttempt(entry: QueuedPod, nowMs: number, poppedAt: number): void {
  entry.place = "inFlight";
  entry.firstActiveMs ??= nowMs;
  entry.attempts++;
  entry.poppedAt = poppedAt;
  entry.poppedMs = nowMs;
  entry.changedInFlight = false;
}

export function priorityOf(pod: V1Pod): number {
  return pod.spec?.priority ?? 0;
}

/** What a pod is sorted by, as it was when it came to its place. */
export interface Rank {
  readonly priority: number;
  readonly timestampMs: number;
  readonly order: number;
  readonly backoffUntilMs: number;
}

export function rankOf({ pod, timestampMs, order, backoffUntilMs }: QueuedPod): Rank {
  return { priority: priorityOf(pod), timestampMs, order, backoffUntilMs };
}

/** PrioritySort: the higher priority, then the earlier; arrival decides between equal times. */
export function goesFirst(a: Rank, b: Rank): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  return a.timestampMs === b.timestampMs ? a.order < b.order : a.timestampMs < b.timestampMs;
}

/** Among the pods of a group: the higher priority, then the one that was tried first; arrival decides between equal times. */
export function compareInGroup(a: QueuedPod, b: QueuedPod): number {
  const [first, second] = [a.firstActiveMs ?? 0, b.firstActiveMs ?? 0];
  return priorityOf(b.pod) - priorityOf(a.pod) || first - second || a.order - b.order;
}

export function endsFirst(a: Rank, b: Rank): boolean {
  return a.backoffUntilMs === b.backoffUntilMs ? goesFirst(a, b) : a.backoffUntilMs < b.backoffUntilMs;
}
