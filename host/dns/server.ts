import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "../apimachinery/log.ts";
import type { Transport } from "./message.ts";

export interface DnsServerOptions {
  readonly address: string;
  /** 0 picks one that is free for both protocols. */
  readonly port: number;
  readonly respond: (message: Buffer, transport: Transport) => Buffer | undefined;
  readonly log: Logger;
}

export interface DnsServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Connections at once; at the bound a new one is closed. */
const MAX_CONNECTIONS = 256;
/** A connection that says nothing for so long is closed. RFC 7766 asks for a few seconds. */
const IDLE_MS = 10_000;
/** Answers that wait for the kernel; at the bound a query is dropped, as a network would: its asker asks again. */
const MAX_WAITING_ANSWERS = 1_024;
/** Free for UDP, a port may not be so for TCP. */
const PORT_TRIES = 10;

/** Listens on one port, by UDP and TCP. No query leaves anything behind: a flood fills nothing. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  for (let tried = 1; ; tried++) {
    const udp = await bindUdp(options);
    const { port } = udp.address();
    try {
      const tcp = await listenTcp({ ...options, port });
      return { port, stop: () => stop(udp, tcp) };
    } catch (error) {
      udp.close();
      if (options.port !== 0 || tried === PORT_TRIES) throw error;
    }
  }
}

interface TcpListener {
  readonly server: Server;
  readonly connections: ReadonlySet<Socket>;
}

function bindUdp({ address, port, respond, log }: DnsServerOptions): Promise<UdpSocket> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (message, from) => {
    if (socket.getSendQueueCount() >= MAX_WAITING_ANSWERS) return;
    const answer = respond(message, "udp");
    if (answer === undefined) return;
    socket.send(answer, from.port, from.address, (error) => {
      if (error) log.debug("DNS answer not sent", { to: from.address, error: error.message });
    });
  });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, address, () => {
      socket.off("error", reject);
      socket.on("error", (error) => log.warn("DNS socket failed", { error: error.message }));
      resolve(socket);
    });
  });
}

function listenTcp({ address, port, respond, log }: DnsServerOptions): Promise<TcpListener> {
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => connections.delete(socket));
    serve(socket, (message) => respond(message, "tcp"));
  });
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.off("error", reject);
      server.on("error", (error) => log.warn("DNS listener failed", { error: error.message }));
      resolve({ server, connections });
    });
  });
}

/** Messages come one after the other, each behind its length. While answers wait to be read, no more are taken in. */
function serve(socket: Socket, respond: (message: Buffer) => Buffer | undefined): void {
  let pending = Buffer.alloc(0);
  const answerPending = () => {
    while (pending.length >= 2) {
      const end = 2 + pending.readUInt16BE(0);
      if (pending.length < end) return;
      const answer = respond(pending.subarray(2, end));
      pending = pending.subarray(end);
      // Whoever sends what is no query by TCP is not worth waiting for.
      if (answer === undefined) return void socket.destroy();
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      if (!socket.write(Buffer.concat([length, answer]))) return void socket.pause();
    }
  };
  socket.on("data", (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    answerPending();
  });
  socket.on("drain", () => {
    answerPending();
    if (socket.writableNeedDrain) return;
    socket.resume();
  });
}

async function stop(udp: UdpSocket, { server, connections }: TcpListener): Promise<void> {
  const closed = [
    new Promise<void>((resolve) => udp.close(() => resolve())),
    new Promise<void>((resolve) => server.close(() => resolve())),
  ];
  for (const socket of connections) socket.destroy();
  await Promise.all(closed);
}
