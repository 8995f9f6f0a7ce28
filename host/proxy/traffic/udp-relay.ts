import type { RemoteInfo, Socket } from "node:dgram";
import type { Clock, Timer } from "../../apimachinery/clock.ts";
import type { DatagramChannel, Dialer } from "../../apimachinery/dialer.ts";
import type { Logger } from "../../apimachinery/log.ts";
import type { Target } from "./tcp-relay.ts";

export interface UdpRelayOptions {
  readonly clock: Clock;
  readonly dialer: Dialer;
  readonly log: Logger;
  /** At the bound the packets of a new flow are dropped, and counted, as the kernel does with its table. */
  readonly maxFlows?: number;
}

/** Each may take a file descriptor. */
const MAX_FLOWS = 16_384;
/** As the table's own: nf_conntrack_udp_timeout_stream. */
const IDLE_MS = 120_000;
const SWEEP_MS = 30_000;

interface Flow {
  readonly target: Target;
  readonly channel: DatagramChannel;
  lastMs: number;
}

/** Carries datagrams between clients and endpoints. Where each goes the table says; here are the ways back. */
export class UdpRelay {
  readonly #options: UdpRelayOptions;
  readonly #maxFlows: number;
  readonly #flows = new Map<string, Flow>();
  #dropped = 0;
  #sweep: Timer | undefined;

  constructor(options: UdpRelayOptions) {
    this.#options = options;
    this.#maxFlows = options.maxFlows ?? MAX_FLOWS;
  }

  get flowCount(): number {
    return this.#flows.size;
  }

  /** Datagrams that were dropped at the bound. */
  get droppedCount(): number {
    return this.#dropped;
  }

  /**
   * @param port    the port that it came to, by a name that no other has
   * @param target  where the table sends it
   */
  carry(listener: Socket, port: string, from: RemoteInfo, target: Target, data: Buffer): void {
    const key = `${port} ${from.address} ${from.port}`;
    let flow = this.#flows.get(key);
    if (flow !== undefined && (flow.target.address !== target.address || flow.target.port !== target.port)) {
      this.#end(key, flow);
      flow = undefined;
    }
    flow ??= this.#begin(listener, key, from, target);
    if (flow === undefined) return;
    flow.lastMs = this.#options.clock.monotonicMs();
    flow.channel.send(data);
  }

  /** Ends the flows that came to a port that is closed. */
  forget(port: string): void {
    for (const [key, flow] of this.#flows) if (key.startsWith(`${port} `)) this.#end(key, flow);
  }

  /** Ends the flows to endpoints that are not there any more: what they still say is not passed on. */
  keepOnly(isThere: (target: Target) => boolean): void {
    for (const [key, flow] of this.#flows) if (!isThere(flow.target)) this.#end(key, flow);
  }

  stop(): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
    for (const [key, flow] of this.#flows) this.#end(key, flow);
  }

  #begin(listener: Socket, key: string, from: RemoteInfo, target: Target): Flow | undefined {
    const { clock, dialer, log } = this.#options;
    if (this.#flows.size >= this.#maxFlows) {
      if (this.#dropped++ % 1_000 === 0)
        log.warn("too many UDP flows, packets of new ones are dropped", { most: this.#maxFlows });
      return undefined;
    }
    const channel = dialer.openDatagrams(target.address, target.port, (reply) => {
      const flow = this.#flows.get(key);
      if (flow?.channel !== channel) return;
      flow.lastMs = clock.monotonicMs();
      listener.send(reply, from.port, from.address);
    });
    const flow: Flow = { target, channel, lastMs: clock.monotonicMs() };
    this.#flows.set(key, flow);
    this.#sweep ??= clock.setTimeout(() => this.#sweepIdle(), SWEEP_MS);
    return flow;
  }

  #end(key: string, flow: Flow): void {
    this.#flows.delete(key);
    flow.channel.close();
  }

  #sweepIdle(): void {
    const { clock } = this.#options;
    const now = clock.monotonicMs();
    for (const [key, flow] of this.#flows) if (now - flow.lastMs > IDLE_MS) this.#end(key, flow);
    this.#sweep = this.#flows.size === 0 ? undefined : clock.setTimeout(() => this.#sweepIdle(), SWEEP_MS);
  }
}
