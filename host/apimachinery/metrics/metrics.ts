/** What a metric is called, and by which labels its series differ. Names are Kubernetes' own where it has one. */
export interface MetricDescription<Labels extends readonly string[] = readonly string[]> {
  /** `apiserver_request_total` */
  readonly name: string;
  readonly help: string;
  readonly labels?: Labels;
}

/** One value for each label, in the order they were declared. */
export type LabelValues<Labels extends readonly string[]> = { readonly [Index in keyof Labels]: string };

/**
 * Series of one metric, at most. Values of labels come from code, or from what the cluster knows (kinds, verbs); where a
 * stranger could make them up all the same, what is beyond the bound is counted together, in one series whose labels
 * all say `other`.
 */
export const MAX_SERIES = 5_000;
const BEYOND = "other";

/** The series of one metric: the same name, other values of its labels. */
abstract class Metric<Labels extends readonly string[], Series> {
  readonly name: string;
  readonly help: string;
  abstract readonly type: "counter" | "gauge" | "histogram";
  readonly #labels: readonly string[];
  readonly #series = new Map<string, { readonly labels: string; readonly series: Series }>();

  constructor({ name, help, labels = [] as unknown as Labels }: MetricDescription<Labels>) {
    this.name = name;
    this.help = help;
    this.#labels = labels;
  }

  /** The series of these values. Where the same is counted often it may be kept: `const ok = requests.with("200")`. */
  with(...values: LabelValues<Labels>): Series {
    const key = values.join("\xff");
    return this.#series.get(key)?.series ?? this.#begin(key, values);
  }

  /** Forgets all series: for what is found out anew whenever it is asked for. */
  clear(): void {
    this.#series.clear();
  }

  #begin(key: string, values: readonly string[]): Series {
    if (this.#series.size >= MAX_SERIES) {
      values = values.map(() => BEYOND);
      key = values.join("\xff");
      const beyond = this.#series.get(key);
      if (beyond !== undefined) return beyond.series;
    }
    const labels = this.#labels.map((label, index) => `${label}="${escapeLabel(values[index] ?? "")}"`);
    const series = this.begin();
    this.#series.set(key, { labels: labels.join(","), series });
    return series;
  }

  /** Lines of Prometheus' text format 0.0.4. */
  lines(): string[] {
    // Without labels there is one series, which is shown before anything was counted.
    if (this.#labels.length === 0 && this.#series.size === 0) this.#begin("", []);
    if (this.#series.size === 0) return [];
    const help = this.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    const lines = [`# HELP ${this.name} ${help}`, `# TYPE ${this.name} ${this.type}`];
    for (const { labels, series } of this.#series.values()) lines.push(...this.linesOf(labels, series));
    return lines;
  }

  protected abstract begin(): Series;
  protected abstract linesOf(labels: string, series: Series): readonly string[];
}

/** Something that only grows, e.g. requests answered. */
export class Counter<const Labels extends readonly string[] = []> extends Metric<Labels, CounterSeries> {
  readonly type = "counter";

  protected begin(): CounterSeries {
    return new CounterSeries();
  }

  protected linesOf(labels: string, { value }: CounterSeries): string[] {
    return [line(this.name, labels, value)];
  }
}

export class CounterSeries {
  value = 0;

  inc(by = 1): void {
    this.value += by;
  }
}

/** Something that goes up and down, e.g. requests in flight. */
export class Gauge<const Labels extends readonly string[] = []> extends Metric<Labels, GaugeSeries> {
  readonly type = "gauge";

  protected begin(): GaugeSeries {
    return new GaugeSeries();
  }

  protected linesOf(labels: string, { value }: GaugeSeries): string[] {
    return [line(this.name, labels, value)];
  }
}

export class GaugeSeries {
  value = 0;

  set(value: number): void {
    this.value = value;
  }

  inc(by = 1): void {
    this.value += by;
  }

  dec(by = 1): void {
    this.value -= by;
  }
}

/** How often something was how large, e.g. seconds a request took. */
export class Histogram<const Labels extends readonly string[] = []> extends Metric<Labels, HistogramSeries> {
  readonly type = "histogram";
  readonly #bounds: readonly number[];

  /** @param buckets  upper bounds, ascending; the one of everything is added */
  constructor(description: MetricDescription<Labels> & { readonly buckets: readonly number[] }) {
    super(description);
    this.#bounds = description.buckets;
  }

  protected begin(): HistogramSeries {
    return new HistogramSeries(this.#bounds);
  }

  protected linesOf(labels: string, { counts, sum }: HistogramSeries): string[] {
    const before = labels === "" ? "" : `${labels},`;
    let count = 0;
    const lines = counts.map((one, index) => {
      count += one;
      const bound = this.#bounds[index] ?? Number.POSITIVE_INFINITY;
      return line(`${this.name}_bucket`, `${before}le="${numberText(bound)}"`, count);
    });
    return [...lines, line(`${this.name}_sum`, labels, sum), line(`${this.name}_count`, labels, count)];
  }
}

export class HistogramSeries {
  /** How many fell into each bucket alone; the last is that of everything above. */
  readonly counts: number[];
  sum = 0;

  constructor(private readonly bounds: readonly number[]) {
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** @param times  how many were equally large */
  observe(value: number, times = 1): void {
    const { bounds } = this;
    let bucket = 0;
    // Most of what is measured is small, so it is found at the first steps.
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.counts[bucket]! += times;
    this.sum += value * times;
  }
}

/** `count` upper bounds, each `factor` times the last, as of 0.001 and 2: 0.001, 0.002, 0.004, … */
export function exponentialBuckets(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, power) => start * factor ** power);
}

function line(name: string, labels: string, value: number): string {
  return labels === "" ? `${name} ${numberText(value)}` : `${name}{${labels}} ${numberText(value)}`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
}
