import { type Address, type AddressRange, contains, type Family } from "./address.ts";

/** How a node's packets are recognised as its pods' own (`--detect-local-mode`). Source: service-tables 2.6. */
export type DetectLocal =
  | { readonly by: "nothing" }
  /** ClusterCIDR and NodeCIDR: at most one range a family. */
  | { readonly by: "source"; readonly ranges: readonly AddressRange[] }
  /** BridgeInterface; InterfaceNamePrefix with a `+` at the end. */
  | { readonly by: "interface"; readonly name: string };

/** What holds for all rules of a node: kube-proxy's flags, and the addresses of the node. */
export interface ProxyOptions {
  /** Addresses of the node's interfaces, loopback included. */
  readonly nodeAddresses: readonly Address[];
  /** The node's own address of each family, if it has one. */
  readonly nodeIps: readonly Address[];
  readonly detectLocal: DetectLocal;
  readonly masqueradeAll: boolean;
  /** 0 to 31. */
  readonly masqueradeBit: number;
  /** `--iptables-localhost-nodeports`; see `servesLocalhost`. */
  readonly localhostNodePorts: boolean;
  /** Ranges of `--nodeport-addresses`; empty: all addresses. */
  readonly nodePortAddresses: readonly AddressRange[];
  /** iptables 1.6.2 and later have `--random-fully`. */
  readonly randomFully: boolean;
  /** Drop what conntrack calls INVALID; kube-proxy does not where nf_conntrack_tcp_be_liberal is set. */
  readonly dropInvalid: boolean;
  /** Counters that netlink created: a rule that names one which is not there makes the whole restore fail. */
  readonly nfacct: { readonly invalidDropped: boolean; readonly localhostNodePorts: boolean };
}

/** The range of pods of a family; undefined where local traffic is not told by its source. */
export function podRange({ detectLocal }: ProxyOptions, family: Family): AddressRange | undefined {
  if (detectLocal.by !== "source") return undefined;
  return detectLocal.ranges.find((range) => range.family === family);
}

/** Where a family's node ports answer: everywhere, or at some of the node's addresses. */
export function nodePortAddresses(options: ProxyOptions, family: Family): "all" | readonly Address[] {
  const ranges = options.nodePortAddresses.filter((range) => range.family === family);
  if (ranges.length === 0 || ranges.some((range) => range.text.endsWith("/0"))) return "all";
  const localhost = servesLocalhost(options, family);
  const chosen = options.nodeAddresses.filter(
    (address) =>
      address.family === family &&
      ranges.some((range) => contains(range, address)) &&
      (localhost || !isLoopback(address)),
  );
  return chosen.filter((address, i) => chosen.findIndex((other) => other.text === address.text) === i);
}

/** Node ports on 127.0.0.1 work for IPv4 only, where the flag is on and the chosen addresses include loopback ones. */
export function servesLocalhost(options: ProxyOptions, family: Family): boolean {
  if (family === "ipv6" || !options.localhostNodePorts) return false;
  const ranges = options.nodePortAddresses.filter((range) => range.family === "ipv4");
  if (ranges.length === 0) return true;
  return ranges.some(({ text, words }) => text.endsWith("/0") || words[3] >>> 24 === 127);
}

export function isLoopback({ family, text, words }: Address): boolean {
  return family === "ipv4" ? words[3] >>> 24 === 127 : text === "::1";
}
