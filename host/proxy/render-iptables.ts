import { SERVICE_CHAIN_PREFIXES } from "./chain-names.ts";
import type { PortRules } from "./port-rules.ts";
import { nodePortAddresses, servesLocalhost } from "./proxy-options.ts";
import { type RenderContext, type RuleLines, renderPort } from "./render-port.ts";

/** More endpoints than this, over all service ports of a family, make a large cluster. */
export const LARGE_CLUSTER_ENDPOINTS = 1_000;

export interface RenderInput extends RenderContext {
  /** In the order they are to be written. */
  readonly rules: readonly PortRules[];
  /** Of a partial sync: `namespace/name` of the Services whose chains are written. Absent: all are. */
  readonly changed?: ReadonlySet<string>;
  /** Chains of table nat that are there: those of service ports that are not needed any more are deleted. */
  readonly existingChains?: Iterable<string>;
}

export interface RestoreText {
  /** For `iptables-restore -w 5 --noflush --counters`, or `ip6tables-restore`. */
  readonly text: string;
  /** Service chains that are there afterwards. */
  readonly activeChains: ReadonlySet<string>;
  /** Rules written to each table, and those of table nat that a partial sync leaves as they are. */
  readonly ruleCounts: { readonly filter: number; readonly nat: number; readonly keptNat: number };
}

/** Writes one family's whole input for the restore tool, filter before nat, as kube-proxy does. Source: service-tables 2.3. */
export function renderIptables(input: RenderInput): RestoreText {
  const { rules, changed, existingChains = [] } = input;
  const lines: RuleLines = {
    services: [],
    externalServices: [],
    nodePorts: [],
    proxyFirewall: [],
    natChains: [],
    natRules: [],
    activeChains: new Set(),
    keptRules: 0,
  };
  for (const one of rules) renderPort(one, changed?.has(one.port.service) ?? true, input, lines);
  const stale = [...existingChains]
    .filter((name) => isServiceChain(name) && !lines.activeChains.has(name))
    .sort();
  const filterRules = [
    firewallRules(input),
    lines.services,
    lines.externalServices,
    lines.nodePorts,
    lines.proxyFirewall,
    forwardRules(input),
  ];
  const natRules = [staticNatRules(input), lines.natRules];
  const nodePorts = nodePortRules(input);
  const text = [
    ["*filter"],
    filterChains(input).map(chainLine),
    ...filterRules,
    ["COMMIT", "*nat"],
    NAT_CHAINS.map(chainLine),
    lines.natChains.map(chainLine),
    stale.map(chainLine),
    ...natRules,
    stale.map((name) => `-X ${name}`),
    nodePorts,
    ["COMMIT"],
  ];
  const count = (some: readonly string[][]) => some.reduce((sum, rules) => sum + rules.length, 0);
  return {
    // Each part by itself: in a large cluster there are half a million lines.
    text: text.map((part) => (part.length === 0 ? "" : `${part.join("\n")}\n`)).join(""),
    activeChains: lines.activeChains,
    ruleCounts: {
      filter: count(filterRules),
      nat: count([...natRules, nodePorts]),
      keptNat: lines.keptRules,
    },
  };
}

export function isServiceChain(name: string): boolean {
  return SERVICE_CHAIN_PREFIXES.some((prefix) => name.startsWith(prefix));
}

const NAT_CHAINS = ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"];

/** Creates the chain, or flushes it. */
function chainLine(name: string): string {
  return `:${name} - [0:0]`;
}

function filterChains({ options, family }: RenderContext): string[] {
  const chains = [
    "KUBE-SERVICES",
    "KUBE-EXTERNAL-SERVICES",
    "KUBE-FORWARD",
    "KUBE-NODEPORTS",
    "KUBE-PROXY-FIREWALL",
  ];
  return servesLocalhost(options, family) ? [...chains, "KUBE-FIREWALL"] : chains;
}

/** route_localnet, which node ports on localhost need, lets packets of outside reach 127.0.0.1: this does not. */
function firewallRules({ options, family }: RenderContext): string[] {
  if (!servesLocalhost(options, family)) return [];
  return [
    '-A KUBE-FIREWALL -m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
  ];
}

function forwardRules({ options }: RenderContext): string[] {
  const mark = markText(options.masqueradeBit);
  const counted = options.nfacct.invalidDropped
    ? " -m nfacct --nfacct-name ct_state_invalid_dropped_pkts"
    : "";
  return [
    ...(options.dropInvalid ? [`-A KUBE-FORWARD -m conntrack --ctstate INVALID${counted} -j DROP`] : []),
    `-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark ${mark}/${mark} -j ACCEPT`,
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  ];
}

function staticNatRules({ options }: RenderContext): string[] {
  const mark = markText(options.masqueradeBit);
  return [
    `-A KUBE-POSTROUTING -m mark ! --mark ${mark}/${mark} -j RETURN`,
    `-A KUBE-POSTROUTING -j MARK --xor-mark ${mark}`,
    `-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE${options.randomFully ? " --random-fully" : ""}`,
    `-A KUBE-MARK-MASQ -j MARK --or-mark ${mark}`,
  ];
}

/** The last rule, or rules, of KUBE-SERVICES. Source: service-tables 2.7. */
function nodePortRules({ options, family }: RenderContext): string[] {
  const rule = (match: string) =>
    `-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" ${match} -j KUBE-NODEPORTS`;
  const addresses = nodePortAddresses(options, family);
  if (addresses !== "all") return addresses.map(({ text }) => rule(`-d ${text}`));
  if (servesLocalhost(options, family)) return [rule("-m addrtype --dst-type LOCAL")];
  return [rule(`-m addrtype --dst-type LOCAL ! -d ${family === "ipv4" ? "127.0.0.0/8" : "::1/128"}`)];
}

/** Go's `%#08x`, which pads after the `0x`. */
function markText(bit: number): string {
  return `0x${(2 ** bit).toString(16).padStart(8, "0")}`;
}
