import type { Server, ServerResponse } from "node:http";
import type { ServiceModels } from "../service-models.ts";
import { FAMILIES } from "../service-models.ts";
import { closeHttp, listenHttp } from "./http-listener.ts";

/** What is known of a Service that wants health checks. */
export interface HealthCheck {
  readonly port: number;
  /** Distinct addresses of ready endpoints on this node. */
  readonly localEndpoints: number;
}

export interface ServiceHealthOptions {
  /** Where the ports open. */
  readonly addresses: () => readonly string[];
  /** Whether the proxy itself is well. */
  readonly isProxyHealthy: () => boolean;
  /** A port cannot be opened; told once, tried again with each sync. */
  onRefused(service: string, port: number, error: Error): void;
}

/** A port that is open, or was refused. */
interface Open {
  check: HealthCheck;
  readonly port: number;
  servers: readonly Server[];
  state: "opening" | "open" | "refused" | "closed";
  isTold: boolean;
}

/**
 * The health checks of LoadBalancer Services with externalTrafficPolicy Local: a load balancer asks each node, at the
 * Service's healthCheckNodePort, whether it has endpoints. Source: service-tables 3.7.
 */
export class ServiceHealth {
  readonly #options: ServiceHealthOptions;
  readonly #open = new Map<string, Open>();

  constructor(options: ServiceHealthOptions) {
    this.#options = options;
  }

  /** After a sync: what is said follows the rules. Resolves when every port is open or refused. */
  async sync(checks: ReadonlyMap<string, HealthCheck>): Promise<void> {
    const closing: Promise<void>[] = [];
    for (const [service, open] of this.#open)
      if (checks.get(service)?.port !== open.port) {
        this.#open.delete(service);
        closing.push(this.#close(open));
      }
    await Promise.all(closing);
    await Promise.all([...checks].map(([service, check]) => this.#put(service, check)));
  }

  async stop(): Promise<void> {
    await this.sync(new Map());
  }

  async #put(service: string, check: HealthCheck): Promise<void> {
    let open = this.#open.get(service);
    if (open === undefined) {
      open = { check, port: check.port, servers: [], state: "refused", isTold: false };
      this.#open.set(service, open);
    }
    open.check = check;
    if (open.state !== "refused") return;
    open.state = "opening";
    const { addresses, onRefused } = this.#options;
    const servers: Server[] = [];
    try {
      for (const host of addresses())
        servers.push(
          await listenHttp({ host, port: check.port }, (_, response) => this.#answer(service, response)),
        );
      open.servers = servers;
      open.state = "open";
      open.isTold = false;
    } catch (error) {
      await Promise.all(servers.map(closeHttp));
      open.state = "refused";
      if (!open.isTold) onRefused(service, check.port, error as Error);
      open.isTold = true;
    }
  }

  async #close(open: Open): Promise<void> {
    open.state = "closed";
    await Promise.all(open.servers.map(closeHttp));
  }

  /** Any path and method, in the very bytes of kube-proxy. */
  #answer(service: string, response: ServerResponse): void {
    const [namespace, name] = service.split("/");
    const localEndpoints = this.#open.get(service)?.check.localEndpoints ?? 0;
    const isHealthy = this.#options.isProxyHealthy();
    response.writeHead(localEndpoints > 0 && isHealthy ? 200 : 503, {
      "Content-Type": "application/json",
      "X-Content-Type-Options": "nosniff",
      "X-Load-Balancing-Endpoint-Weight": String(localEndpoints),
    });
    response.end(
      `{\n\t"service": {\n\t\t"namespace": "${namespace}",\n\t\t"name": "${name}"\n\t},\n\t"localEndpoints": ${localEndpoints},\n\t"serviceProxyHealthy": ${isHealthy}\n}`,
    );
  }
}

/** Terminating endpoints do not count: the check fails, and the load balancer turns away, while they still serve. */
export function healthChecks(models: ServiceModels): Map<string, HealthCheck> {
  const addresses = new Map<string, { readonly port: number; readonly local: Set<string> }>();
  for (const family of FAMILIES) {
    const model = models[family];
    for (const service of model.healthCheckedServices())
      for (const { port } of model.rulesOf(service)) {
        const known = addresses.get(service) ?? { port: port.healthCheckNodePort, local: new Set() };
        addresses.set(service, known);
        for (const one of model.endpointsOf(port))
          if (one.ready && one.isLocal && !one.terminating) known.local.add(one.address.text);
      }
  }
  return new Map(
    [...addresses].map(([service, { port, local }]) => [service, { port, localEndpoints: local.size }]),
  );
}
