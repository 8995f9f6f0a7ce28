import type { IncomingMessage, ServerResponse } from "node:http";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { serveHttp1 } from "./http1.ts";
import { serveHttp2 } from "./http2.ts";
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

/**
 * One port for HTTP/2 and HTTP/1.1 over TLS. A client certificate is asked for, never demanded: tokens work without, and a
 * bad one is answered 401 in the API's words.
 */
export function createHttpServer(tls: TlsOptions, serving: Serving, idleMs = IDLE_MS): HttpServer {
  const server = createSecureServer({
    ...tls,
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: false,
  });
  // Node's types know these only of its HTTP/1.1 server.
  Object.assign(server, { keepAliveTimeout: idleMs, headersTimeout: HEAD_MS });
  const onHttp1 = (request: IncomingMessage, response: ServerResponse) =>
    void serveHttp1(request, response, serving);
  server.on("request", onHttp1 as never);
  server.on("checkContinue", onHttp1 as never);
  // Whoever listens for requests is given those of HTTP/2 in HTTP/1.1's form, too: by a listener that goes again.
  server.removeAllListeners("stream");
  serveSessions(server, serving, idleMs);
  serveUpgrades(server, serving.handle);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port }, () => {
          server.off("error", reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        // Whether it listened or not: the callback is told of that as an error.
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function serveSessions(server: Http2SecureServer, serving: Serving, idleMs: number): void {
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
    void serveHttp2(stream, { headers, flags, rawHeaders }, serving, onTaken);
  };
  // Node's types leave out what it gives last.
  server.on("stream", onStream as never);
}
