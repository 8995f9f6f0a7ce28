import { createSocket, type Socket as DatagramSocket, type RemoteInfo } from "node:dgram";
import { createServer, type Socket } from "node:net";
import type { Clock, Timer } from "../../apimachinery/clock.ts";
import { LISTEN_ADDRESS, type PortClaim } from "./service-claims.ts";

export interface OpenPortsOptions {
  readonly clock: Clock;
  onConnection(claim: PortClaim, socket: Socket): void;
  onDatagram(claim: PortClaim, data: Buffer, from: RemoteInfo, socket: DatagramSocket): void;
  /** The port is not open any more. */
  onClosed(claim: PortClaim): void;
  /** Whether the claims of a Service are met may have changed. */
  onChange(service: string): void;
  /** Why a claim cannot be met, once for each reason. */
  onRefused(claim: PortClaim, why: string): void;
}

/** A port in use may become free: it is tried again. */
const RETRY_MS = 30_000;
/** Of connections that the kernel has made and we have not accepted. */
const BACKLOG = 1_024;

/** Of several ports the least: `closed` when one of them cannot be opened. */
export type PortsState = "closed" | "opening" | "open";

/** One port of this machine: who wants it, and the socket that is open for the first of them. */
interface Port {
  /** In the order in which they came; the first has it. */
  claims: readonly PortClaim[];
  state: PortsState;
  close: () => void;
  retry: Timer | undefined;
  /** Reasons that were told, by Service. */
  readonly told: Map<string, string>;
}

/**
 * The ports of 127.0.0.1 that Services want. The first Service that claims one has it, until it does not want it any more;
 * then it is the next one's, on the same socket. What cannot be opened is tried again, and the others are not held up.
 */
export class OpenPorts {
  readonly #options: OpenPortsOptions;
  readonly #ports = new Map<string, Port>();
  readonly #claims = new Map<string, readonly PortClaim[]>();

  constructor(options: OpenPortsOptions) {
    this.#options = options;
  }

  /** Sockets that are open, or about to be. */
  get openCount(): number {
    return [...this.#ports.values()].filter(({ state }) => state !== "closed").length;
  }

  /** All that a Service claims from now on. */
  set(service: string, claims: readonly PortClaim[]): void {
    const before = this.#claims.get(service) ?? [];
    if (claims.length > 0) this.#claims.set(service, claims);
    else this.#claims.delete(service);
    const stays = (claim: PortClaim) => claims.some((one) => isSame(one, claim));
    for (const claim of before) if (!stays(claim)) this.#withdraw(claim);
    for (const claim of claims) if (!before.some((one) => isSame(one, claim))) this.#add(claim);
    this.#options.onChange(service);
  }

  /** Of all the ports that a Service wants in this way; undefined for one that wants none. */
  stateOf(service: string, by: PortClaim["by"]): PortsState | undefined {
    const claims = (this.#claims.get(service) ?? []).filter((claim) => claim.by === by);
    const ports = claims.map((claim) => {
      const port = this.#ports.get(keyOf(claim));
      return port !== undefined && isSame(port.claims[0]!, claim) ? port.state : "closed";
    });
    return (["closed", "opening", "open"] as const).find((state) => ports.includes(state));
  }

  stop(): void {
    this.#claims.clear();
    for (const port of this.#ports.values()) this.#shut(port);
    this.#ports.clear();
  }

  #add(claim: PortClaim): void {
    const key = keyOf(claim);
    let port = this.#ports.get(key);
    if (port === undefined) {
      port = { claims: [], state: "closed", close: () => {}, retry: undefined, told: new Map() };
      this.#ports.set(key, port);
    }
    port.claims = [...port.claims, claim];
    if (port.claims.length === 1) this.#open(port);
    else if (port.claims[0]!.service !== claim.service)
      this.#refuse(port, claim, `is in use by Service "${port.claims[0]!.service}"`);
  }

  #withdraw(claim: PortClaim): void {
    const key = keyOf(claim);
    const port = this.#ports.get(key)!;
    const wasFirst = isSame(port.claims[0]!, claim);
    port.claims = port.claims.filter((one) => !isSame(one, claim));
    port.told.delete(claim.service);
    if (!wasFirst) return;
    this.#options.onClosed(claim);
    const next = port.claims[0];
    if (next === undefined) {
      this.#shut(port);
      this.#ports.delete(key);
    } else {
      port.told.delete(next.service);
      this.#options.onChange(next.service);
    }
  }

  #shut(port: Port): void {
    port.retry?.cancel();
    port.close();
    port.state = "closed";
  }

  #open(port: Port): void {
    const claim = port.claims[0]!;
    port.state = "opening";
    const onOpen = () => {
      // It was given up before it was open.
      if (port.state !== "opening") return port.close();
      port.state = "open";
      const owner = port.claims[0]!;
      port.told.delete(owner.service);
      this.#options.onChange(owner.service);
    };
    const onError = (error: NodeJS.ErrnoException) => {
      if (port.state !== "opening") return;
      this.#shut(port);
      this.#refuse(port, port.claims[0]!, explain(error));
      this.#options.onChange(port.claims[0]!.service);
      port.retry = this.#options.clock.setTimeout(() => this.#open(port), RETRY_MS);
    };
    port.close =
      claim.protocol === "TCP"
        ? this.#listen(port, claim.port, onOpen, onError)
        : this.#bind(port, claim.port, onOpen, onError);
  }

  #listen(port: Port, number: number, onOpen: () => void, onError: (error: Error) => void): () => void {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const owner = port.claims[0];
      if (owner === undefined) socket.resetAndDestroy();
      else this.#options.onConnection(owner, socket);
    });
    server.on("error", onError);
    server.listen({ host: LISTEN_ADDRESS, port: number, backlog: BACKLOG }, onOpen);
    return () => server.close();
  }

  #bind(port: Port, number: number, onOpen: () => void, onError: (error: Error) => void): () => void {
    const socket = createSocket("udp4");
    socket.on("error", onError);
    socket.on("message", (data, from) => {
      const owner = port.claims[0];
      if (owner !== undefined) this.#options.onDatagram(owner, data, from, socket);
    });
    socket.bind({ address: LISTEN_ADDRESS, port: number, exclusive: true }, onOpen);
    let closed = false;
    return () => {
      if (!closed) socket.close();
      closed = true;
    };
  }

  #refuse(port: Port, claim: PortClaim, why: string): void {
    if (port.told.get(claim.service) === why) return;
    port.told.set(claim.service, why);
    this.#options.onRefused(claim, why);
  }
}

/** `TCP/8086` */
export function keyOf({ protocol, port }: Pick<PortClaim, "protocol" | "port">): string {
  return `${protocol}/${port}`;
}

function isSame(a: PortClaim, b: PortClaim): boolean {
  return a.service === b.service && a.destination === b.destination && a.by === b.by && keyOf(a) === keyOf(b);
}

function explain({ code, message }: NodeJS.ErrnoException): string {
  if (code === "EADDRINUSE") return "is in use by another program";
  if (code === "EACCES") return "is below 1024, and this user may not open such ports";
  return `cannot be opened: ${message}`;
}
