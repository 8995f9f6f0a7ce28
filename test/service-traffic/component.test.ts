import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { V1EndpointSlice, V1Service } from "../../host/api/generated/types.ts";
import { EndpointSlice, Event, Node, Service } from "../../host/api/registry.ts";
import { SystemClock, sleep } from "../../host/apimachinery/clock.ts";
import { MetricsRegistry } from "../../host/apimachinery/metrics/registry.ts";
import { type ProxyComponent, startProxy } from "../../host/proxy/component.ts";
import { ProxyHealth } from "../../host/proxy/health/proxy-health.ts";
import { ProxyMetrics } from "../../host/proxy/proxy-metrics.ts";
import type { RuleBackend } from "../../host/proxy/rule-backend.ts";
import { startTableProxy } from "../../host/proxy/traffic/table-proxy.ts";
import { startVirtualApi, type VirtualApi } from "../virtual-api.ts";
import { ask, freePorts, named, until } from "./traffic.ts";

/** The component against a real API server; what it makes of the rules is written down. */
let api: VirtualApi;
let proxy: ProxyComponent | undefined;
let registry: MetricsRegistry;
let health: ProxyHealth;
let syncs: string[];
let fails: boolean;
let tookMs: number;

const web = (port = 80): V1Service => ({
  metadata: { namespace: "default", name: "web" },
  spec: { clusterIP: "10.96.0.77", ports: [{ port, protocol: "TCP" }] },
});
const slice = (addresses: readonly string[], annotations = {}): V1EndpointSlice => ({
  metadata: {
    namespace: "default",
    name: "web-1",
    labels: { "kubernetes.io/service-name": "web" },
    annotations,
  },
  addressType: "IPv4",
  ports: [{ name: "", port: 8080, protocol: "TCP" }],
  endpoints: addresses.map((address) => ({ addresses: [address], nodeName: "n1" })),
});

/** Writes down what each sync was asked and what it saw: `full web: 10.0.0.1:8080`. */
const backend = (): RuleBackend => ({
  sync: async (models, full) => {
    const changed = models.ipv4.takeChanges().services.size;
    models.ipv6.takeChanges();
    await sleep(api.clock, tookMs);
    const seen = models.ipv4
      .allRules()
      .filter(({ port }) => port.service === "default/web")
      .map(({ reachable, port }) => `${port.port} ${reachable.map((one) => one.text).join(" ")}`.trim());
    syncs.push(`${full ? "full" : `${changed}`}: ${seen.join(", ")}`);
    if (fails) throw new Error("the kernel said no");
  },
  stop: async () => {
    syncs.push("stopped");
  },
});

async function start(): Promise<void> {
  const starting = startProxy({
    ...api.parts,
    client: api.client,
    metrics: new ProxyMetrics(registry, api.clock),
    health,
    nodeName: "n1",
    backend,
    healthCheckAddresses: () => [],
    minSyncPeriodMs: 1_000,
    syncPeriodMs: 30_000,
  });
  void starting.then((started) => {
    proxy = started;
  });
  await api.clock.advanceUntil(() => proxy !== undefined, 10_000);
}

beforeEach(async () => {
  api = await startVirtualApi();
  registry = new MetricsRegistry();
  health = new ProxyHealth(api.clock, 60_000, ["ipv4", "ipv6"]);
  syncs = [];
  fails = false;
  tookMs = 10;
  proxy = undefined;
  await api.client.create(Node, { metadata: { name: "n1" } });
});
afterEach(async () => {
  await proxy?.stop();
});

test("one full sync of all that is there, then one for what comes together", async () => {
  await api.client.create(Service, web());
  await api.client.create(EndpointSlice, slice(["10.0.0.1"]));
  await start();
  expect(syncs).toEqual(["full: 80 10.0.0.1:8080"]);
  for (let i = 2; i <= 9; i++) {
    await api.client.update(EndpointSlice, slice([`10.0.0.${i}`]));
    await api.clock.advance(100);
  }
  await api.clock.advance(5_000);
  // The first sync ended at 10 ms: what came within the second after it is one, and the rest is another at most.
  expect(syncs.length).toBeLessThanOrEqual(3);
  expect(syncs.at(-1)).toBe("1: 80 10.0.0.9:8080");
});

test("what rules do not read brings no sync, and neither do Services that are another proxy's", async () => {
  await api.client.create(Service, web());
  await start();
  const label = (name: string) => ({
    type: "merge" as const,
    body: { metadata: { labels: { [name]: "x" } } },
  });
  const reference = { namespace: "default", name: "web" };
  await api.client.patch(Service, reference, label("colour"));
  await api.clock.advance(10_000);
  expect(syncs).toEqual(["full: 80"]);
  await api.client.patch(Service, reference, label("service.kubernetes.io/service-proxy-name"));
  await api.clock.advance(10_000);
  expect(syncs).toEqual(["full: 80", "1: "]);
});

