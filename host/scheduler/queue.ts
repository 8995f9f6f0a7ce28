import type { V1Pod } from "../api/generated/types.ts";
import { objectKey } from "../apimachinery/object.ts";
import { type ClusterEvent, eventLabel, podEvents } from "./cluster-events.ts";
import { WaitingPod } from "./hints/registration.ts";
import { helps, isRegistered } from "./hints/table.ts";
import { InFlightEvents } from "./in-flight-events.ts";
import { QueueGroups } from "./queue-groups.ts";
import { QueueHeap } from "./queue-heap.ts";
import {
  beginAttempt,
  compareInGroup,
  endsFirst,
  goesFirst,
  newEntry,
  type Place,
  type QueuedPod,
} from "./queued-pod.ts";
import { UnschedulablePods } from "./unschedulable-pods.ts";

export type { Place, QueuedPod } from "./queued-pod.ts";

/**
 * The pods that wait for a node.
 *
 *                 ┌────────────────── backoff (1 s doubling to 10 s) ◄───────────┐
 *                 ▼                                                              │
 *   put ───► active ──pop──► in flight ──rejected──► unschedulable ──an event that helps, or 5 min
 *    │        ▲                 │  └──error──► error backoff ──► active
 *    └► gated ┘                 └──bound──► gone
 *
 * Times are of a clock that nobody sets. Holds at most `capacity` pods, each once; what does not fit is refused, and the
 * caller brings it again when there is room. Source: scheduling sheet 5.
 */
export interface QueueOptions {
  readonly initialBackoffMs?: number;
  readonly maxBackoffMs?: number;
  /** Pods it holds at most; a million unless told otherwise. */
  readonly capacity?: number;
  /** PreEnqueue: the plugin that holds a pod back. Scheduling gates hold it back unless told otherwise. */
  readonly gateOf?: (pod: V1Pod) => string | undefined;
  /** The pod group of a pod, by a key: its pods are popped together. No pod has one unless told otherwise. */
  readonly groupOf?: (pod: V1Pod) => string | undefined;
  /** Told of every pod that comes to a place where it waits, and why: kube-scheduler's queue_incoming_pods_total. */
  readonly onIncoming?: (queue: "active" | "backoff" | "unschedulable", event: string) => void;
}

const INITIAL_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 10_000;
const CAPACITY = 1_000_000;
const FLUSH_INTERVAL_MS = 30_000;
const MAX_UNSCHEDULABLE_MS = 300_000;

export class SchedulingQueue {
  readonly #options: Required<QueueOptions>;
  readonly #entries = new Map<string, QueuedPod>();
  readonly #groups = new QueueGroups();
  readonly #active = new QueueHeap(goesFirst);
  readonly #backoff = new QueueHeap(endsFirst);
  readonly #errorBackoff = new QueueHeap(endsFirst);
  readonly #unschedulable = new UnschedulablePods();
  /** By what holds them back. */
  readonly #gated = new Map<string, Set<QueuedPod>>();
  readonly #inFlight = new InFlightEvents();
  #orderCount = 0;
  #lastFlushMs = 0;

