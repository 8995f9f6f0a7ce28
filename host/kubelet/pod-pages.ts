import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { V1Pod } from "../api/generated/types.ts";
import type { Clock, Timer } from "../apimachinery/clock.ts";

/** Answers HTTP in the place of simulated pods. Nothing listens: connections are handed over. */
export interface PodPages {
  /** @param pod  asked for each request */
  serve(connection: Duplex, port: number, pod: () => V1Pod): void;
  close(): void;
}

/** As nginx: a client that pauses for so long has gone away. */
const KEEP_ALIVE_MS = 75_000;

export function createPodPages(clock: Clock): PodPages {
  const served = new WeakMap<object, { readonly port: number; readonly pod: () => V1Pod }>();
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    const { port, pod } = served.get(request.socket)!;
    answer(request, response, port, pod());
  });
  return {
    serve: (connection, port, pod) => {
      served.set(connection, { port, pod });
      // A client that resets its connection has done nothing wrong.
      connection.on("error", () => connection.destroy());
      withTimeouts(connection, clock);
      server.emit("connection", connection);
    },
    close: () => server.closeAllConnections(),
  };
}

/**
 * What Node's server wants of a socket to end one that is not used: with a time it waits for the next request, with 0 it
 * has come. Connections that are handed over are no sockets, and would be kept for ever.
 */
function withTimeouts(connection: Duplex, clock: Clock): void {
  let timer: Timer | undefined;
  const setTimeout = (timeoutMs: number) => {
    timer?.cancel();
    timer = timeoutMs > 0 ? clock.setTimeout(() => connection.emit("timeout"), timeoutMs) : undefined;
    return connection;
  };
  Object.assign(connection, { setTimeout });
  connection.once("close", () => timer?.cancel());
}

/** The first line of the page, and all of an answer to a datagram. */
export function greeting({ metadata, spec }: V1Pod): string {
  return `Hello from pod ${metadata?.namespace}/${metadata?.name} on node ${spec?.nodeName}.\n`;
}

/** The page: which pod answered, and that it is a simulated one. */
function answer(request: IncomingMessage, response: ServerResponse, port: number, pod: V1Pod): void {
  const images = (pod.spec?.containers ?? []).map(({ name, image }) => `${name} (${image ?? "no image"})`);
  const text = [
    greeting(pod),
    `\n${request.method} ${request.url} at ${pod.status?.podIP}:${port}\n`,
    `containers: ${images.join(", ")}\n`,
    "This pod is simulated: it has an address and this page, and runs no image.\n",
  ].join("");
  // Whoever holds the connection is to make a new one, which goes to a pod that stays.
  if (pod.metadata?.deletionTimestamp !== undefined) response.setHeader("Connection", "close");
  response.writeHead(200, {
    Server: "pintle",
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
    "Pintle-Pod": `${pod.metadata?.namespace}/${pod.metadata?.name}`,
  });
  response.end(request.method === "HEAD" ? undefined : text);
  // What a client sends along is not read, and must not be in the way of its next request.
  request.resume();
}