test("a Service that flaps a thousand times a second costs a sync a second", async () => {
  await start();
  for (let i = 0; i < 250; i++) {
    await api.client.create(Service, web());
    await api.client.delete(Service, { namespace: "default", name: "web" });
    await api.clock.advance(1);
  }
  await api.client.create(Service, web(81));
  await api.clock.advance(2_000);
  expect(syncs.length).toBeLessThanOrEqual(3);
  expect(syncs.at(-1)).toBe("1: 81");
});

test("after a failure everything is written again, later each time, and health tells when it takes too long", async () => {
  await api.client.create(Service, web());
  await start();
  fails = true;
  await api.client.create(EndpointSlice, slice(["10.0.0.1"]));
  await api.clock.advance(65_000);
  expect(syncs.slice(0, 2)).toEqual(["full: 80", "1: 80 10.0.0.1:8080"]);
  expect(new Set(syncs.slice(2))).toEqual(new Set(["full: 80 10.0.0.1:8080"]));
  // After 1, 2, 4, 8, 16 and then every 30 s.
  expect(syncs).toHaveLength(8);
  expect([health.livez().code, health.healthz().code]).toEqual([503, 503]);
  fails = false;
  await api.clock.advance(31_000);
  expect(health.healthz().code).toBe(200);
  await api.client.update(EndpointSlice, slice(["10.0.0.2"]));
  await api.clock.advance(2_000);
  expect(syncs.at(-1)).toBe("1: 80 10.0.0.2:8080");
});

test("a node that is tainted for removal, or deleted, is not eligible", async () => {
  await start();
  const taint = { key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" };
  await api.client.patch(Node, { name: "n1" }, { type: "merge", body: { spec: { taints: [taint] } } });
  await api.clock.advance(10);
  expect([health.healthz().code, health.livez().code]).toEqual([503, 200]);
  await api.client.patch(Node, { name: "n1" }, { type: "merge", body: { spec: { taints: null } } });
  await api.clock.advance(10);
  expect(health.healthz().code).toBe(200);
  await api.client.delete(Node, { name: "n1" });
  await api.clock.advance(10);
  expect(health.healthz().code).toBe(503);
});

test("metrics have kube-proxy's names, and say how long a change took", async () => {
  await api.client.create(Service, web());
  await start();
  const time = new Date(api.clock.nowMs() - 3_000).toISOString();
  const trigger = { "endpoints.kubernetes.io/last-change-trigger-time": time };
  await api.client.create(EndpointSlice, slice(["10.0.0.1"], trigger));
  const page = registry.expose();
  expect(page).toContain("kubeproxy_sync_proxy_rules_endpoint_changes_pending 1");
  await api.clock.advance(2_000);
  expect(registry.expose()).toContain("kubeproxy_sync_proxy_rules_endpoint_changes_pending 0");
  expect(registry.expose()).toContain("kubeproxy_sync_proxy_rules_service_changes_total 1");
  expect(registry.expose()).toMatch(
    /network_programming_duration_seconds_bucket\{ip_family="IPv4",le="4"\} 0\n.*le="5"\} 1\n/,
  );
});

test("mode table against an API server: a port opens and its status says so, another is taken and its event says so", async () => {
  const clock = new SystemClock();
  const [port] = (await freePorts(1)) as [number];
  const a = await named("a");
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const parts = { ...api.parts, clock, client: api.client, statusClient: api.client };
  proxy = await startTableProxy(parts);
  const balanced = (name: string, at: number, clusterIP: string): V1Service => ({
    metadata: { namespace: "default", name },
    spec: { type: "LoadBalancer", clusterIP, ports: [{ port: at, targetPort: a.port, protocol: "TCP" }] },
  });
  await api.client.create(Service, balanced("web", port, "10.96.0.77"));
  const taken = (holder.address() as { port: number }).port;
  await api.client.create(Service, balanced("taken", taken, "10.96.0.78"));
  const status = async (name: string) =>
    (await api.client.get(Service, { namespace: "default", name })).status?.loadBalancer?.ingress;
  const seen = { ingress: await status("web"), events: 0 };
  const look = setInterval(async () => {
    seen.ingress = await status("web");
    seen.events = (await api.client.list(Event)).items.filter(
      (one) => one.reason === "FailedToOpenPort",
    ).length;
  }, 10);
  await until(() => seen.ingress !== undefined && seen.events > 0);
  clearInterval(look);
  expect(seen.ingress).toEqual([{ hostname: "localhost" }]);
  expect(await status("taken")).toBe(undefined);
  expect(await ask(port)).toBe("ECONNRESET");
  // It is no load balancer any more: the address goes with the port.
  await api.client.patch(
    Service,
    { namespace: "default", name: "web" },
    { type: "merge", body: { spec: { type: "ClusterIP", externalTrafficPolicy: null } } },
  );
  let ingress: unknown = "not asked";
  const again = setInterval(async () => {
    ingress = await status("web");
  }, 10);
  await until(() => ingress === undefined);
  clearInterval(again);
  expect(await ask(port)).toBe("ECONNREFUSED");
  await proxy.stop();
  proxy = undefined;
  holder.close();
  await a.stop();
});
