import type { Clock } from "../apimachinery/clock.ts";
import type { Dialer } from "../apimachinery/dialer.ts";
import type { Claims } from "../apimachinery/json-web-token.ts";
import type { Logger } from "../apimachinery/log.ts";
import { MetricsRegistry } from "../apimachinery/metrics/registry.ts";
import type { Random } from "../apimachinery/random.ts";
import { KUBERNETES_VERSION, packageVersion } from "../apimachinery/version.ts";
import type { Client } from "../client/client.ts";
import type { Store } from "../store/store.ts";
import type { ProxyIdentity } from "./aggregation/backend.ts";
import type { ServiceRangeOptions } from "./allocators/services.ts";
import type { User } from "./api.ts";
import { AuditLog, type AuditOptions } from "./audit/audit-log.ts";
import { FRONT_PROXY_DEFAULTS, type FrontProxyOptions } from "./authentication/front-proxy.ts";
import { type AnonymousAccess, createAuthenticator } from "./authentication/request-authenticator.ts";
import type { ServiceAccountTokenOptions } from "./authentication/service-account-tokens.ts";
import { publishAuthentication, publishServers } from "./bootstrap.ts";
import type { KubeletClient } from "./connect/kubelets.ts";
import { createApiCore } from "./core.ts";
import { FlowGate } from "./fairness/flow-gate.ts";
import type { Gate, Limits } from "./fairness/gate.ts";
import { MaxInFlight } from "./fairness/max-in-flight.ts";
import { FlowMetrics } from "./fairness/metrics.ts";
import { createHttpServer } from "./http/http-server.ts";
import { createRequestHandler } from "./http/request-handler.ts";
import { writeSlices } from "./http/sliced-body.ts";
import { RequestMetrics } from "./metrics/request-metrics.ts";
import { ServerMetrics } from "./metrics/server-metrics.ts";
import { joinPeers, type ServerAddress } from "./peers.ts";
import type { FeatureOptions } from "./runtime-config.ts";
import { Turns } from "./verbs/turns.ts";
import { HttpsTransport } from "./webhook-client/transport.ts";

/** Who is let in besides the owners of certificates and the service accounts. */
export interface AccessOptions {
  /** Bearer tokens known from the start. */
  readonly tokens?: ReadonlyMap<string, User>;
  /** Proxies that may speak for their users; absent: none. */
  readonly frontProxy?: FrontProxyOptions;
  /** Requests without credentials; absent: for health and version alone. */
  readonly anonymous?: AnonymousAccess;
}

/** How much is served at a time, whether it is written down, and where the numbers of Services come from. */
export interface ServingOptions extends ServiceRangeOptions, FeatureOptions {
  readonly limits?: Limits;
  /** Off: `limits` are two plain numbers, and one more request is refused; on unless told otherwise. */
  readonly priorityAndFairness?: boolean;
  /** Absent: nothing is written down. */
  readonly audit?: AuditOptions;
}

export interface ApiServerOptions extends AccessOptions, ServingOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** 127.0.0.1 unless told otherwise. */
  readonly host?: string;
  /** What it is reached by: `url`, and the address of Service default/kubernetes; `host` unless told otherwise. */
  readonly advertiseAddress?: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Other API servers may serve the same store: all of them are published in Service default/kubernetes. */
  readonly isShared?: boolean;
  /** PEM: the authority that signs client certificates, and what this server shows. */
  readonly tls: { readonly caCert: string; readonly cert: string; readonly key: string };
  /** Shown to the servers behind APIServices; absent: none of them is asked. */
  readonly proxyIdentity?: ProxyIdentity;
  /** Shown to kubelets; absent: none of them is asked. */
  readonly kubeletClient?: KubeletClient;
  /** The way to pods; absent: there is none. */
  readonly dialer?: Dialer;
  /** PEM: signs service account tokens; absent: a key that lives as long as this process. */
  readonly serviceAccountKey?: string;
  readonly serviceAccountTokens?: Omit<ServiceAccountTokenOptions, "signingKey">;
  /** Where it counts what it does, with what others of the process count there. */
  readonly registry?: MetricsRegistry;
  /** Pintle's own version; the package's unless told otherwise. */
  readonly version?: string;
}

export interface ApiServer {
  /** `https://127.0.0.1:6443` */
  readonly url: string;
  readonly port: number;
  /** A trusted client in this process; a member of system:masters unless told otherwise. */
  client(userName: string, groups?: readonly string[]): Client;
  /** Signs the tokens of Secrets, for the token controller. */
  signToken(claims: Claims): string;
  stop(): Promise<void>;
}

