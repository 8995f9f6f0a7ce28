import type { V1Node } from "../api/generated/types.ts";
import { type Address, type AddressRange, parseAddress, parseRange, single } from "./address.ts";
import type { DetectLocal, ProxyOptions } from "./proxy-options.ts";

/** kube-proxy's flags, under their names; what is absent has kube-proxy's default. */
export interface ProxyFlags {
  /** The node whose tables these are; default: the only Node among the objects. */
  readonly nodeName?: string;
  /** Addresses of the node's interfaces; default: the InternalIPs of its Node. Loopback is always among them. */
  readonly nodeAddresses?: readonly string[];
  /** Default: ClusterCIDR. */
  readonly detectLocalMode?: "ClusterCIDR" | "NodeCIDR" | "BridgeInterface" | "InterfaceNamePrefix";
  /** Of ClusterCIDR; the first of each family counts. */
  readonly clusterCidr?: readonly string[];
  readonly podBridgeInterface?: string;
  readonly podInterfaceNamePrefix?: string;
  readonly masqueradeAll?: boolean;
  readonly iptablesMasqueradeBit?: number;
  readonly iptablesLocalhostNodeports?: boolean;
  /** Ranges, or `primary`. */
  readonly nodeportAddresses?: readonly string[];
  /** Whether iptables knows `--random-fully`: from 1.6.2. */
  readonly randomFully?: boolean;
  /** Off where nf_conntrack_tcp_be_liberal is on. */
  readonly dropInvalid?: boolean;
  /** Counters that were created by netlink. */
  readonly nfacct?: Partial<ProxyOptions["nfacct"]>;
}

/** A flag that cannot be read. The message is one line and names it. */
export class FlagError extends Error {
  override readonly name = "FlagError";
}

/** @throws FlagError */
export function proxyOptions(flags: ProxyFlags, node: V1Node | undefined): ProxyOptions {
  const bit = flags.iptablesMasqueradeBit ?? 14;
  if (!Number.isInteger(bit) || bit < 0 || bit > 31)
    throw new FlagError(`iptables-masquerade-bit: must be within the range [0, 31], not ${bit}`);
  const nodeIps = (flags.nodeAddresses ?? internalIps(node)).map((text) => address("node-addresses", text));
  return {
    nodeAddresses: [...nodeIps, address("", "127.0.0.1"), address("", "::1")],
    nodeIps,
    detectLocal: detectLocal(flags, node),
    masqueradeAll: flags.masqueradeAll ?? false,
    masqueradeBit: bit,
    localhostNodePorts: flags.iptablesLocalhostNodeports ?? true,
    nodePortAddresses: (flags.nodeportAddresses ?? []).flatMap((text) =>
      text === "primary" ? primary(nodeIps) : [range("nodeport-addresses", text)],
    ),
    randomFully: flags.randomFully ?? true,
    dropInvalid: flags.dropInvalid ?? true,
    nfacct: { invalidDropped: false, localhostNodePorts: false, ...flags.nfacct },
  };
}

/** The addresses that a node reports of itself. */
function internalIps(node: V1Node | undefined): string[] {
  const addresses = node?.status?.addresses ?? [];
  return addresses.filter(({ type }) => type === "InternalIP").map((one) => one.address);
}

/** The first address of each family. */
function primary(nodeIps: readonly Address[]): AddressRange[] {
  const first = (["ipv4", "ipv6"] as const).map((family) => nodeIps.find((one) => one.family === family));
  return first.flatMap((one) => (one === undefined ? [] : [single(one)]));
}

function detectLocal(flags: ProxyFlags, node: V1Node | undefined): DetectLocal {
  const mode = flags.detectLocalMode ?? "ClusterCIDR";
  switch (mode) {
    case "BridgeInterface":
      return { by: "interface", name: named("pod-bridge-interface", flags.podBridgeInterface) };
    case "InterfaceNamePrefix":
      return {
        by: "interface",
        name: `${named("pod-interface-name-prefix", flags.podInterfaceNamePrefix)}+`,
      };
    case "ClusterCIDR":
    case "NodeCIDR": {
      const { podCIDRs, podCIDR } = node?.spec ?? {};
      const ofNode = podCIDRs ?? (podCIDR === undefined ? [] : [podCIDR]);
      const texts = mode === "NodeCIDR" ? ofNode : (flags.clusterCidr ?? []);
      if (texts.length === 0) return { by: "nothing" };
      return { by: "source", ranges: texts.map((text) => range("cluster-cidr", text)) };
    }
    default:
      return mode satisfies never;
  }
}

function named(flag: string, name: string | undefined): string {
  if (!name) throw new FlagError(`${flag}: is required by the detect-local mode`);
  if (!/^[^\s/+"]{1,15}$/.test(name)) throw new FlagError(`${flag}: ${JSON.stringify(name)} is no interface`);
  return name;
}

function address(flag: string, text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new FlagError(`${flag}: ${JSON.stringify(text)} is not an IP address`);
  return parsed;
}

function range(flag: string, text: string): AddressRange {
  const parsed = parseRange(text);
  if (parsed === undefined) throw new FlagError(`${flag}: ${JSON.stringify(text)} is not a CIDR block`);
  return parsed;
}
