import type { Clock } from "../apimachinery/clock.ts";
import { exponentialBuckets } from "../apimachinery/metrics/metrics.ts";
import type { MetricsRegistry } from "../apimachinery/metrics/registry.ts";
import type { Family } from "./address.ts";
import type { PortRules } from "./port-rules.ts";
import type { RestoreText } from "./render-iptables.ts";
import type { ServiceModel } from "./service-model.ts";

const SYNC_BUCKETS = exponentialBuckets(0.001, 2, 15);
const steps = (from: number, to: number, by: number) =>
  Array.from({ length: (to - from) / by + 1 }, (_, i) => from + i * by);
const PROGRAMMING_BUCKETS = [0.25, 0.5, ...steps(1, 59, 1), ...steps(60, 115, 5), ...steps(120, 300, 30)];

const FAMILY = ["ip_family"] as const;
const NAMES: Record<Family, string> = { ipv4: "IPv4", ipv6: "IPv6" };

/** kube-proxy's metrics, under its names. Source: service-tables 5.8. */
export class ProxyMetrics {
  readonly #clock: Clock;
  readonly #sync;
  readonly #fullSync;
  readonly #partialSync;
  readonly #programming;
  readonly #lastSync;
  readonly #lastQueued;
  readonly #endpointChanges;
  readonly #serviceChanges;
  readonly #endpointsPending;
  readonly #servicesPending;
  readonly #iptablesTotal;
  readonly #iptablesLast;
  readonly #restoreFailures;
  readonly #partialRestoreFailures;
  readonly #nftablesFailures;
  readonly #noLocalEndpoints;
  readonly #conntrackSync;
  readonly #conntrackDeleted;
  readonly #healthz;
  readonly #livez;
  /** Of Services whose endpoints changed: when that was brought about, ms since 1970. */
  readonly #triggers = new Map<string, number>();
  readonly #models = new Map<Family, ServiceModel>();

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    const name = (text: string) => `kubeproxy_${text}`;
    const gauge = (text: string, help: string) => registry.gauge({ name: name(text), help });
    const counter = (text: string, help: string) => registry.counter({ name: name(text), help });
    const ofFamily = (text: string, help: string) =>
      registry.counter({ name: name(text), help, labels: FAMILY });
    const seconds = (text: string, help: string, buckets = SYNC_BUCKETS) =>
      registry.histogram({ name: name(text), help, labels: FAMILY, buckets });
    this.#sync = seconds("sync_proxy_rules_duration_seconds", "SyncProxyRules latency in seconds");
    this.#fullSync = seconds("sync_full_proxy_rules_duration_seconds", "Latency in seconds of full syncs");
    this.#partialSync = seconds(
      "sync_partial_proxy_rules_duration_seconds",
      "Latency in seconds of partial syncs",
    );
    this.#programming = seconds(
      "network_programming_duration_seconds",
      "In Cluster Network Programming Latency in seconds",
      PROGRAMMING_BUCKETS,
    );
    this.#lastSync = registry.gauge({
      name: name("sync_proxy_rules_last_timestamp_seconds"),
      help: "The last time proxy rules were successfully synced",
      labels: FAMILY,
    });
    this.#lastQueued = registry.gauge({
      name: name("sync_proxy_rules_last_queued_timestamp_seconds"),
      help: "The last time a sync of proxy rules was queued",
      labels: FAMILY,
    });
    this.#endpointChanges = counter(
      "sync_proxy_rules_endpoint_changes_total",
      "Cumulative proxy rules Endpoint changes",
    );
    this.#serviceChanges = counter(
      "sync_proxy_rules_service_changes_total",
      "Cumulative proxy rules Service changes",
    );
    this.#endpointsPending = gauge(
      "sync_proxy_rules_endpoint_changes_pending",
      "Pending proxy rules Endpoint changes",
    );
    this.#servicesPending = gauge(
      "sync_proxy_rules_service_changes_pending",
      "Pending proxy rules Service changes",
    );
    const rules = { labels: ["table", "ip_family"] as const };
    this.#iptablesTotal = registry.gauge({
      name: name("sync_proxy_rules_iptables_total"),
      help: "Total number of iptables rules owned by kube-proxy",
      ...rules,
    });
    this.#iptablesLast = registry.gauge({
      name: name("sync_proxy_rules_iptables_last"),
      help: "Number of iptables rules written by kube-proxy in last sync",
      ...rules,
    });
    this.#restoreFailures = ofFamily(
      "sync_proxy_rules_iptables_restore_failures_total",
      "Cumulative proxy iptables restore failures",
    );
    this.#partialRestoreFailures = ofFamily(
      "sync_proxy_rules_iptables_partial_restore_failures_total",
      "Cumulative proxy iptables partial restore failures",
    );
    this.#nftablesFailures = ofFamily(
      "sync_proxy_rules_nftables_sync_failures_total",
      "Cumulative proxy nftables sync failures",
    );
    this.#noLocalEndpoints = registry.gauge({
      name: name("sync_proxy_rules_no_local_endpoints_total"),
      help: "Number of services with a Local traffic policy and no endpoints",
      labels: ["traffic_policy", "ip_family"] as const,
    });
    registry.beforeExpose(() => this.#countMissingEndpoints());
    this.#conntrackSync = seconds(
      "conntrack_reconciler_sync_duration_seconds",
      "ReconcileConntrackFlowsLatency in seconds",
    );
    this.#conntrackDeleted = ofFamily(
      "conntrack_reconciler_deleted_entries_total",
      "Cumulative conntrack flows deleted by conntrack reconciler",
    );
    const codes = { labels: ["code"] as const };
    this.#healthz = registry.counter({
      name: name("proxy_healthz_total"),
      help: "Cumulative proxy healthz HTTP status",
      ...codes,
    });
    this.#livez = registry.counter({
      name: name("proxy_livez_total"),
      help: "Cumulative proxy livez HTTP status",
      ...codes,
    });
  }

  changed(what: "Service" | "EndpointSlice"): void {
    if (what === "Service") {
      this.#serviceChanges.with().inc();
      this.#servicesPending.with().inc();
    } else {
      this.#endpointChanges.with().inc();
      this.#endpointsPending.with().inc();
    }
  }

  /** The annotation `endpoints.kubernetes.io/last-change-trigger-time` of a slice that changed. */
  triggered(service: string, time: string): void {
    const ms = Date.parse(time);
    if (!Number.isNaN(ms) && !this.#triggers.has(service)) this.#triggers.set(service, ms);
  }

  queued(): void {
    for (const family of Object.values(NAMES)) this.#lastQueued.with(family).set(this.#clock.nowMs() / 1_000);
  }

  /** A sync takes what has changed so far. */
  taken(): void {
    this.#servicesPending.with().set(0);
    this.#endpointsPending.with().set(0);
  }

  /** @param startMs  of the monotonic clock */
  synced(family: Family, full: boolean, startMs: number, model: ServiceModel): void {
    const took = (this.#clock.monotonicMs() - startMs) / 1_000;
    const label = NAMES[family];
    this.#sync.with(label).observe(took);
    (full ? this.#fullSync : this.#partialSync).with(label).observe(took);
    this.#lastSync.with(label).set(this.#clock.nowMs() / 1_000);
    this.#models.set(family, model);
  }

  /** Looked for when somebody asks: it goes through all rules. */
  #countMissingEndpoints(): void {
    for (const [family, model] of this.#models) {
      const rules = model.allRules();
      const count = (isMissing: (one: PortRules) => boolean) =>
        rules.reduce((sum, one) => sum + (one.hasAny && isMissing(one) ? 1 : 0), 0);
      this.#noLocalEndpoints.with("internal", NAMES[family]).set(count((one) => !one.hasInternal));
      this.#noLocalEndpoints.with("external", NAMES[family]).set(count((one) => !one.hasExternal));
    }
  }

  /** All families are synced: what was triggered has taken effect. */
  programmed(): void {
    for (const ms of this.#triggers.values())
      this.#programming.with(NAMES.ipv4).observe(Math.max(0, this.#clock.nowMs() - ms) / 1_000);
    this.#triggers.clear();
  }

  iptablesWritten(family: Family, { filter, nat, keptNat }: RestoreText["ruleCounts"]): void {
    const label = NAMES[family];
    this.#iptablesLast.with("filter", label).set(filter);
    this.#iptablesLast.with("nat", label).set(nat);
    this.#iptablesTotal.with("filter", label).set(filter);
    this.#iptablesTotal.with("nat", label).set(nat + keptNat);
  }

  restoreFailed(family: Family, full: boolean): void {
    this.#restoreFailures.with(NAMES[family]).inc();
    if (!full) this.#partialRestoreFailures.with(NAMES[family]).inc();
  }

  nftablesFailed(family: Family): void {
    this.#nftablesFailures.with(NAMES[family]).inc();
  }

  conntrackReconciled(family: Family, startMs: number, deleted: number): void {
    this.#conntrackSync.with(NAMES[family]).observe((this.#clock.monotonicMs() - startMs) / 1_000);
    this.#conntrackDeleted.with(NAMES[family]).inc(deleted);
  }

  healthAsked(path: "healthz" | "livez", code: number): void {
    (path === "healthz" ? this.#healthz : this.#livez).with(String(code)).inc();
  }
}
