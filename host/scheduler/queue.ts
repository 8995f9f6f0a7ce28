import type { V1Pod } from "../api/generated/types.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import { objectKey } from "../apimachinery/object.ts";
import { Heap } from "./heap.ts";
import { type ClusterEvent, helps } from "./requeue-rules.ts";

/**
 * The pods that wait for a node.
 *
 *                 ┌────────────────── backoff (1 s doubling to 10 s) ◄───────────┐
 *                 ▼                                                              │
 *   add ──► active ──pop──► in flight ──rejected──► unschedulable ──an event that helps, or 5 min
 *    │        ▲                 │  └──error──► error backoff ──► active
 *    └► gated ┘                 └──bound──► gone
 *
 * Holds at most the pods of the cluster, each once. Time is passed in. Source: scheduling sheet 5.
 */
export interface QueuedPod {
  readonly key: string;
  readonly uid: string;
  /** The newest state seen, also while the pod is in flight. */
  pod: V1Pod;
  /** When it came to its place in the queue: among equal priorities the earlier goes first. */
  timestampMs: number;
  attempts: number;
  unschedulableCount: number;
  errorCount: number;
  /** The plugins that rejected it last (REJECTOR bits); 0 when none did. */
  rejectors: number;
  /** Deleted, bound or replaced while in flight: the decision about it is void. */
  gone: boolean;
  place: Place;
  /** Counts up with every move, so that what a heap still holds of an earlier place is known to be stale. */
  ticket: number;
  /** Breaks ties of time: order of arrival. */
  order: number;
  backoffUntilMs: number;
  /** Events and own changes after this one happened while the pod was in flight. */
  poppedAt: number;
  changedInFlight: boolean;
}

type Place = "active" | "backoff" | "errorBackoff" | "unschedulable" | "gated" | "inFlight";

interface Seat {
  readonly entry: QueuedPod;
  readonly ticket: number;
}

export interface QueueOptions {
  readonly initialBackoffMs?: number;
  readonly maxBackoffMs?: number;
}

const INITIAL_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 10_000;
const FLUSH_INTERVAL_MS = 30_000;
const MAX_UNSCHEDULABLE_MS = 300_000;

export class SchedulingQueue {
  readonly #initialBackoffMs: number;
  readonly #maxBackoffMs: number;
  readonly #entries = new Map<string, QueuedPod>();
  readonly #active = new Heap<Seat>((a, b) => goesFirst(a.entry, b.entry));
  readonly #backoff = new Heap<Seat>((a, b) => endsFirst(a.entry, b.entry));
  readonly #errorBackoff = new Heap<Seat>((a, b) => endsFirst(a.entry, b.entry));
  /** Rejector bits -> the pods that wait with them: an event looks at groups, not at pods. */
  readonly #unschedulable = new Map<number, Set<QueuedPod>>();
  /** When each event last happened, in counts of events. */
  readonly #lastSeen = new Map<ClusterEvent, number>();
  #eventCount = 0;
  #orderCount = 0;
  #lastFlushMs = 0;

  constructor(options: QueueOptions = {}) {
    this.#initialBackoffMs = options.initialBackoffMs ?? INITIAL_BACKOFF_MS;
    this.#maxBackoffMs = options.maxBackoffMs ?? MAX_BACKOFF_MS;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `default/web` -> where it waits; undefined when it is not in the queue. */
  placeOf(key: string): Place | undefined {
    return this.#entries.get(key)?.place;
  }

  /** A pod that wants a node, new or changed. */
  put(pod: V1Pod, nowMs: number): void {
    const key = objectKey(pod);
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.uid === pod.metadata?.uid) {
      this.#changed(entry, pod, nowMs);
      return;
    }
    if (entry !== undefined) this.remove(key);
    const added = newEntry(key, pod, nowMs, this.#orderCount++);
    this.#entries.set(key, added);
    this.#activate(added);
  }

  /** A pod that is bound, or gone. */
  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#leave(entry);
    entry.gone = true;
    this.#entries.delete(key);
  }

