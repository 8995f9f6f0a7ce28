import type { RequestListener, Server } from "node:http";
import { METRICS_TYPE, type MetricsRegistry } from "../../apimachinery/metrics/registry.ts";
import type { ProxyMetrics } from "../proxy-metrics.ts";
import { closeHttp, type ListenAddress, listenHttp } from "./http-listener.ts";
import type { ProxyHealth } from "./proxy-health.ts";

export interface HealthServersOptions {
  readonly health: ProxyHealth;
  readonly metrics: ProxyMetrics;
  readonly registry: MetricsRegistry;
  /** What `/proxyMode` says. */
  readonly mode: string;
  /** Undefined: not open. */
  readonly healthz: ListenAddress | undefined;
  readonly metricsAt: ListenAddress | undefined;
}

/** The proxy's own ports: `/healthz` and `/livez` at one, `/metrics` and `/proxyMode` at the other. Rejects when one is taken. */
export async function openHealthServers(options: HealthServersOptions): Promise<{ stop(): Promise<void> }> {
  const { health, metrics, registry, mode } = options;
  const answerHealth: RequestListener = ({ url }, response) => {
    const path = url?.split("?")[0];
    if (path !== "/healthz" && path !== "/livez") {
      response.writeHead(404).end();
      return;
    }
    const { code, body } = path === "/healthz" ? health.healthz() : health.livez();
    metrics.healthAsked(path === "/healthz" ? "healthz" : "livez", code);
    response.writeHead(code, { "Content-Type": "application/json", "X-Content-Type-Options": "nosniff" });
    response.end(body);
  };
  const answerMetrics: RequestListener = ({ url }, response) => {
    const path = url?.split("?")[0];
    if (path === "/metrics") response.writeHead(200, { "Content-Type": METRICS_TYPE }).end(registry.expose());
    else if (path === "/proxyMode") response.writeHead(200, { "Content-Type": "text/plain" }).end(mode);
    else if (path === "/healthz") response.writeHead(200, { "Content-Type": "text/plain" }).end("ok");
    else response.writeHead(404).end();
  };
  const servers: Server[] = [];
  const stop = async () => {
    await Promise.all(servers.map(closeHttp));
  };
  try {
    if (options.healthz !== undefined) servers.push(await listenHttp(options.healthz, answerHealth));
    if (options.metricsAt !== undefined) servers.push(await listenHttp(options.metricsAt, answerMetrics));
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
