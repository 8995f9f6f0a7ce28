import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Dialer } from "../../apimachinery/dialer.ts";
import type { Logger } from "../../apimachinery/log.ts";

/** Where a connection goes. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

export interface TcpRelayOptions {
  readonly dialer: Dialer;
  readonly log: Logger;
  /** At the bound a new connection is reset at once, and counted. */
  readonly maxConnections?: number;
}

/** A file descriptor or two each; Linux gives a client address 28,000 ports by default. */
const MAX_CONNECTIONS = 65_000;
/** An endpoint that refuses is gone, or not yet there: another is asked, and then no more. As kube-proxy did in user space. */
const MAX_TRIES = 4;
/** Draws among endpoints until one comes up that did not refuse. */
const MAX_DRAWS = 32;
/** As the kernel's nf_conntrack_tcp_timeout_close_wait, which kube-proxy sets: one side has ended, the other says nothing. */
const HALF_CLOSED_MS = 3_600_000;

/** Carries bytes between clients and endpoints, as they come: a side that reads slowly slows the other down. */
export class TcpRelay {
  readonly #options: TcpRelayOptions;
  readonly #maxConnections: number;
  readonly #clients = new Set<Socket>();
  #refused = 0;

  constructor(options: TcpRelayOptions) {
    this.#options = options;
    this.#maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
  }

  get connectionCount(): number {
    return this.#clients.size;
  }

  /** Connections that were reset at the bound. */
  get refusedCount(): number {
    return this.#refused;
  }

  /** @param choose  an endpoint for the client; undefined: there is none */
  accept(client: Socket, choose: () => Target | undefined): void {
    // A reset of the client ends in `close`; there is nobody to tell.
    client.on("error", () => {});
    if (this.#clients.size >= this.#maxConnections) {
      if (this.#refused++ % 1_000 === 0)
        this.#options.log.warn("too many connections, new ones are reset", { most: this.#maxConnections });
      client.resetAndDestroy();
      return;
    }
    this.#clients.add(client);
    client.once("close", () => this.#clients.delete(client));
    void this.#carry(client, choose);
  }

  /** Resets every connection. */
  stop(): void {
    for (const client of this.#clients) client.resetAndDestroy();
  }

  /** Never rejects. */
  async #carry(client: Socket, choose: () => Target | undefined): Promise<void> {
    const endpoint = await this.#dial(client, choose);
    if (endpoint === undefined) client.resetAndDestroy();
    else if (client.destroyed) endpoint.destroy();
    else join(client, endpoint);
  }

  async #dial(client: Socket, choose: () => Target | undefined): Promise<Duplex | undefined> {
    const refused = new Set<string>();
    while (refused.size < MAX_TRIES && !client.destroyed) {
      const target = chooseAnother(choose, refused);
      if (target === undefined) return undefined;
      const { address, port } = target;
      try {
        const endpoint = await this.#options.dialer.connect(address, port);
        endpoint.on("error", () => {});
        return endpoint;
      } catch (error) {
        refused.add(`${address} ${port}`);
        this.#options.log.debug("endpoint refuses", { address, port, error: String(error) });
      }
    }
    return undefined;
  }
}

/** With session affinity it is the same one again: then the client learns that it refuses. */
function chooseAnother(choose: () => Target | undefined, refused: ReadonlySet<string>): Target | undefined {
  for (let draw = 0; draw < MAX_DRAWS; draw++) {
    const target = choose();
    if (target === undefined || !refused.has(`${target.address} ${target.port}`)) return target;
    if (refused.size === 0) break;
  }
  return undefined;
}

/**
 * Joins two streams. An end of one is passed on, and the other direction stays open; one that breaks off takes the
 * other with it, whatever was still on its way.
 */
function join(client: Socket, endpoint: Duplex): void {
  client.pipe(endpoint);
  endpoint.pipe(client);
  client.once("end", () => client.setTimeout(HALF_CLOSED_MS, () => client.destroy()));
  endpoint.once("end", () => client.setTimeout(HALF_CLOSED_MS, () => client.destroy()));
  client.once("close", () => {
    // Closed in order, the endpoint still gets what the client had sent.
    if (!client.readableEnded || !client.writableFinished) breakOff(endpoint);
  });
  endpoint.once("close", () => {
    if (!endpoint.readableEnded) client.resetAndDestroy();
    else if (!endpoint.writableFinished) client.destroySoon();
  });
}

/** A peer that did not end in order is told so. */
function breakOff(stream: Duplex): void {
  if (stream instanceof Socket) stream.resetAndDestroy();
  else stream.destroy();
}
