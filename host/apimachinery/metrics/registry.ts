import { Counter, Gauge, Histogram, type MetricDescription } from "./metrics.ts";

/** What `/metrics` answers: Prometheus' text format. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

type AnyMetric = { readonly name: string; lines(): string[] };

/**
 * All metrics of one component, and the page that shows them.
 *
 *     const registry = new MetricsRegistry();
 *     const attempts = registry.counter({ name: "scheduler_schedule_attempts_total", help: "…", labels: ["result", "profile"] });
 *     attempts.with("scheduled", "default-scheduler").inc();
 *     const seconds = registry.histogram({ name: "…_duration_seconds", help: "…", buckets: exponentialBuckets(0.001, 2, 15) });
 *     seconds.with().observe(0.3);
 *     const pending = registry.gauge({ name: "scheduler_pending_pods", help: "…", labels: ["queue"] });
 *     registry.beforeExpose(() => pending.with("active").set(queue.size)); // read only when somebody asks
 *     registry.expose(); // the body of GET /metrics, of type METRICS_TYPE
 *
 * The number of label values is checked by the compiler. Counting costs a look into a Map, or nothing where the series
 * (`attempts.with(…)`) is kept. A component gets its registry passed in, as it gets its clock.
 */
export class MetricsRegistry {
  readonly #metrics = new Map<string, AnyMetric>();
  readonly #before: (() => void)[] = [];

  counter<const Labels extends readonly string[] = []>(
    description: MetricDescription<Labels>,
  ): Counter<Labels> {
    return this.#add(new Counter(description));
  }

  gauge<const Labels extends readonly string[] = []>(description: MetricDescription<Labels>): Gauge<Labels> {
    return this.#add(new Gauge(description));
  }

  histogram<const Labels extends readonly string[] = []>(
    description: MetricDescription<Labels> & { readonly buckets: readonly number[] },
  ): Histogram<Labels> {
    return this.#add(new Histogram(description));
  }

  /** `read` runs before every page: it sets what is not worth keeping count of. */
  beforeExpose(read: () => void): void {
    this.#before.push(read);
  }

  /** The page, ordered by name. */
  expose(): string {
    for (const read of this.#before) read();
    const metrics = [...this.#metrics.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return `${metrics.flatMap((metric) => metric.lines()).join("\n")}\n`;
  }

  #add<Added extends AnyMetric>(metric: Added): Added {
    if (!NAME.test(metric.name)) throw new Error(`no name of a metric: ${metric.name}`);
    if (this.#metrics.has(metric.name)) throw new Error(`there is a metric ${metric.name} already`);
    this.#metrics.set(metric.name, metric);
    return metric;
  }
}