/** Starts the API server: one port for HTTP/2 and HTTP/1.1 over TLS. Resolves when `/readyz` is ok. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { store, clock, random, log, tls, host = "127.0.0.1", advertiseAddress: address = host } = options;
  const core = await createApiCore({
    store,
    clock,
    random,
    log,
    tokens: options.tokens,
    limits: options.limits,
    serviceClusterIpRange: options.serviceClusterIpRange,
    serviceNodePortRange: options.serviceNodePortRange,
    runtimeConfig: options.runtimeConfig,
    featureGates: options.featureGates,
    webhookTransport: new HttpsTransport(clock),
    proxyIdentity: options.proxyIdentity,
    kubeletClient: options.kubeletClient,
    dialer: options.dialer,
    serviceAccountTokens: { ...options.serviceAccountTokens, signingKey: options.serviceAccountKey },
  });
  let ready = false;
  let port = options.port;
  const turns = new Turns();
  const gitVersion = `${KUBERNETES_VERSION}+pintle.${options.version ?? packageVersion()}`;
  const { registry = new MetricsRegistry() } = options;
  const metrics = new ServerMetrics(core.api, registry, gitVersion);
  const audit = options.audit && new AuditLog(options.audit, clock, log, registry);
  const gate: Gate =
    options.priorityAndFairness === false
      ? new MaxInFlight(options.limits ?? {})
      : new FlowGate(core.api, core.flowControl, new FlowMetrics(registry, core.flowControl));
  const handle = createRequestHandler({
    api: core.api,
    turns,
    gate,
    onlookers: [new RequestMetrics(core.api, registry), ...(audit === undefined ? [] : [audit])],
    random: random.fork("http"),
    authenticate: createAuthenticator({
      tokens: core.api.tokens,
      clientCa: tls.caCert,
      frontProxy: options.frontProxy,
      anonymous: options.anonymous,
    }),
    facts: {
      address: () => `${address}:${port}`,
      isReady: () => ready,
      gitVersion,
      metrics: () => metrics.page(),
    },
  });
  const server = createHttpServer(
    {
      ca: options.frontProxy === undefined ? tls.caCert : [tls.caCert, options.frontProxy.caCert],
      cert: tls.cert,
      key: tls.key,
    },
    {
      handle,
      writeSliced: (raw, outgoing, body) => writeSlices(core.api, turns, raw, { ...outgoing, body }),
    },
  );
  let peers: { stop(): Promise<void> } | undefined;
  const stop = async () => {
    ready = false;
    await peers?.stop().catch((error: unknown) => log.warn("not taken off", { error: String(error) }));
    core.stop();
    await server.close();
    await audit?.stop();
  };
  try {
    await audit?.start();
    port = await server.listen(host, options.port);
    const publish = (servers: readonly ServerAddress[]) => publishServers(core.api, servers);
    if (options.isShared) peers = await joinPeers({ store, clock, log, self: { address, port }, publish });
    else await publish([{ address, port }]);
    await publishAuthentication(core.api, authenticationFacts(tls.caCert, options.frontProxy));
  } catch (error) {
    // A taken port: what was started before it must not keep the process alive.
    await stop();
    throw error;
  }
  ready = true;
  log.info("api server ready", { url: `https://${address}:${port}`, revision: store.revision });
  return {
    url: `https://${address}:${port}`,
    port,
    client: core.client,
    signToken: (claims) => core.api.serviceAccountTokens.sign(claims),
    stop,
  };
}

/** Lists are JSON inside of the ConfigMap's strings. */
function authenticationFacts(clientCa: string, proxy: FrontProxyOptions | undefined): Record<string, string> {
  if (proxy === undefined) return { "client-ca-file": clientCa };
  const { allowedNames, usernameHeaders, uidHeaders, groupHeaders, extraPrefixes, caCert } = {
    ...FRONT_PROXY_DEFAULTS,
    ...proxy,
  };
  return {
    "client-ca-file": clientCa,
    "requestheader-allowed-names": JSON.stringify(allowedNames),
    "requestheader-client-ca-file": caCert,
    "requestheader-extra-headers-prefix": JSON.stringify(extraPrefixes),
    "requestheader-group-headers": JSON.stringify(groupHeaders),
    "requestheader-uid-headers": JSON.stringify(uidHeaders),
    "requestheader-username-headers": JSON.stringify(usernameHeaders),
  };
}
