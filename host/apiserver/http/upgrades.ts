import { type IncomingMessage, ServerResponse } from "node:http";
import { type Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { TLSSocket } from "node:tls";
import type { IncomingRequest, Outgoing } from "./request-handler.ts";
import { whenClosed } from "./when-closed.ts";

/** A server that lets HTTP/1.1 connections become something else. */
interface UpgradingServer {
  on(event: "upgrade", listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown;
}

/**
 * Serves requests that ask for another protocol. They are requests like any other until something takes their connection
 * over; what nobody takes over is answered in HTTP, and the connection ends.
 */
export function serveUpgrades(
  server: UpgradingServer,
  handle: (request: IncomingRequest) => Promise<Outgoing | undefined>,
): void {
  server.on("upgrade", (request, duplex, head) => {
    const socket = duplex as TLSSocket;
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    // What goes wrong on the connection ends it; whoever serves it is told by `onGone`.
    socket.on("error", () => socket.destroy());
    // Nor is it held by a client that does not end its side.
    response.on("finish", () => socket.destroySoon());
    response.setHeader("Connection", "close");
    const takeSocket = () => {
      response.detachSocket(socket);
      return { socket, head };
    };
    void answer({ request, response, socket, takeSocket }, handle);
  });
}

async function answer(
  upgrading: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly socket: TLSSocket;
    readonly takeSocket: () => { readonly socket: Duplex; readonly head: Buffer };
  },
  handle: (request: IncomingRequest) => Promise<Outgoing | undefined>,
): Promise<void> {
  const { request, response, socket, takeSocket } = upgrading;
  const { method = "GET", url = "/", headers, rawHeaders } = request;
  const outgoing = await handle({
    method,
    url,
    headers,
    rawHeaders,
    socket,
    takeOver: () => response,
    takeSocket,
    onGone: (listener) => whenClosed(socket, listener),
  });
  if (outgoing === undefined) return;
  const { code, body } = outgoing;
  response.writeHead(code, outgoing.headers);
  const parts = typeof body === "string" || Buffer.isBuffer(body) ? [Buffer.from(body)] : body;
  // A client that goes away meanwhile has had what it wanted.
  await pipeline(Readable.from(method === "HEAD" ? [] : parts), response).catch(() => {});
  outgoing.over(socket.bytesWritten);
}
