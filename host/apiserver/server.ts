import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { Readable } from "node:stream";
import { type FastifyInstance, fastify } from "fastify";
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
import { readBody } from "./http/body.ts";
import { createRequestHandler, type IncomingRequest, type Outgoing } from "./http/request-handler.ts";
import { writeSlices } from "./http/sliced-body.ts";
import { serveUpgrades } from "./http/upgrades.ts";
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

/** Idle HTTP/2 sessions are kept: a quiet watch is not a dead one. */
const SESSION_TIMEOUT_MS = 3_600_000;
/** The router must not cut long names; the API has its own limits. */
const MAX_PATH_PARAMETER = 65_536;

const ANY_BODY = "application/json";
const EMPTY = Buffer.alloc(0);

type App = FastifyInstance<Http2SecureServer, Http2ServerRequest, Http2ServerResponse>;

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
  const app: App = fastify({
    http2: true,
    http2SessionTimeout: SESSION_TIMEOUT_MS,
    https: {
      allowHTTP1: true,
      // Asked for, never demanded: tokens work without, and a bad certificate is answered 401 in the API's words.
      requestCert: true,
      rejectUnauthorized: false,
      ca: options.frontProxy === undefined ? tls.caCert : [tls.caCert, options.frontProxy.caCert],
      cert: tls.cert,
      key: tls.key,
    },
    routerOptions: { maxParamLength: MAX_PATH_PARAMETER },
    // A URL that does not decode comes here and is refused by the handler, in the API's words.
    frameworkErrors: (_error, request, reply) => answer(reply, request, {}),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request: Request, payload: Readable) => readBody(payload));
  // Fastify reads a body only if it can make something of its Content-Type. What it says is for the API to judge, and a
  // body that says nothing is JSON.
  const contentTypes = new WeakMap<Request["raw"], string>();
  app.addHook("onRequest", ({ raw }: Request, _reply, done) => {
    // Of these Fastify reads no body.
    if (raw.method !== "GET" && raw.method !== "HEAD") {
      contentTypes.set(raw, raw.headers["content-type"] ?? ANY_BODY);
      raw.headers["content-type"] = ANY_BODY;
    }
    done();
  });
  app.setErrorHandler((error, request, reply) => answer(reply, request, { failure: error }));
  app.setNotFoundHandler((request, reply) => answer(reply, request, { body: request.body }));
  app.all("/*", (request, reply) => answer(reply, request, { body: request.body }));

  async function answer(
    reply: Reply,
    request: Request,
    came: { readonly body?: unknown; readonly failure?: unknown },
  ): Promise<void> {
    const sent = Buffer.isBuffer(came.body) ? came.body : EMPTY;
    const contentType = contentTypes.get(request.raw);
    if (contentType !== undefined) request.raw.headers["content-type"] = contentType;
    const incoming: IncomingRequest = {
      method: request.raw.method ?? "GET",
      url: request.raw.url ?? "/",
      headers: request.raw.headers,
      rawHeaders: request.raw.rawHeaders,
      // HTTP/2 gives every stream a socket object of its own; who is asking is a fact of the session. HTTP/1.1 has none.
      socket: request.raw.stream?.session?.socket ?? request.raw.socket,
      body: sent,
      failure: came.failure,
      takeOver: () => {
        reply.hijack();
        return reply.raw;
      },
      onGone: (listener) => reply.raw.on("close", listener),
    };
    const outgoing = await handle(incoming);
    if (outgoing === undefined) return;
    const { code, headers, body } = outgoing;
    if (typeof body === "string" || Buffer.isBuffer(body)) {
      const bytes = typeof body === "string" ? Buffer.from(body) : body;
      send(reply, outgoing, bytes);
      outgoing.over(bytes.length);
      return;
    }
    reply.hijack();
    const slices = incoming.method === "HEAD" ? [] : body;
    outgoing.over(await writeSlices(core.api, turns, reply.raw, { code, headers, body: slices }));
  }

  serveUpgrades(app.server, handle);

  const sockets = new Set<Socket>();
  app.server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  let peers: { stop(): Promise<void> } | undefined;
  const stop = async () => {
    ready = false;
    await peers?.stop().catch((error: unknown) => log.warn("not taken off", { error: String(error) }));
    core.stop();
    const closed = app.close();
    // Watches never end by themselves, so neither would their connections.
    for (const socket of sockets) socket.destroy();
    await closed;
    await audit?.stop();
  };
  try {
    await audit?.start();
    await app.listen({ host, port: options.port });
    port = (app.server.address() as AddressInfo).port;
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

type Request = { readonly raw: Http2ServerRequest };

/** What of Fastify's reply is used; its own type depends on a dozen parameters. */
interface Reply {
  readonly raw: Http2ServerResponse;
  hijack(): unknown;
  code(code: number): unknown;
  headers(headers: Record<string, string | string[]>): unknown;
  removeHeader(name: string): unknown;
  /** Fastify derives the body's type from a schema of the route; ours have none. */
  send(body: never): unknown;
}

/** @param body  as bytes, or Fastify would add a charset to JSON's type, which Kubernetes does not */
function send(reply: Reply, { code, headers }: Outgoing, body: Buffer): void {
  reply.code(code);
  reply.headers(headers);
  // Fastify asks to close the connection after a body it could not read; HTTP/2 has no such header, and Node warns of it.
  if (reply.raw.stream !== undefined) reply.removeHeader("connection");
  reply.send(body as never);
}
