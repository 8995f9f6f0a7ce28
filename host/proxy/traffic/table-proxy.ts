import { Service } from "../../api/registry.ts";
import type { Dialer } from "../../apimachinery/dialer.ts";
import { MetricsRegistry } from "../../apimachinery/metrics/registry.ts";
import type { Client } from "../../client/client.ts";
import { type ProxyComponent, type ProxyParts, startProxy } from "../component.ts";
import { EVERY_NODE } from "../endpoint.ts";
import { ProxyHealth } from "../health/proxy-health.ts";
import { ProxyMetrics } from "../proxy-metrics.ts";
import { FAMILIES } from "../service-models.ts";
import { BalancerStatus } from "./balancer-status.ts";
import { hostDialer } from "./host-dialer.ts";
import { LISTEN_ADDRESS } from "./service-claims.ts";
import { TableTraffic } from "./table-traffic.ts";

export interface TableProxyOptions extends Omit<ProxyParts, "metrics" | "health"> {
  /** Counted by itself, where nobody else does. */
  readonly metrics?: ProxyMetrics;
  readonly health?: ProxyHealth;
  /** Writes the status of LoadBalancer Services, which kube-proxy's own role may not. Absent: nobody does. */
  readonly statusClient?: Client;
  /** Takes the addresses that simulated pods have; what it does not take goes to this machine's network. */
  readonly pods?: { dialer(elsewhere: Dialer): Dialer };
}

/** An endpoint that goes is to be gone at once: a sync costs what changed, and no more. */
const MIN_SYNC_PERIOD_MS = 5;
const SYNC_PERIOD_MS = 30_000;
/** A proxy is not well when a change waits longer than this. */
export const HEALTH_TIMEOUT_MS = 2 * SYNC_PERIOD_MS;

/** `--mode table`: the Services of a cluster answer on this machine, as where Docker Desktop runs it. */
export async function startTableProxy(options: TableProxyOptions): Promise<ProxyComponent> {
  const { clock, random, log, pods, statusClient } = options;
  const host = hostDialer(clock, log);
  let status: BalancerStatus | undefined;
  const metrics = options.metrics ?? new ProxyMetrics(new MetricsRegistry(), clock);
  const proxy = await startProxy({
    ...options,
    metrics,
    health: options.health ?? new ProxyHealth(clock, HEALTH_TIMEOUT_MS, FAMILIES),
    nodeName: EVERY_NODE,
    healthCheckAddresses: () => [LISTEN_ADDRESS],
    minSyncPeriodMs: MIN_SYNC_PERIOD_MS,
    syncPeriodMs: SYNC_PERIOD_MS,
    backend: ({ services, events }) => {
      const published = statusClient && new BalancerStatus({ client: statusClient, clock, log, services });
      status = published;
      return new TableTraffic({
        clock,
        log,
        metrics,
        dialer: pods?.dialer(host) ?? host,
        seed: random.below(2 ** 32),
        onRefused: (key, why) => {
          log.warn("port not open", { service: key, why });
          const service = services.get(key);
          if (service !== undefined) events.event(Service, service, "Warning", "FailedToOpenPort", why);
        },
        onBalancer: (key, state) => published?.set(key, state),
      });
    },
  });
  return {
    stop: async () => {
      await proxy.stop();
      await status?.stop();
    },
  };
}
