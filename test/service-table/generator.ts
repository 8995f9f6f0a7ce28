import type { V1EndpointSlice, V1Node, V1Service } from "../../host/api/generated/types.ts";
import type { Random } from "../../host/apimachinery/random.ts";
import type { Packet, ServiceTableOptions } from "../../host/proxy/library.ts";
import { FLAGS } from "./both.ts";
import { NODE, service, slice } from "./shorthand.ts";

/**
 * Random Services of few names and few addresses, so that they claim what others have, lose their endpoints and come back;
 * and packets that mostly mean them.
 */
export class Generator {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  one<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)]!;
  }

  chance(of: number): boolean {
    return this.#random.fraction() < of;
  }

  some<T>(from: readonly T[], most: number): T[] {
    return Array.from({ length: this.#random.below(most + 1) }, () => this.one(from));
  }

  flags(): ServiceTableOptions {
    const detection: ServiceTableOptions[] = [
      {},
      { clusterCidr: [] },
      { clusterCidr: [], detectLocalMode: "BridgeInterface", podBridgeInterface: "cbr0" },
      { clusterCidr: [], detectLocalMode: "InterfaceNamePrefix", podInterfaceNamePrefix: "veth" },
      { detectLocalMode: "NodeCIDR" },
    ];
    return {
      ...FLAGS,
      ...this.one(detection),
      masqueradeAll: this.chance(0.2),
      iptablesMasqueradeBit: this.one([14, 0, 31]),
      iptablesLocalhostNodeports: this.chance(0.8),
      nodeportAddresses: this.one([
        [],
        [],
        ["192.168.0.0/24"],
        ["0.0.0.0/0"],
        ["127.0.0.0/8", "192.168.1.0/24"],
        ["primary"],
      ]),
      seed: this.#random.nextUint32(),
    };
  }

  node(): V1Node {
    const zone = this.one(["a", "b", ""]);
    return {
      kind: "Node",
      metadata: { name: NODE, labels: zone === "" ? {} : { "topology.kubernetes.io/zone": zone } },
      spec: { podCIDRs: ["10.180.0.0/24", "fd00:10:180::/64"] },
    };
  }

  service(name: string): V1Service {
    const family = this.chance(0.3) ? 6 : 4;
    const type = this.one(["ClusterIP", "NodePort", "LoadBalancer", "LoadBalancer"]);
    const external = this.one(["Cluster", "Local"]);
    const ports = [
      this.#port("a", 80),
      ...(this.chance(0.4) ? [this.#port("b", this.one([53, 80, 443]))] : []),
    ];
    const vips = this.some([ADDRESSES.vip[family], ADDRESSES.vip2[family], ADDRESSES.node[family]].flat(), 2);
    return service(
      `ns/${name}`,
      this.one(ADDRESSES.cluster[family]),
      ports,
      {
        type,
        internalTrafficPolicy: this.one(["Cluster", "Cluster", "Local"]),
        ...(this.chance(0.9) ? { externalTrafficPolicy: external } : {}),
        ...(type === "LoadBalancer" && external === "Local"
          ? { healthCheckNodePort: this.one([30000, 30001]) }
          : {}),
        externalIPs: this.some(
          [...ADDRESSES.external[family], ...ADDRESSES.cluster[family], ...ADDRESSES.local[family]],
          2,
        ),
        loadBalancerSourceRanges: this.some(
          ["203.0.113.0/25", "192.168.0.0/24", "fd00:203::/64", "10.0.0.0/8", "2001:db8::/64", "0.0.0.0/0"],
          2,
        ),
        ...(this.chance(0.35)
          ? {
              sessionAffinity: "ClientIP",
              sessionAffinityConfig: { clientIP: { timeoutSeconds: this.one([1, 5, 60]) } },
            }
          : {}),
        ...(this.chance(0.05) ? { clusterIP: "None", clusterIPs: ["None"] } : {}),
      },
      vips.map((ip) => ({ ip, ...(this.chance(0.3) ? { ipMode: this.one(["VIP", "Proxy"]) } : {}) })),
    );
  }

  #port(name: string, port: number): string {
    const nodePort = this.chance(0.5) ? ` ${this.one([3001, 3002, 3003])}` : "";
    return `${name} ${this.one(["TCP", "TCP", "UDP", "SCTP"])} ${port}${nodePort}`;
  }

  /** Both families, and each protocol: what does not fit the Service is passed over. */
  slice(name: string, suffix: string): V1EndpointSlice {
    const family = this.chance(0.3) ? 6 : 4;
    const hints = this.chance(0.3);
    const nodes = this.chance(0.2);
    const endpoints = this.some(ADDRESSES.endpoint[family], 5).map((address) =>
      [
        address,
        `@${this.one([NODE, "other"])}`,
        this.one(["", "", "", "", "not-ready", "terminating", "terminating serving"]),
        hints && this.chance(0.95) ? `zones=${this.one(["a", "b", "a,b"])}` : "",
        nodes && this.chance(0.95) ? `nodes=${this.one([NODE, "other"])}` : "",
      ]
        .filter((word) => word !== "")
        .join(" "),
    );
    const ports = ["TCP", "UDP", "SCTP"].flatMap((protocol) => [
      `a ${protocol} ${this.one([80, 8080])}`,
      `b ${protocol} 53`,
    ]);
    return slice(`ns/${name}`, ports, endpoints, suffix);
  }

  packet(): Packet {
    const family = this.chance(0.3) ? 6 : 4;
    const all = ADDRESSES;
    const destinations = [
      ...all.cluster[family],
      ...all.cluster[family],
      ...all.external[family],
      ...all.vip[family],
      ...all.vip2[family],
      ...all.node[family],
      ...all.local[family],
      ...all.endpoint[family].slice(0, 2),
    ];
    const sources = [
      ...all.client[family],
      ...all.pod[family],
      ...all.endpoint[family],
      ...all.node[family],
      ...all.vip[family],
    ];
    const source = this.one([...sources, ...(family === 4 ? ["127.0.0.1"] : ["::1"])]);
    const isOwn = [...all.node[family], ...all.local[family], "127.0.0.1", "::1"].includes(source);
    return {
      source,
      destination: this.one([
        ...destinations,
        ...(isOwn || this.chance(0.2) ? [family === 4 ? "127.0.0.1" : "::1"] : []),
      ]),
      port: this.one([80, 80, 80, 53, 443, 3001, 3002, 3003, 8080, 30000]),
      protocol: this.one(["TCP", "TCP", "UDP", "SCTP"]),
      from: isOwn ? "node" : this.one(["pod", "external", "external"]),
    };
  }
}

/** By family. */
const ADDRESSES = {
  cluster: { 4: ["172.30.0.1", "172.30.0.2", "172.30.0.3"], 6: ["fd00:172::1", "fd00:172::2"] },
  external: { 4: ["198.51.100.1", "198.51.100.2"], 6: ["fd00:198::1"] },
  vip: { 4: ["1.2.3.4"], 6: ["fd00:1::4"] },
  vip2: { 4: ["5.6.7.8"], 6: ["fd00:5::8"] },
  node: { 4: ["192.168.0.2"], 6: ["2001:db8::1"] },
  local: { 4: ["192.168.99.11", "192.168.1.2"], 6: ["fd00:192::2"] },
  endpoint: {
    4: ["10.180.0.1", "10.180.0.2", "10.180.0.10", "10.180.1.1", "192.168.0.2"],
    6: ["fd00:10:180::1", "fd00:10:180::2", "fd00:10:181::1"],
  },
  client: { 4: ["203.0.113.2", "203.0.113.130"], 6: ["fd00:203::2", "fd00:204::2"] },
  pod: { 4: ["10.0.0.2", "10.180.0.77"], 6: ["fd00:10::2"] },
} as const;
