import type { CounterSeries, GaugeSeries, HistogramSeries } from "../../apimachinery/metrics/metrics.ts";
import type { MetricsRegistry } from "../../apimachinery/metrics/registry.ts";
import type { Api } from "../api.ts";
import { isLongRunning, isMutating } from "../fairness/gate.ts";
import type { Exchange, Onlooker } from "../http/exchange.ts";
import { type RequestLabels, requestLabels } from "./request-labels.ts";

const SECONDS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const BYTES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const COMPONENT = "apiserver";

/** The series of requests that are alike. */
interface Alike {
  readonly labels: RequestLabels;
  readonly codes: Map<number, CounterSeries>;
  readonly seconds: HistogramSeries;
  /** Of reads. */
  readonly bytes: HistogramSeries | undefined;
}

/** How many are remembered; at the bound all are found again, one by one. */
const MAX_ALIKE = 5_000;

/** Counts requests as kube-apiserver does, under its names. */
export class RequestMetrics implements Onlooker {
  readonly #total;
  readonly #seconds;
  readonly #bytes;
  readonly #long;
  readonly #events;
  readonly #reading: GaugeSeries;
  readonly #mutating: GaugeSeries;
  readonly #alike = new Map<string, Alike>();

  constructor(
    private readonly api: Pick<Api, "clock" | "kinds">,
    registry: MetricsRegistry,
  ) {
    const where = ["component", "group", "resource", "scope", "subresource", "verb", "version"] as const;
    this.#total = registry.counter({
      name: "apiserver_request_total",
      help: "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.",
      labels: [
        "code",
        "component",
        "dry_run",
        "group",
        "resource",
        "scope",
        "subresource",
        "verb",
        "version",
      ],
    });
    this.#seconds = registry.histogram({
      name: "apiserver_request_duration_seconds",
      help: "Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.",
      labels: ["component", "dry_run", "group", "resource", "scope", "subresource", "verb", "version"],
      buckets: SECONDS,
    });
    this.#bytes = registry.histogram({
      name: "apiserver_response_sizes",
      help: "Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.",
      labels: where,
      buckets: BYTES,
    });
    this.#long = registry.gauge({
      name: "apiserver_longrunning_requests",
      help: "Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.",
      labels: where,
    });
    this.#events = registry.counter({
      name: "apiserver_watch_events_total",
      help: "Number of events sent in watch clients",
      labels: ["group", "resource", "version"],
    });
    const inFlight = registry.gauge({
      name: "apiserver_current_inflight_requests",
      help: "Number of currently used inflight request limit of this apiserver per request kind.",
      labels: ["request_kind"],
    });
    this.#reading = inFlight.with("readOnly");
    this.#mutating = inFlight.with("mutating");
  }

  received({ info }: Exchange): void {
    if (info === undefined || isLongRunning(info)) return;
    (isMutating(info) ? this.#mutating : this.#reading).inc();
  }

  started(exchange: Exchange): void {
    const { labels } = this.#alikeOf(exchange);
    this.#longOf(labels).inc();
    if (labels.verb !== "WATCH") return;
    const events = this.#events.with(labels.group, labels.resource, labels.version);
    exchange.delivered = (count) => events.inc(count);
  }

  answered(exchange: Exchange, code: number, bytes: number): void {
    const { info, sender, isStreaming, receivedMs } = exchange;
    const alike = this.#alikeOf(exchange);
    let counter = alike.codes.get(code);
    if (counter === undefined) {
      const { dryRun, group, resource, scope, subresource, verb, version } = alike.labels;
      counter = this.#total.with(
        `${code}`,
        COMPONENT,
        dryRun,
        group,
        resource,
        scope,
        subresource,
        verb,
        version,
      );
      alike.codes.set(code, counter);
    }
    counter.inc();
    alike.seconds.observe((this.api.clock.monotonicMs() - receivedMs) / 1000);
    alike.bytes?.observe(bytes);
    if (isStreaming) this.#longOf(alike.labels).dec();
    // Whoever was not let in was never said to be in flight.
    if (info === undefined || sender === undefined || isLongRunning(info)) return;
    (isMutating(info) ? this.#mutating : this.#reading).dec();
  }

  #alikeOf({ info, request }: Exchange): Alike {
    const { method, headers } = request;
    const labels = requestLabels(this.api.kinds, info, method, headers["content-type"]);
    const { verb, group, version, resource, subresource, scope, dryRun } = labels;
    const key = `${verb} ${group}/${version}/${resource}/${subresource} ${scope} ${dryRun}`;
    let alike = this.#alike.get(key);
    if (alike === undefined) {
      if (this.#alike.size >= MAX_ALIKE) this.#alike.clear();
      alike = this.#begin(labels);
      this.#alike.set(key, alike);
    }
    return alike;
  }

  #begin(labels: RequestLabels): Alike {
    const { dryRun, group, resource, scope, subresource, verb, version } = labels;
    const seconds = this.#seconds.with(COMPONENT, dryRun, group, resource, scope, subresource, verb, version);
    const isRead = verb === "GET" || verb === "LIST";
    const bytes = isRead
      ? this.#bytes.with(COMPONENT, group, resource, scope, subresource, verb, version)
      : undefined;
    return { labels, codes: new Map(), seconds, bytes };
  }

  #longOf({ group, resource, scope, subresource, verb, version }: RequestLabels): GaugeSeries {
    return this.#long.with(COMPONENT, group, resource, scope, subresource, verb, version);
  }
}
