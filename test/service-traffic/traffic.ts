import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { V1EndpointSlice, V1Service } from "../../host/api/generated/types.ts";
import { type Clock, SystemClock } from "../../host/apimachinery/clock.ts";
import { silentLogger } from "../../host/apimachinery/log.ts";
import { ServiceModels } from "../../host/proxy/service-models.ts";
import { hostDialer } from "../../host/proxy/traffic/host-dialer.ts";
import { TableTraffic, type TableTrafficOptions } from "../../host/proxy/traffic/table-traffic.ts";
import { service, slice } from "../service-table/shorthand.ts";

/** Real sockets between real programs of this process, through the traffic of a table. */
export class Traffic {
  readonly refused: string[] = [];
  readonly balancers = new Map<string, string | undefined>();
  readonly models = new ServiceModels("*", { allowExternalIps: true });
  readonly table: TableTraffic;

  constructor(options: Partial<TableTrafficOptions> = {}, clock: Clock = new SystemClock()) {
    this.table = new TableTraffic({
      clock,
      log: silentLogger,
      dialer: hostDialer(clock, silentLogger),
      seed: 1,
      onRefused: (name, why) => this.refused.push(`${name}: ${why}`),
      onBalancer: (name, state) => this.balancers.set(name, state),
      ...options,
    });
  }

  note(...objects: (V1Service | V1EndpointSlice)[]): void {
    for (const object of objects) this.models.apply(this.table.adopt({ type: "ADDED", object }));
  }

  forget(...objects: (V1Service | V1EndpointSlice)[]): void {
    for (const object of objects) this.models.apply(this.table.adopt({ type: "DELETED", object }));
  }

  /** Resolves when no port is being opened any more. */
  async put(...objects: (V1Service | V1EndpointSlice)[]): Promise<void> {
    this.note(...objects);
    await this.sync();
  }

  async remove(...objects: (V1Service | V1EndpointSlice)[]): Promise<void> {
    this.forget(...objects);
    await this.sync();
  }

  async sync(): Promise<void> {
    await this.table.sync(this.models, false);
    // Sockets open within a few turns of the event loop.
    await delay(10);
  }
}

let numbers = 0;

/** A LoadBalancer Service at a port of this machine. */
export function balanced(name: string, port: number, spec: Partial<V1Service["spec"]> = {}): V1Service {
  return service(`ns/${name}`, `10.96.${numbers >> 8}.${numbers++ & 255}`, `- TCP ${port}`, {
    type: "LoadBalancer",
    ...spec,
  });
}

/** A slice for each port at which an endpoint answers on this machine: `endpoints("a", [4711], "terminating serving")`. */
export function endpoints(
  name: string,
  ports: readonly number[],
  words = "",
  protocol = "TCP",
): V1EndpointSlice[] {
  return ports.map((port, i) =>
    slice(`ns/${name}`, `- ${protocol} ${port}`, [`127.0.0.1 ${words}`.trim()], `${i + 1}`),
  );
}

export interface Program {
  readonly port: number;
  /** Connections that it has now. */
  readonly sockets: Set<Socket>;
  /** Connections that it was given in all. */
  count: number;
  stop(): Promise<void>;
}

/** A program that listens, and does this with each connection. */
export async function program(onConnection: (socket: Socket) => void): Promise<Program> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    made.count++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    onConnection(socket);
  });
  const made: Program = {
    port: 0,
    sockets,
    count: 0,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await delay(5);
    },
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(made, { port: (server.address() as AddressInfo).port });
}

/** Says its name and ends. */
export function named(name: string): Promise<Program> {
  return program((socket) => socket.end(name));
}

/** Ports that nobody has now. */
export async function freePorts(count: number): Promise<number[]> {
  const programs = await Promise.all(Array.from({ length: count }, () => program(() => {})));
  for (const one of programs) await one.stop();
  return programs.map(({ port }) => port);
}

export async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}

export function client(port: number, localAddress = "127.0.0.1"): Socket {
  const socket = connect({ port, host: "127.0.0.1", localAddress, allowHalfOpen: true });
  socket.on("error", () => {});
  return socket;
}

/** All that a connection says, or how it broke off. */
export async function heard(socket: Socket): Promise<string> {
  let text = "";
  let failure = "";
  socket.on("error", (error: NodeJS.ErrnoException) => {
    failure = error.code ?? error.message;
  });
  socket.on("data", (data) => {
    text += data;
  });
  socket.on("end", () => socket.end());
  // Not `once` of node:events: an error that comes first would be thrown.
  await new Promise((resolve) => socket.once("close", resolve));
  return failure || text;
}

/** What a new connection to the port is told, or how it breaks off. */
export function ask(port: number, localAddress?: string): Promise<string> {
  return heard(client(port, localAddress));
}

/** Waits for what other programs bring about; fails when it does not come. */
export async function until(isTrue: () => boolean): Promise<void> {
  for (let waited = 0; !isTrue(); waited += 5) {
    if (waited > 10_000) throw new Error(`never came true: ${isTrue}`);
    await delay(5);
  }
}
