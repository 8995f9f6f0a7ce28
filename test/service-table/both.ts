import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import { ChainWalker } from "../../host/proxy/chain-walker.ts";
import {
  buildServiceTable,
  type Packet,
  type ServiceTable,
  type ServiceTableOptions,
  type Verdict,
} from "../../host/proxy/library.ts";
import { proxyOptions } from "../../host/proxy/table-options.ts";
import { NODE } from "./shorthand.ts";

/** The node of the reference (shared/spec/service-tables.md, 4.5): pods are 10.0.0.0/8. */
export const FLAGS: ServiceTableOptions = {
  nodeName: NODE,
  nodeAddresses: ["192.168.0.2", "192.168.1.2", "192.168.99.11", "2001:db8::1", "fd00:192::2"],
  clusterCidr: ["10.0.0.0/8", "fd00:10::/32"],
  flavour: "debug",
};

/** The same Services as a table and as chains that are walked, in both families. */
export interface Both {
  readonly table: ServiceTable;
  readonly walkers: { readonly ipv4: ChainWalker; readonly ipv6: ChainWalker };
}

export async function both(objects: readonly KubernetesObject[], flags: ServiceTableOptions): Promise<Both> {
  const table = await buildServiceTable(objects, flags);
  const { nodeAddresses } = proxyOptions(flags, undefined);
  const walker = (family: "ipv4" | "ipv6") => {
    const one = new ChainWalker(nodeAddresses);
    one.load(table.renderIptables(family));
    return one;
  };
  return { table, walkers: { ipv4: walker("ipv4"), ipv6: walker("ipv6") } };
}

/**
 * `10.0.0.2 > 172.30.0.41:80`, `fd00:10::2 > [fd00:172::1]:53/udp`. Where it comes from follows from the source: 10.x and
 * fd00:10: are pods, the node's own addresses and loopback are the node; `node 1.2.3.4 > …` says it.
 */
export function packet(text: string): Packet {
  const match = /^(?:(pod|node|external) )?(\S+) > \[?([^\]\s]+?)\]?:(\d+)(?:\/(\w+))?$/.exec(text);
  if (match === null) throw new Error(`not a packet: ${text}`);
  const [, said, source, destination, port, protocol = "tcp"] = match;
  const guessed = /^(10\.|fd00:10:)/.test(source!)
    ? "pod"
    : /^(192\.168\.(0\.2|1\.2|99\.11)|127\.|::1|2001:db8::1|fd00:192:)/.test(source!)
      ? "node"
      : "external";
  return {
    source: source!,
    destination: destination!,
    port: Number(port),
    protocol: protocol.toUpperCase() as Packet["protocol"],
    from: (said as Packet["from"] | undefined) ?? guessed,
  };
}

/** `10.0.0.1:80`, `10.0.0.1:80 masq`, `reject`. */
export function inWords(verdict: Verdict): string {
  if (verdict.action !== "dnat") return verdict.action;
  const address = verdict.address.includes(":") ? `[${verdict.address}]` : verdict.address;
  return `${address}:${verdict.port}${verdict.masquerade ? " masq" : ""}`;
}

/** Every answer of the table to a packet; so many tries that one of a handful is never missed by chance. */
export function tableSays(table: ServiceTable, one: Packet): string {
  const tries = table.resolve(Array<Packet>(120).fill(one), 0);
  return [...new Set(tries.map(inWords))].sort().join(" | ");
}

export function walkerSays({ walkers }: Both, one: Packet): string {
  const walker = one.source.includes(":") ? walkers.ipv6 : walkers.ipv4;
  return [...new Set(walker.possibleVerdicts(one, 0).map(({ verdict }) => inWords(verdict)))]
    .sort()
    .join(" | ");
}
