import type { GaugeSeries } from "../../apimachinery/metrics/metrics.ts";
import { registerProcessMetrics } from "../../apimachinery/metrics/process-metrics.ts";
import type { MetricsRegistry } from "../../apimachinery/metrics/registry.ts";
import type { StoreMetrics } from "../../store/store.ts";
import type { Api } from "../api.ts";
import { countObjects } from "../storage/count.ts";
import { storageKind } from "../storage/keys.ts";

/** What of the store is shown; its own words, since it is no etcd. */
const STORE: readonly { type: "counter" | "gauge"; name: string; help: string; read: keyof StoreMetrics }[] =
  [
    { type: "counter", name: "commits_total", help: "Writes that were acknowledged.", read: "commits" },
    {
      type: "counter",
      name: "conflicts_total",
      help: "Writes whose condition did not hold.",
      read: "conflicts",
    },
    { type: "counter", name: "failures_total", help: "Writes that failed.", read: "failures" },
    {
      type: "counter",
      name: "events_delivered_total",
      help: "Events handed to watchers.",
      read: "eventsDelivered",
    },
    { type: "gauge", name: "watchers", help: "Watches open on the store.", read: "watchers" },
    { type: "gauge", name: "keys", help: "Keys there are.", read: "keys" },
    {
      type: "gauge",
      name: "retained_revisions",
      help: "Revisions that can still be read.",
      read: "retainedRevisions",
    },
  ];

/** The page of `/metrics`: what is counted all the time, and what is read when somebody asks. */
export class ServerMetrics {
  readonly #objects;

  constructor(
    private readonly api: Api,
    private readonly registry: MetricsRegistry,
    gitVersion: string,
  ) {
    registerProcessMetrics(registry);
    const build = registry.gauge({
      name: "kubernetes_build_info",
      help: "A metric with a constant '1' value labeled by major, minor, git version and platform from which the server was built.",
      labels: ["git_version", "major", "minor", "platform"],
    });
    build.with(gitVersion, "1", "36", `${process.platform}/${process.arch}`).set(1);
    this.#objects = registry.gauge({
      name: "apiserver_storage_objects",
      help: "Number of stored objects at the time of last check split by kind.",
      labels: ["resource"],
    });
    const { store } = api.objects;
    const series = STORE.map(({ type, name, help, read }) => {
      const metric = registry[type]({ name: `pintle_store_${name}`, help });
      return { series: metric.with() as Pick<GaugeSeries, "value">, read };
    });
    registry.beforeExpose(() => {
      const metrics = store.metrics();
      for (const { series: one, read } of series) one.value = metrics[read];
    });
  }

  async page(): Promise<string> {
    const kinds = this.api.kinds.all.filter(
      (kind) => storageKind(kind) === kind && kind.verbs.includes("list"),
    );
    const counts = await Promise.all(kinds.map((kind) => countObjects(this.api, kind)));
    this.#objects.clear();
    for (const [index, { plural, group }] of kinds.entries())
      this.#objects.with(group === "" ? plural : `${plural}.${group}`).set(counts[index]!);
    return this.registry.expose();
  }
}