  /**
   * The next pods to schedule, in order; they are in flight until `rejected`, `failed` or `remove`. When nothing is
   * active, rejected pods in backoff are taken early (Kubernetes' PopFromBackoffQ): an idle scheduler retries at once.
   */
  pop(max: number): QueuedPod[] {
    const batch: QueuedPod[] = [];
    const source = peek(this.#active) === undefined ? this.#backoff : this.#active;
    while (batch.length < max) {
      const entry = peek(source);
      if (entry === undefined) break;
      source.pop();
      this.#move(entry, "inFlight");
      entry.attempts++;
      entry.poppedAt = this.#eventCount;
      entry.changedInFlight = false;
      batch.push(entry);
    }
    return batch;
  }

  /** No node takes the pod: it waits for something that helps the plugins that rejected it. */
  rejected(entry: QueuedPod, rejectors: number, nowMs: number): void {
    if (!this.#returns(entry, nowMs)) return;
    entry.unschedulableCount++;
    entry.errorCount = 0;
    entry.rejectors = rejectors;
    const helped = [...this.#lastSeen].some(([event, at]) => at > entry.poppedAt && helps(event, rejectors));
    if (helped || entry.changedInFlight) this.#afterBackoff(entry, nowMs);
    else this.#wait(entry);
  }

  /** Something went wrong with the pod (no nodes at all, a binding refused): it is tried again after backoff. */
  failed(entry: QueuedPod, nowMs: number): void {
    if (!this.#returns(entry, nowMs)) return;
    entry.errorCount++;
    entry.rejectors = 0;
    this.#afterBackoff(entry, nowMs);
  }

  /** Something happened in the cluster: brings back the pods that it may help. */
  happened(event: ClusterEvent, nowMs: number): void {
    this.#lastSeen.set(event, ++this.#eventCount);
    for (const [rejectors, group] of [...this.#unschedulable]) {
      if (!helps(event, rejectors)) continue;
      for (const entry of [...group]) this.#afterBackoff(entry, nowMs);
    }
  }

  /** Ends backoffs whose time has come, and brings back pods that have waited for 5 minutes. */
  tick(nowMs: number): void {
    for (const heap of [this.#backoff, this.#errorBackoff]) {
      for (let entry = peek(heap); entry !== undefined; entry = peek(heap)) {
        if (isBackingOff(entry, nowMs)) break;
        heap.pop();
        this.#activate(entry);
      }
    }
    if (nowMs - this.#lastFlushMs < FLUSH_INTERVAL_MS) return;
    this.#lastFlushMs = nowMs;
    for (const group of [...this.#unschedulable.values()]) {
      for (const entry of [...group]) {
        if (nowMs - entry.timestampMs > MAX_UNSCHEDULABLE_MS) this.#afterBackoff(entry, nowMs);
      }
    }
  }

  /** When `tick` has something to do next, in ms from now; undefined when never. */
  nextTickMs(nowMs: number): number | undefined {
    const backingOff = peek(this.#backoff) !== undefined || peek(this.#errorBackoff) !== undefined;
    if (backingOff) return 1000 - (nowMs % 1000);
    if (this.#unschedulable.size > 0) return Math.max(1, this.#lastFlushMs + FLUSH_INTERVAL_MS - nowMs);
    return undefined;
  }

  hasReady(): boolean {
    return peek(this.#active) !== undefined || peek(this.#backoff) !== undefined;
  }

  #changed(entry: QueuedPod, pod: V1Pod, nowMs: number): void {
    const relevant = isRelevantChange(entry.pod, pod);
    entry.pod = pod;
    if (!relevant) return;
    if (entry.place === "inFlight") entry.changedInFlight = true;
    else if (entry.place === "gated") this.#activate(entry);
    else if (entry.place === "unschedulable") this.#afterBackoff(entry, nowMs);
  }

  /** @returns false when the pod went away while it was in flight */
  #returns(entry: QueuedPod, nowMs: number): boolean {
    if (entry.gone) return false;
    entry.timestampMs = nowMs;
    entry.order = this.#orderCount++;
    return true;
  }

  #afterBackoff(entry: QueuedPod, nowMs: number): void {
    const count = entry.errorCount > 0 ? entry.errorCount : entry.unschedulableCount;
    const backoffMs =
      count === 0 ? 0 : Math.min(this.#maxBackoffMs, this.#initialBackoffMs * 2 ** Math.min(count - 1, 30));
    entry.backoffUntilMs = wholeSecond(entry.timestampMs + backoffMs);
    if (backoffMs === 0 || !isBackingOff(entry, nowMs)) {
      this.#activate(entry);
      return;
    }
    const place = entry.errorCount > 0 ? "errorBackoff" : "backoff";
    this.#move(entry, place);
    (place === "backoff" ? this.#backoff : this.#errorBackoff).push(seat(entry));
  }

  #activate(entry: QueuedPod): void {
    if (entry.pod.spec?.schedulingGates?.length) {
      this.#move(entry, "gated");
      return;
    }
    this.#move(entry, "active");
    this.#active.push(seat(entry));
  }

  #wait(entry: QueuedPod): void {
    this.#move(entry, "unschedulable");
    const group = this.#unschedulable.get(entry.rejectors);
    if (group === undefined) this.#unschedulable.set(entry.rejectors, new Set([entry]));
    else group.add(entry);
  }

  #move(entry: QueuedPod, place: Place): void {
    this.#leave(entry);
    entry.place = place;
  }

  #leave(entry: QueuedPod): void {
    entry.ticket++;
    if (entry.place !== "unschedulable") return;
    const group = this.#unschedulable.get(entry.rejectors);
    group?.delete(entry);
    if (group?.size === 0) this.#unschedulable.delete(entry.rejectors);
  }
}

function newEntry(key: string, pod: V1Pod, nowMs: number, order: number): QueuedPod {
  return {
    key,
    uid: pod.metadata?.uid ?? "",
    pod,
    timestampMs: nowMs,
    attempts: 0,
    unschedulableCount: 0,
    errorCount: 0,
    rejectors: 0,
    gone: false,
    place: "active",
    ticket: 0,
    order,
    backoffUntilMs: 0,
    poppedAt: 0,
    changedInFlight: false,
  };
}

/** PrioritySort: the higher priority, then the earlier; arrival decides between equal times. */
function goesFirst(a: QueuedPod, b: QueuedPod): boolean {
  const left = a.pod.spec?.priority ?? 0;
  const right = b.pod.spec?.priority ?? 0;
  if (left !== right) return left > right;
  return a.timestampMs === b.timestampMs ? a.order < b.order : a.timestampMs < b.timestampMs;
}

function endsFirst(a: QueuedPod, b: QueuedPod): boolean {
  return a.backoffUntilMs === b.backoffUntilMs ? goesFirst(a, b) : a.backoffUntilMs < b.backoffUntilMs;
}

function seat(entry: QueuedPod): Seat {
  return { entry, ticket: entry.ticket };
}

/** The first pod that really still sits in the heap; drops those that have moved on. */
function peek(heap: Heap<Seat>): QueuedPod | undefined {
  for (let top = heap.peek(); top !== undefined; top = heap.peek()) {
    if (top.ticket === top.entry.ticket) return top.entry;
    heap.pop();
  }
  return undefined;
}

function wholeSecond(ms: number): number {
  return ms - (ms % 1000);
}

/** Backoff is counted in whole seconds, so that pods of one second come back together and in order. */
function isBackingOff(entry: QueuedPod, nowMs: number): boolean {
  return entry.backoffUntilMs >= wholeSecond(nowMs);
}

/** Whether a waiting pod's own change may let it fit. Status and annotations never do. */
function isRelevantChange(old: V1Pod, pod: V1Pod): boolean {
  return !deepEqual(old.spec, pod.spec) || !deepEqual(old.metadata?.labels, pod.metadata?.labels);
}