  constructor(options: QueueOptions = {}) {
    this.#options = {
      initialBackoffMs: INITIAL_BACKOFF_MS,
      maxBackoffMs: MAX_BACKOFF_MS,
      capacity: CAPACITY,
      gateOf: (pod) => ((pod.spec?.schedulingGates ?? []).length > 0 ? "SchedulingGates" : undefined),
      groupOf: () => undefined,
      onIncoming: () => {},
      ...options,
    };
  }

  get size(): number {
    return this.#entries.size;
  }

  get capacity(): number {
    return this.#options.capacity;
  }

  /** Pods by where they wait: kube-scheduler's pending_pods. */
  get pending(): Record<"active" | "backoff" | "unschedulable" | "gated", number> {
    let gated = 0;
    for (const group of this.#gated.values()) gated += group.size;
    return {
      active: this.#active.size,
      backoff: this.#backoff.size + this.#errorBackoff.size,
      unschedulable: this.#unschedulable.size,
      gated,
    };
  }

  /** Pods that some plugin has rejected, wherever they wait. Goes through the whole queue: for who asks seldom. */
  *rejectedPods(): Generator<QueuedPod> {
    for (const entry of this.#entries.values())
      if (entry.plugins.length > 0 && entry.place !== "inFlight") yield entry;
  }

  /** `default/web` -> where it waits; undefined when it is not in the queue. */
  placeOf(key: string): Place | undefined {
    return this.#entries.get(key)?.place;
  }

  find(key: string): QueuedPod | undefined {
    return this.#entries.get(key);
  }

  /**
   * A pod that wants a node, new or changed.
   *
   * @returns false when the queue is full and does not take it
   */
  put(pod: V1Pod, nowMs: number): boolean {
    const key = objectKey(pod);
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.uid === pod.metadata?.uid) {
      this.#changed(entry, pod, nowMs);
      return true;
    }
    if (entry !== undefined) this.remove(key);
    if (this.#entries.size >= this.#options.capacity) return false;
    const added = newEntry(pod, nowMs, this.#orderCount++, this.#options.groupOf(pod));
    this.#entries.set(key, added);
    this.#groups.add(added);
    this.#activate(added, "UnschedulablePodAdd", nowMs);
    return true;
  }

  /** A pod that is bound, or gone. */
  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#move(entry, "gone");
    this.#entries.delete(key);
    this.#groups.delete(entry);
  }

  /**
   * The next pods to schedule, in order; they are in flight until `assumed`, `rejected`, `failed` or `remove`. When nothing
   * is active, rejected pods in backoff are taken early (Kubernetes' PopFromBackoffQ): an idle scheduler retries at once.
   * A pod of a group comes alone with the others of it that are active or in backoff, however many they are.
   */
  pop(max: number, nowMs: number): QueuedPod[] {
    const batch: QueuedPod[] = [];
    const early = this.#active.peek() === undefined;
    const heap = early ? this.#backoff : this.#active;
    while (batch.length < max) {
      const { group } = heap.peek() ?? {};
      if (group !== undefined) return batch.length > 0 ? batch : this.#popGroup(group, nowMs);
      const entry = heap.pop();
      if (entry === undefined) break;
      entry.ticket++;
      if (early) this.#options.onIncoming("active", "PopFromBackoffQ");
      beginAttempt(entry, nowMs, this.#inFlight.begin());
      batch.push(entry);
    }
    return batch;
  }

  #popGroup(group: string, nowMs: number): QueuedPod[] {
    const ready = this.#groups.readyOf(group);
    for (const entry of ready) {
      this.#move(entry, "inFlight");
      beginAttempt(entry, nowMs, this.#inFlight.begin());
    }
    return ready.sort(compareInGroup);
  }

  /** The pod has a node; it stays known until it is bound, but no event matters to it any more. */
  assumed(entry: QueuedPod): void {
    this.#land(entry);
  }

  /** No node takes the pod: it waits for something that helps the plugins that rejected it. */
  rejected(entry: QueuedPod, plugins: readonly string[], nowMs: number): void {
    const events = entry.poppedAt < 0 ? [] : this.#inFlight.since(entry.poppedAt);
    this.#land(entry);
    if (!this.#returns(entry, nowMs)) return;
    entry.unschedulableCount++;
    entry.errorCount = 0;
    entry.plugins = plugins;
    if (entry.group !== undefined) {
      // What helps one pod may be of no use to its group: only time brings it back.
      this.#afterBackoff(entry, "ScheduleAttemptFailure", nowMs);
      return;
    }
    this.#move(entry, "unschedulable");
    this.#unschedulable.add(entry);
    const helped =
      events === "too many" || entry.changedInFlight || this.#unschedulable.isHelpedByAny(entry, events);
    if (helped) this.#afterBackoff(entry, "ScheduleAttemptFailure", nowMs);
    else this.#options.onIncoming("unschedulable", "ScheduleAttemptFailure");
  }

  /** Something went wrong with the pod (no nodes at all, a binding refused): it is tried again after backoff. */
  failed(entry: QueuedPod, nowMs: number): void {
    this.#land(entry);
    if (!this.#returns(entry, nowMs)) return;
    entry.errorCount++;
    entry.plugins = [];
    this.#afterBackoff(entry, "ScheduleAttemptFailure", nowMs);
  }

  /** A plugin does not want to see the pod yet: the attempt does not count. */
  held(entry: QueuedPod, gate: string, nowMs: number): void {
    this.#land(entry);
    if (!this.#returns(entry, nowMs)) return;
    entry.attempts--;
    this.#hold(entry, gate);
    // What it waits for may have come in flight.
    if (entry.changedInFlight) this.#activate(entry, "ScheduleAttemptFailure", nowMs);
  }

  /** Something happened in the cluster: brings back the pods that it may help. */
  happened(event: ClusterEvent, nowMs: number): void {
    this.#inFlight.record(event);
    const label = eventLabel(event);
    for (const entry of this.#unschedulable.helpedBy(event)) this.#afterBackoff(entry, label, nowMs);
    for (const [gate, entries] of this.#gated) {
      if (!isRegistered(gate, event)) continue;
      for (const entry of [...entries]) this.#lookAgain(entry, gate, event, nowMs);
    }
  }

  /** What held the pod back no longer does; harmless for a pod that is not held back. */
  release(key: string, nowMs: number, event = "ForceActivate"): void {
    const entry = this.#entries.get(key);
    if (entry?.place === "gated") this.#afterBackoff(entry, event, nowMs);
  }

  /** Tries a pod at once that waits for an event: what it was to wait for will not happen. */
  activate(key: string, nowMs: number): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined && ["gated", "unschedulable", "backoff"].includes(entry.place))
      this.#activate(entry, "ForceActivate", nowMs);
  }

  /** Ends backoffs whose time has come, and brings back pods that have waited for 5 minutes. */
  tick(nowMs: number): void {
    for (const heap of [this.#backoff, this.#errorBackoff]) {
      for (let entry = heap.peek(); entry !== undefined; entry = heap.peek()) {
        if (isBackingOff(entry, nowMs)) break;
        this.#activate(entry, "BackoffComplete", nowMs);
      }
    }
    if (nowMs - this.#lastFlushMs < FLUSH_INTERVAL_MS) return;
    this.#lastFlushMs = nowMs;
    for (const entry of [...this.#unschedulable.entries()]) {
      if (nowMs - entry.timestampMs <= MAX_UNSCHEDULABLE_MS) continue;
      entry.flushed = true;
      this.#afterBackoff(entry, "UnschedulableTimeout", nowMs);
    }
  }

  /** When `tick` has something to do next, in ms from now; undefined when never. */
  nextTickMs(nowMs: number): number | undefined {
    const backingOff = this.#backoff.peek() !== undefined || this.#errorBackoff.peek() !== undefined;
    if (backingOff) return 1000 - (nowMs % 1000);
    if (this.#unschedulable.size > 0) return Math.max(1, this.#lastFlushMs + FLUSH_INTERVAL_MS - nowMs);
    return undefined;
  }

  hasReady(): boolean {
    return this.#active.peek() !== undefined || this.#backoff.peek() !== undefined;
  }

  /** A pod's own change is held against what rejected it, or holds it back, and against no other pod. */
  #changed(entry: QueuedPod, pod: V1Pod, nowMs: number): void {
    const events = podEvents("UnschedulablePod", entry.pod, pod);
    entry.pod = pod;
    const waiting = new WaitingPod(pod);
    const helping = events.find((event) => {
      if (entry.place === "gated") return isRegistered(entry.gate!, event);
      return entry.place === "unschedulable" && helps(entry.plugins, waiting, event);
    });
    if (entry.place === "inFlight") entry.changedInFlight ||= events[0]!.action !== "Update";
    else if (helping !== undefined && entry.place === "gated")
      this.#activate(entry, eventLabel(helping), nowMs);
    else if (helping !== undefined) this.#afterBackoff(entry, eventLabel(helping), nowMs);
    else if (entry.place === "unschedulable") {
      // It waits on with what it asks for now.
      this.#unschedulable.delete(entry);
      this.#unschedulable.add(entry);
    }
  }

  /** A gated pod is let go on only if the event would have brought it back without its gate. */
  #lookAgain(entry: QueuedPod, gate: string, event: ClusterEvent, nowMs: number): void {
    // First, for it is soon asked: a thousand pods may wait until their victims have been told, and see every victim go.
    if (this.#options.gateOf(entry.pod) === gate) return;
    const plugins = entry.plugins.length > 0 ? entry.plugins : [gate];
    if (helps(plugins, new WaitingPod(entry.pod), event)) this.#afterBackoff(entry, eventLabel(event), nowMs);
  }

  /** The decision about a pod in flight is there. */
  #land(entry: QueuedPod): void {
    if (entry.poppedAt < 0) return;
    this.#inFlight.end();
    entry.poppedAt = -1;
  }

  /** @returns false when the pod went away while it was in flight */
  #returns(entry: QueuedPod, nowMs: number): boolean {
    if (entry.place === "gone") return false;
    entry.timestampMs = nowMs;
    entry.order = this.#orderCount++;
    entry.flushed = false;
    return true;
  }

  #afterBackoff(entry: QueuedPod, event: string, nowMs: number): void {
    const count = entry.errorCount > 0 ? entry.errorCount : entry.unschedulableCount;
    const { initialBackoffMs, maxBackoffMs } = this.#options;
    const backoffMs =
      count === 0 ? 0 : Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.min(count - 1, 30));
    entry.backoffUntilMs = wholeSecond(entry.timestampMs + backoffMs);
    if (backoffMs === 0 || !isBackingOff(entry, nowMs)) {
      this.#activate(entry, event, nowMs);
      return;
    }
    if (this.#holdsBack(entry)) return;
    // Where nobody is taken early: a group that fits nowhere would be tried without end.
    const isError = entry.errorCount > 0 || entry.group !== undefined;
    this.#move(entry, isError ? "errorBackoff" : "backoff");
    (isError ? this.#errorBackoff : this.#backoff).push(entry);
    this.#options.onIncoming("backoff", event);
  }

  #activate(entry: QueuedPod, event: string, nowMs: number): void {
    if (this.#holdsBack(entry)) return;
    this.#move(entry, "active");
    entry.firstActiveMs ??= nowMs;
    this.#active.push(entry);
    this.#options.onIncoming("active", event);
  }

  #holdsBack(entry: QueuedPod): boolean {
    const gate = this.#options.gateOf(entry.pod);
    if (gate !== undefined) this.#hold(entry, gate);
    return gate !== undefined;
  }

  #hold(entry: QueuedPod, gate: string): void {
    this.#move(entry, "gated");
    entry.gate = gate;
    const group = this.#gated.get(gate);
    if (group === undefined) this.#gated.set(gate, new Set([entry]));
    else group.add(entry);
  }

  /** Takes the pod from where it is; its new place has to be filled by the caller. */
  #move(entry: QueuedPod, place: Place): void {
    entry.ticket++;
    switch (entry.place) {
      case "active":
        this.#active.left();
        break;
      case "backoff":
        this.#backoff.left();
        break;
      case "errorBackoff":
        this.#errorBackoff.left();
        break;
      case "unschedulable":
        this.#unschedulable.delete(entry);
        break;
      case "gated":
        this.#gated.get(entry.gate!)?.delete(entry);
        entry.gate = undefined;
        break;
      case "inFlight":
        this.#land(entry);
        break;
      case "gone":
        break;
      default:
        entry.place satisfies never;
    }
    entry.place = place;
  }
}

function wholeSecond(ms: number): number {
  return ms - (ms % 1000);
}

/** Backoff is counted in whole seconds, so that pods of one second come back together and in order. */
function isBackingOff(entry: QueuedPod, nowMs: number): boolean {
  return entry.backoffUntilMs >= wholeSecond(nowMs);
}
