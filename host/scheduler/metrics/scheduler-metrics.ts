import type { Clock } from "../../apimachinery/clock.ts";
import type { CounterSeries, HistogramSeries } from "../../apimachinery/metrics/metrics.ts";
import type { MetricsRegistry } from "../../apimachinery/metrics/registry.ts";
import { schedulerNameOf } from "../configuration/profiles.ts";
import type { QueuedPod } from "../queued-pod.ts";
import { declareMetrics } from "./declarations.ts";

/** What is read when somebody asks, of the scheduler that runs now. */
export interface MetricSources {
  readonly queue: {
    readonly pending: Readonly<Record<"active" | "backoff" | "unschedulable" | "gated", number>>;
    /** Every pod that was rejected and has not been tried again since. */
    rejectedPods(): Iterable<QueuedPod>;
  };
  readonly feed: { readonly nodeCount: number; readonly podCount: number; readonly assumedCount: number };
}

export type AttemptResult = "scheduled" | "unschedulable" | "error";
export type GroupResult = AttemptResult | "waiting_on_preemption";
export type IncomingQueue = "active" | "backoff" | "unschedulable";
/** The points that are a step of their own here; the others happen together, inside of the core. */
export type TimedPoint = "PreBind" | "Bind";

/** Series that every pod of a profile counts in. */
interface ProfileSeries {
  readonly attempts: Readonly<Record<AttemptResult, CounterSeries>>;
  readonly seconds: Readonly<Record<AttemptResult, HistogramSeries>>;
  readonly points: Readonly<Record<`${TimedPoint} ${"Success" | "Error"}`, HistogramSeries>>;
}

/** From this attempt on they are counted together. */
const MANY_ATTEMPTS = 15;

/**
 * kube-scheduler's metrics, under its names (docs/scheduling.md lists them). Made once a process, whoever leads meanwhile.
 * What a pod counts in is found by an index or one look into a Map. Source: scheduling sheet 8.3.
 */
export class SchedulerMetrics {
  readonly #clock: Clock;
  readonly #all: ReturnType<typeof declareMetrics>;
  readonly #profiles = new Map<string, ProfileSeries>();
  readonly #incoming: Readonly<Record<IncomingQueue, Map<string, CounterSeries>>> = {
    active: new Map(),
    backoff: new Map(),
    unschedulable: new Map(),
  };
  /** By the number of the attempt; 0 is not used. */
  readonly #sli: readonly HistogramSeries[];
  readonly #algorithm: HistogramSeries;
  readonly #podAttempts: HistogramSeries;
  readonly #afterFlush: CounterSeries;
  #sources: MetricSources | undefined;

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    const all = declareMetrics(registry);
    this.#all = all;
    this.#sli = Array.from({ length: MANY_ATTEMPTS + 1 }, (_, attempts) =>
      all.sli.with(attempts < MANY_ATTEMPTS ? String(Math.max(1, attempts)) : `${MANY_ATTEMPTS}+`),
    );
    this.#algorithm = all.algorithm.with();
    this.#podAttempts = all.podAttempts.with();
    this.#afterFlush = all.afterFlush.with();
    registry.beforeExpose(() => this.#read());
  }

  /** Gauges are read from these, until others take their place. */
  watch(sources: MetricSources): void {
    this.#sources = sources;
  }

  incoming(queue: IncomingQueue, event: string): void {
    const known = this.#incoming[queue];
    let series = known.get(event);
    if (series === undefined) {
      series = this.#all.incoming.with(queue, event);
      known.set(event, series);
    }
    series.inc();
  }

  /** The core has decided about `pods` at once: each has its share of the time. */
  decided(pods: number, startMs: number): void {
    if (pods > 0) this.#algorithm.observe(this.#secondsSince(startMs) / pods, pods);
  }

  /** The core has decided about all pods of a group. */
  decidedGroup(startMs: number): void {
    this.#all.groupAlgorithm.with().observe(this.#secondsSince(startMs));
  }

  /** Its pods are on their way to their nodes, or back in the queue. */
  attemptedGroup(profile: string, result: GroupResult, startMs: number): void {
    this.#all.groupAttempts.with(result, profile).inc();
    this.#all.groupAttempt.with(result, profile).observe(this.#secondsSince(startMs));
  }

  /** An attempt is over: the pod is bound, or goes back to the queue. To be called before it does. */
  attempted(entry: QueuedPod, result: AttemptResult): void {
    const profile = this.#profileOf(entry);
    profile.attempts[result].inc();
    profile.seconds[result].observe(this.#secondsSince(entry.poppedMs));
    if (result !== "scheduled") return;
    const { attempts, firstActiveMs, flushed } = entry;
    this.#podAttempts.observe(attempts);
    this.#sli[Math.min(attempts, MANY_ATTEMPTS)]!.observe(
      this.#secondsSince(firstActiveMs ?? entry.poppedMs),
    );
    if (flushed) this.#afterFlush.inc();
  }

  /** PostFilter has looked for pods that may go. @param victims  0: there are none, or the pod may not ask */
  preempted(victims: number): void {
    this.#all.preemptionAttempts.with().inc();
    if (victims > 0) this.#all.preemptionVictims.with().observe(victims);
  }

  /** The victims of one pod are on their way, or a write failed. */
  evicted(startMs: number, isDone: boolean): void {
    const result = isDone ? "success" : "error";
    this.#all.evictionSeconds.with(result).observe(this.#secondsSince(startMs));
    this.#all.evictions.with(result).inc();
  }

  /** How long a step of an attempt took. */
  ranPoint(entry: QueuedPod, point: TimedPoint, startMs: number, isDone: boolean): void {
    const status = isDone ? "Success" : "Error";
    this.#profileOf(entry).points[`${point} ${status}`].observe(this.#secondsSince(startMs));
  }

  #secondsSince(startMs: number): number {
    return Math.max(0, this.#clock.monotonicMs() - startMs) / 1_000;
  }

  #profileOf({ pod }: QueuedPod): ProfileSeries {
    const name = schedulerNameOf(pod);
    let series = this.#profiles.get(name);
    if (series === undefined) {
      const { attempts, attempt, point } = this.#all;
      series = {
        attempts: {
          scheduled: attempts.with("scheduled", name),
          unschedulable: attempts.with("unschedulable", name),
          error: attempts.with("error", name),
        },
        seconds: {
          scheduled: attempt.with("scheduled", name),
          unschedulable: attempt.with("unschedulable", name),
          error: attempt.with("error", name),
        },
        points: {
          "PreBind Success": point.with("PreBind", "Success", name),
          "PreBind Error": point.with("PreBind", "Error", name),
          "Bind Success": point.with("Bind", "Success", name),
          "Bind Error": point.with("Bind", "Error", name),
        },
      };
      this.#profiles.set(name, series);
    }
    return series;
  }

  #read(): void {
    const { pending, cache, unschedulable } = this.#all;
    if (this.#sources === undefined) return;
    const { queue, feed } = this.#sources;
    for (const [place, count] of Object.entries(queue.pending)) pending.with(place).set(count);
    cache.with("nodes").set(feed.nodeCount);
    cache.with("pods").set(feed.podCount);
    cache.with("assumed_pods").set(feed.assumedCount);
    unschedulable.clear();
    for (const { plugins, pod } of queue.rejectedPods())
      for (const plugin of plugins) unschedulable.with(plugin, schedulerNameOf(pod)).inc();
  }
}
