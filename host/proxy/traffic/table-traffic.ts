import type { Socket as DatagramSocket, RemoteInfo } from "node:dgram";
import type { Socket } from "node:net";
import type { V1Service } from "../../api/generated/types.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import type { Dialer } from "../../apimachinery/dialer.ts";
import type { Logger } from "../../apimachinery/log.ts";
import { objectKey } from "../../apimachinery/object.ts";
import type { Packet } from "../packet.ts";
import type { ProxyMetrics } from "../proxy-metrics.ts";
import type { RuleBackend } from "../rule-backend.ts";
import { type Change, FAMILIES, kindOf, type ServiceModels } from "../service-models.ts";
import { proxyOptions } from "../table-options.ts";
import { TableRules } from "../table-rules.ts";
import { keyOf, OpenPorts, type PortsState } from "./open-ports.ts";
import {
  BalancerAddresses,
  claimsOf,
  isBalancedHere,
  type PortClaim,
  withBalancer,
} from "./service-claims.ts";
import { type Target, TcpRelay } from "./tcp-relay.ts";
import { UdpRelay } from "./udp-relay.ts";

export interface TableTrafficOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly dialer: Dialer;
  readonly metrics?: ProxyMetrics;
  /** Of the choice among endpoints. */
  readonly seed: number;
  readonly maxConnections?: number;
  readonly maxUdpFlows?: number;
  /** Why a port cannot be opened: a line for people, `127.0.0.1:8086/TCP is in use by another program`. */
  onRefused(service: string, why: string): void;
  /** What has become of the ports of the Service's load balancer; undefined: it has none. */
  onBalancer(service: string, state: PortsState | undefined): void;
}

/**
 * Traffic to Services without a kernel and without root: ports of this machine are open, the table says where each
 * connection goes, and a Dialer takes it there. All nodes are this machine.
 */
export class TableTraffic implements RuleBackend {
  readonly #options: TableTrafficOptions;
  readonly #rules: TableRules;
  readonly #ports: OpenPorts;
  readonly #tcp: TcpRelay;
  readonly #udp: UdpRelay;
  readonly #addresses = new BalancerAddresses();
  readonly #claims = new Map<string, readonly PortClaim[]>();
  /** Services whose claims changed since the last sync. */
  readonly #changed = new Set<string>();

  constructor(options: TableTrafficOptions) {
    const { clock, dialer, log, seed } = options;
    this.#options = options;
    this.#rules = new TableRules(proxyOptions({}, undefined), { seed, sparesLastFlows: false });
    this.#tcp = new TcpRelay({ dialer, log, maxConnections: options.maxConnections });
    this.#udp = new UdpRelay({ clock, dialer, log, maxFlows: options.maxUdpFlows });
    this.#ports = new OpenPorts({
      clock,
      onConnection: (claim, socket) => this.#tcp.accept(socket, () => this.#choose(claim, socket)),
      onDatagram: (claim, data, from, socket) => this.#carry(claim, data, from, socket),
      onClosed: (claim) => this.#udp.forget(keyOf(claim)),
      onChange: (service) => options.onBalancer(service, this.#ports.stateOf(service, "load balancer")),
      onRefused: (claim, why) =>
        options.onRefused(claim.service, `127.0.0.1:${claim.port}/${claim.protocol} ${why}`),
    });
  }

  get counts(): { ports: number; connections: number; udpFlows: number } {
    return {
      ports: this.#ports.openCount,
      connections: this.#tcp.connectionCount,
      udpFlows: this.#udp.flowCount,
    };
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  adopt(change: Change): Change {
    if (kindOf(change) !== "Service") return change;
    const service = change.object as V1Service;
    const key = objectKey(service);
    const gone = change.type === "DELETED";
    const isBalanced = !gone && isBalancedHere(service);
    const address = isBalanced ? this.#addresses.get(key) : "";
    const claims = gone ? [] : claimsOf(service, address);
    if (!deepEqual(claims, this.#claims.get(key) ?? [])) {
      if (claims.length > 0) this.#claims.set(key, claims);
      else this.#claims.delete(key);
      this.#changed.add(key);
    }
    if (isBalanced) return { ...change, object: withBalancer(service, address) };
    this.#addresses.release(key);
    return change;
  }

  /** Rows first: a port that opens leads somewhere at once. */
  async sync(models: ServiceModels, full: boolean): Promise<void> {
    const { clock, metrics } = this.#options;
    const startMs = clock.monotonicMs();
    // One that failed has taken changes from the models and not written them.
    if (full) for (const family of FAMILIES) models[family].touchAll();
    this.#rules.sync(models);
    for (const service of this.#changed) this.#ports.set(service, this.#claims.get(service) ?? []);
    this.#changed.clear();
    if (metrics === undefined) return;
    for (const family of FAMILIES) metrics.synced(family, full, startMs, models[family]);
  }

  async stop(): Promise<void> {
    this.#ports.stop();
    this.#tcp.stop();
    this.#udp.stop();
  }

  #choose(claim: PortClaim, { remoteAddress }: Socket): Target | undefined {
    // It went away before it was looked at.
    if (remoteAddress === undefined) return undefined;
    return this.#resolve(claim, { source: remoteAddress });
  }

  #carry(claim: PortClaim, data: Buffer, from: RemoteInfo, socket: DatagramSocket): void {
    const target = this.#resolve(claim, { source: from.address, sourcePort: from.port });
    if (target !== undefined) this.#udp.carry(socket, keyOf(claim), from, target, data);
  }

  /** Whatever the rules would do with a packet that they do not translate: nobody is there. */
  #resolve(claim: PortClaim, from: Pick<Packet, "source" | "sourcePort">): Target | undefined {
    const { destination, port, protocol } = claim;
    const packet: Packet = { ...from, destination, port, protocol, from: "node" };
    const [verdict] = this.#rules.resolve([packet], this.#options.clock.monotonicMs());
    return verdict?.action === "dnat" ? verdict : undefined;
  }
}
