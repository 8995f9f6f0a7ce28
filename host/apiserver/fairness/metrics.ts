import type { CounterSeries, HistogramSeries } from "../../apimachinery/metrics/metrics.ts";
import type { MetricsRegistry } from "../../apimachinery/metrics/registry.ts";
import type { FlowControl } from "./flow-control.ts";
import type { Flows } from "./flow-schema.ts";
import type { PriorityLevel } from "./priority-level.ts";
import type { Refusal } from "./seat-pool.ts";

const WAIT_BUCKETS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];

/** What the gate tells of its work, under kube-apiserver's names. */
export class FlowMetrics {
  readonly #dispatched;
  readonly #rejected;
  readonly #waiting;
  readonly #waited;
  /** Each belongs to one level for as long as it is there. */
  readonly #admitting = new WeakMap<
    Flows,
    { readonly dispatched: CounterSeries; waited: HistogramSeries | undefined }
  >();

  constructor(registry: MetricsRegistry, { pool }: FlowControl) {
    const labels = ["priority_level", "flow_schema"] as const;
    this.#dispatched = registry.counter({
      name: "apiserver_flowcontrol_dispatched_requests_total",
      help: "Number of requests executed by API Priority and Fairness subsystem",
      labels,
    });
    this.#rejected = registry.counter({
      name: "apiserver_flowcontrol_rejected_requests_total",
      help: "Number of requests rejected by API Priority and Fairness subsystem",
      labels: [...labels, "reason"] as const,
    });
    this.#waiting = registry.gauge({
      name: "apiserver_flowcontrol_current_inqueue_requests",
      help: "Number of requests currently pending in queues of the API Priority and Fairness subsystem",
      labels,
    });
    this.#waited = registry.histogram({
      name: "apiserver_flowcontrol_request_wait_duration_seconds",
      help: "Length of time a request spent waiting in its queue",
      labels: [...labels, "execute"] as const,
      buckets: WAIT_BUCKETS,
    });
    const gauges = LEVEL_GAUGES.map(({ name, help, read }) => ({
      gauge: registry.gauge({ name, help, labels: ["priority_level"] }),
      read,
    }));
    registry.beforeExpose(() => {
      for (const { gauge, read } of gauges) {
        gauge.clear();
        for (const level of pool.levels) gauge.with(level.name).set(read(level));
      }
    });
  }

  waiting(flows: Flows, level: PriorityLevel, more: 1 | -1): void {
    this.#waiting.with(level.name, flows.name).inc(more);
  }

  admitted(flows: Flows, level: PriorityLevel, waitedSeconds: number): void {
    let series = this.#admitting.get(flows);
    if (series === undefined) {
      series = { dispatched: this.#dispatched.with(level.name, flows.name), waited: undefined };
      this.#admitting.set(flows, series);
    }
    series.dispatched.inc();
    // Those that are exempt do not even look for a queue.
    if (level.limits.isExempt) return;
    series.waited ??= this.#waited.with(level.name, flows.name, "true");
    series.waited.observe(waitedSeconds);
  }

  refused(flows: Flows, level: PriorityLevel, reason: Refusal, waitedSeconds: number): void {
    this.#rejected.with(level.name, flows.name, reason).inc();
    this.#waited.with(level.name, flows.name, "false").observe(waitedSeconds);
  }
}

const LEVEL_GAUGES: readonly { name: string; help: string; read: (level: PriorityLevel) => number }[] = [
  {
    name: "apiserver_flowcontrol_nominal_limit_seats",
    help: "Nominal number of execution seats configured for each priority level",
    read: ({ limits }) => limits.nominalSeats,
  },
  {
    name: "apiserver_flowcontrol_current_executing_seats",
    help: "Number of seats currently occupied by requests of each priority level",
    read: ({ seatsInUse }) => seatsInUse,
  },
  {
    name: "apiserver_flowcontrol_current_executing_requests",
    help: "Number of requests currently executing in each priority level",
    read: ({ executing }) => executing,
  },
];
