import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { MetricsRegistry } from "../../apimachinery/metrics/registry.ts";
import { ProxyMetrics } from "../proxy-metrics.ts";
import { ServiceModels } from "../service-models.ts";
import { openHealthServers } from "./health-servers.ts";
import { closeHttp, listenHttp, parseListenAddress } from "./http-listener.ts";
import { ProxyHealth } from "./proxy-health.ts";
import { healthChecks, ServiceHealth } from "./service-health.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function freePort(): Promise<number> {
  const server = await listenHttp({ host: "127.0.0.1", port: 0 }, () => {});
  const { port } = server.address() as AddressInfo;
  await closeHttp(server);
  return port;
}

describe("the proxy's own health", () => {
  const start = () => {
    const clock = new VirtualClock();
    return { clock, health: new ProxyHealth(clock, 60_000, ["ipv4", "ipv6"]) };
  };
  const sync = (health: ProxyHealth, clock: VirtualClock) => health.synced(clock.nowMs());

  test("is well after the first sync, and as long as no change waits for a minute", async () => {
    const { clock, health } = start();
    expect(health.healthz().code).toBe(503);
    sync(health, clock);
    expect(health.healthz().code).toBe(200);
    await clock.advance(1_000_000);
    health.queued();
    await clock.advance(59_999);
    health.queued();
    expect(health.livez().code).toBe(200);
    await clock.advance(1);
    expect([health.livez().code, health.healthz().code]).toEqual([503, 503]);
    sync(health, clock);
    expect(health.healthz().code).toBe(200);
  });

  test("a change that came during a sync still waits after it", async () => {
    const { clock, health } = start();
    sync(health, clock);
    const startMs = clock.nowMs();
    await clock.advance(10);
    health.queued();
    health.synced(startMs);
    await clock.advance(60_000);
    expect(health.livez().code).toBe(503);
  });

  test.each([
    { why: "is deleted", node: undefined },
    { why: "is being deleted", node: { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } } },
    {
      why: "is about to be removed",
      node: { spec: { taints: [{ key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" }] } },
    },
  ])("a node that $why gets no new connections, and its proxy is well", ({ node }) => {
    const { clock, health } = start();
    sync(health, clock);
    health.nodeIs(node);
    expect([health.healthz().code, health.livez().code]).toEqual([503, 200]);
    health.nodeIs({ metadata: { name: "back" } });
    expect(health.healthz().code).toBe(200);
  });

  test("says when and what, in kube-proxy's keys and order", () => {
    const { clock, health } = start();
    sync(health, clock);
    const time = "2026-01-01T00:00:00.000Z";
    const status = `"status":{"IPv4":{"lastUpdated":"${time}","healthy":true},"IPv6":{"lastUpdated":"${time}","healthy":true}}}`;
    const head = `{"lastUpdated":"${time}","currentTime":"${time}",`;
    expect(health.healthz().body).toBe(`${head}"nodeEligible":true,"healthy":true,${status}`);
    expect(health.livez().body).toBe(`${head}"healthy":true,${status}`);
  });

  test("its ports answer, and count what they answered", async () => {
    const { clock, health } = start();
    const registry = new MetricsRegistry();
    const [healthz, metricsAt] = [await freePort(), await freePort()].map((port) => ({
      host: "127.0.0.1",
      port,
    }));
    const metrics = new ProxyMetrics(registry, clock);
    const open = await openHealthServers({ health, metrics, registry, mode: "table", healthz, metricsAt });
    stops.push(open.stop);
    expect((await fetch(`http://127.0.0.1:${healthz!.port}/healthz`)).status).toBe(503);
    sync(health, clock);
    expect((await fetch(`http://127.0.0.1:${healthz!.port}/healthz`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${healthz!.port}/other`)).status).toBe(404);
    const page = await (await fetch(`http://127.0.0.1:${metricsAt!.port}/metrics`)).text();
    expect(page).toContain('kubeproxy_proxy_healthz_total{code="503"} 1');
    expect(page).toContain('kubeproxy_proxy_healthz_total{code="200"} 1');
    expect(await (await fetch(`http://127.0.0.1:${metricsAt!.port}/proxyMode`)).text()).toBe("table");
  });
});

describe("health checks of Services", () => {
  const refused: string[] = [];
  let isProxyHealthy = true;
  const start = () => {
    refused.length = 0;
    isProxyHealthy = true;
    const health = new ServiceHealth({
      addresses: () => ["127.0.0.1"],
      isProxyHealthy: () => isProxyHealthy,
      onRefused: (service, port, { message }) => refused.push(`${service} ${port}: ${message}`),
    });
    stops.push(() => health.stop());
    return health;
  };

  test("answer in the very bytes of kube-proxy, at any path", async () => {
    const [health, port] = [start(), await freePort()];
    await health.sync(new Map([["ns1/svc1", { port, localEndpoints: 2 }]]));
    const response = await fetch(`http://127.0.0.1:${port}/any?x`, { method: "POST" });
    expect(await response.text()).toBe(
      '{\n\t"service": {\n\t\t"namespace": "ns1",\n\t\t"name": "svc1"\n\t},\n\t"localEndpoints": 2,\n\t"serviceProxyHealthy": true\n}',
    );
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("x-load-balancing-endpoint-weight")).toBe("2");
    isProxyHealthy = false;
    expect((await fetch(`http://127.0.0.1:${port}`)).status).toBe(503);
    isProxyHealthy = true;
    await health.sync(new Map([["ns1/svc1", { port, localEndpoints: 0 }]]));
    expect((await fetch(`http://127.0.0.1:${port}`)).status).toBe(503);
  });

  test("a port in use is told once and opened when it is free; one that is not wanted is closed", async () => {
    const health = start();
    const holder = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => holder.once("listening", resolve));
    const { port } = holder.address() as AddressInfo;
    const checks = new Map([["ns/a", { port, localEndpoints: 1 }]]);
    await health.sync(checks);
    await health.sync(checks);
    expect(refused).toEqual([expect.stringMatching(`^ns/a ${port}: listen EADDRINUSE`)]);
    await new Promise((resolve) => holder.close(resolve));
    await health.sync(checks);
    expect((await fetch(`http://127.0.0.1:${port}`)).status).toBe(200);
    // Another Service takes the port over in one sync.
    await health.sync(new Map([["ns/b", { port, localEndpoints: 1 }]]));
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toContain('"name": "b"');
    await health.sync(new Map());
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow();
  });

  test("count distinct local addresses that are ready", () => {
    const models = new ServiceModels("n1", { allowExternalIps: true });
    const object = (kind: string, rest: object) => ({
      kind,
      metadata: { namespace: "ns", name: "a" },
      ...rest,
    });
    const spec = {
      type: "LoadBalancer",
      clusterIP: "10.96.0.1",
      externalTrafficPolicy: "Local",
      healthCheckNodePort: 30_001,
      ports: [
        { name: "a", port: 80, protocol: "TCP" },
        { name: "b", port: 81, protocol: "TCP" },
      ],
    };
    const endpoint = (address: string, nodeName: string, conditions = {}) => ({
      addresses: [address],
      nodeName,
      conditions,
    });
    models.apply({ type: "ADDED", object: object("Service", { spec }) });
    models.apply({
      type: "ADDED",
      object: object("EndpointSlice", {
        metadata: { namespace: "ns", name: "a-1", labels: { "kubernetes.io/service-name": "a" } },
        addressType: "IPv4",
        ports: [
          { name: "a", port: 80, protocol: "TCP" },
          { name: "b", port: 81, protocol: "TCP" },
        ],
        endpoints: [
          endpoint("10.0.0.1", "n1"),
          endpoint("10.0.0.2", "n1", { ready: false, serving: true, terminating: true }),
          endpoint("10.0.0.3", "n1", { ready: false }),
          endpoint("10.0.0.4", "n2"),
        ],
      }),
    });
    expect(healthChecks(models)).toEqual(new Map([["ns/a", { port: 30_001, localEndpoints: 1 }]]));
    models.apply({ type: "DELETED", object: object("Service", {}) });
    expect(healthChecks(models).size).toBe(0);
  });
});

test.each([
  ["127.0.0.1:10256", { host: "127.0.0.1", port: 10_256 }],
  ["[::1]:1", { host: "::1", port: 1 }],
  ["0.0.0.0:65536", undefined],
  ["nowhere", undefined],
])("%s is where to listen, or not", (text, at) => {
  expect(parseListenAddress(text)).toEqual(at);
});
