import type { RequestListener } from "node:http";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { serveHttp1 } from "./http1.ts";
import { Http2Request, openRequest, serveHttp2 } from "./http2.ts";
import type { IncomingRequest, Outgoing } from "./request-handler.ts";
import { serveUpgrades } from "./upgrades.ts";
import type { RawResponse } from "./watch-stream.ts";
import { whenClosed } from "./when-closed.ts";

/** What requests are given to, and how large answers are written. */
export interface Serving {
  /** Never rejects. */
  readonly handle: (request: IncomingRequest) => Promise<Outgoing | undefined>;
  /** @returns how many bytes were written */
  readonly writeSliced: (raw: RawResponse, outgoing: Outgoing, body: Iterable<Buffer>) => Promise<number>;
}

export type TlsOptions = Pick<SecureServerOptions, "ca" | "cert" | "key">;

export interface HttpServer {
  /** Resolves with the port when it listens. */
  listen(host: string, port: number): Promise<number>;
  /** Ends every connection: watches never end by themselves. */
  close(): Promise<void>;
}

/** A connection on which nothing is asked for so long is closed. Source: k8s.io/apiserver secure_serving.go IdleTimeout. */
export const IDLE_MS = 90_000;
/** The head of a request must have come after so long. Source: the same, ReadHeaderTimeout. */
const HEAD_MS = 32_000;
/** How long what is left of a session may take to end. */
const GRACE_MS = 10_000;

type App = FastifyInstance<Http2SecureServer, Http2ServerRequest, Http2ServerResponse>;

/** The router must not cut long names; the API has its own limits. */
const MAX_PATH_PARAMETER = 65_536;

/**
 * One port for HTTP/2 and HTTP/1.1 over TLS. A client certificate is asked for, never demanded: tokens work without, and a
 * bad one is answered 401 in the API's words.
 *
 * Fastify owns the server and is given every request; its first hook takes all of them over, before a body is read, since
 * what is wrong with a path, a method, a Content-Type or a body is for the API to say, and paths of custom resources come and go.
 */
export function createHttpServer(tls: TlsOptions, serving: Serving, idleMs = IDLE_MS): HttpServer {
  const sockets = new Set<Socket>();
  const take = ({ raw }: FastifyRequest, reply: FastifyReply) => {
    reply.hijack();
    void (raw instanceof Http2Request ? serveHttp2(raw, serving) : serveHttp1(raw, reply.raw, serving));
  };
  const app: App = fastify({
    http2: true,
    serverFactory: (onRequest) => {
      const server = openServer(tls, onRequest as unknown as RequestListener, idleMs);
      serveUpgrades(server, serving.handle);
      server.on("connection", (socket: Socket) => {
        sockets.add(socket);
        socket.on("close", () => sockets.delete(socket));
      });
      return server;
    },
    routerOptions: { maxParamLength: MAX_PATH_PARAMETER },
    // A URL that does not decode; its hooks are not asked.
    frameworkErrors: (_error, request, reply) => take(request as never, reply as never),
  });
  app.addHook("onRequest", (request, reply, done) => {
    take(request as never, reply as never);
    done();
  });
  // Never called: the hook has taken the request.
  app.setNotFoundHandler(() => {});
  return {
    listen: async (host, port) => {
      await app.listen({ host, port });
      return (app.server.address() as AddressInfo).port;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await app.close();
    },
  };
}

/** Node's server, whose requests of both protocols go to one listener. */
function openServer(tls: TlsOptions, onRequest: RequestListener, idleMs: number): Http2SecureServer {
  const server = createSecureServer({
    ...tls,
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: false,
  });
  // Node's types know these only of its HTTP/1.1 server.
  Object.assign(server, { keepAliveTimeout: idleMs, headersTimeout: HEAD_MS });
  server.on("request", onRequest as never);
  server.on("checkContinue", onRequest as never);
  // Whoever listens for requests is given those of HTTP/2 in HTTP/1.1's form, too: by a listener that goes again.
  server.removeAllListeners("stream");
  serveSessions(server, onRequest, idleMs);
  return server;
}

function serveSessions(server: Http2SecureServer, onRequest: RequestListener, idleMs: number): void {
  /** Answers of each session that go on: a quiet watch is not a dead one. */
  const streaming = new WeakMap<Http2Session, number>();
  server.on("session", (session) => {
    session.setTimeout(idleMs);
    session.on("timeout", () => {
      if ((streaming.get(session) ?? 0) > 0) return;
      if (session.closed) session.destroy();
      session.close();
      // What keeps it open all the same says nothing either: a body that never comes.
      if (!session.destroyed) session.setTimeout(Math.min(GRACE_MS, idleMs));
    });
  });
  const onStream = (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    flags: number,
    rawHeaders: readonly string[],
  ) => {
    const { session } = stream;
    const onTaken = () => {
      if (session === undefined) return;
      streaming.set(session, (streaming.get(session) ?? 0) + 1);
      whenClosed(stream, () => {
        streaming.set(session, streaming.get(session)! - 1);
        // An end that the client brings about does not begin the time anew by itself.
        if (!session.destroyed) session.setTimeout(idleMs);
      });
    };
    const request = openRequest(stream, { headers, flags, rawHeaders }, onTaken);
    // In place of a response, too: Fastify takes the stream of a HEAD, whose writing side Node ends at once, for answered.
    if (request !== undefined) onRequest(request as never, request as never);
  };
  // Node's types leave out what it gives last.
  server.on("stream", onStream as never);
}
