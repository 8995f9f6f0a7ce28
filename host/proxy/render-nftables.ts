import { createHash } from "node:crypto";
import { contains, type Family } from "./address.ts";
import { base32 } from "./chain-names.ts";
import type { Endpoint } from "./endpoint.ts";
import type { PortRules } from "./port-rules.ts";
import { nodePortAddresses, type ProxyOptions, podRange } from "./proxy-options.ts";
import type { ServicePort } from "./service-port.ts";

/** A chain, or a set or map with its elements, of a table. */
export interface NftBlock {
  readonly kind: "chain" | "set" | "map";
  readonly name: string;
  /** Rules of a chain; what a set is. */
  readonly lines: readonly string[];
  /** `key`, or `key : verdict`. */
  readonly elements: readonly string[];
}

/** `ip kube-proxy` */
export function nftTableName(family: Family): string {
  return `${ipOf(family)} kube-proxy`;
}

/**
 * The same rules in kube-proxy's nftables form: a packet finds its service in a map, whatever their number. One table a
 * family; loading the text replaces the table in one transaction. Source: service-tables 5.6, with its deliberate differences
 * from the iptables form: source ranges are checked before translation, node ports never answer on localhost, unused ports
 * of a ClusterIP are refused.
 */
export function renderNftables(family: Family, rules: readonly PortRules[], options: ProxyOptions): string {
  return nftTableText(family, nftBlocks(family, rules, options));
}

/** All that is in a family's table, in the order in which it is written. */
export function nftBlocks(family: Family, rules: readonly PortRules[], options: ProxyOptions): NftBlock[] {
  const elements = new Elements();
  const chains: NftBlock[] = [];
  for (const one of rules) renderPort(one, family, options, elements, chains);
  return [...staticSets(family, options, elements), ...staticChains(family, options), ...chains];
}

export function nftTableText(family: Family, blocks: readonly NftBlock[]): string {
  const table = nftTableName(family);
  return [
    `add table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    ...blocks.map(blockText),
    "}",
    "",
  ].join("\n");
}

/** Elements of the maps and sets. Of two that claim the same key the first stays: a map has room for one. */
class Elements {
  readonly clusterIps = new Set<string>();
  readonly hairpins = new Set<string>();
  readonly serviceIps = new Map<string, string>();
  readonly serviceNodePorts = new Map<string, string>();
  readonly withoutEndpoints = new Map<string, string>();
  readonly nodePortsWithoutEndpoints = new Map<string, string>();
  readonly firewallIps = new Map<string, string>();
}

function add(map: Map<string, string>, key: string, verdict: string): void {
  if (!map.has(key)) map.set(key, verdict);
}

const ipOf = (family: Family) => (family === "ipv4" ? "ip" : "ip6");

/** The kernel allows 255 characters for names; kube-proxy stays below. */
const MAX_NAME_LENGTH = 240;

/** `service-ULMVA6XW-ns1/svc1/tcp/p80` */
export function nftablesName(prefix: string, name: string): string {
  const hash = base32(createHash("sha256").update(name).digest(), 8);
  const whole = `${prefix}-${hash}-${name}`;
  return whole.length <= MAX_NAME_LENGTH ? whole : `${whole.slice(0, MAX_NAME_LENGTH - 3)}...`;
}

function nameOf({ service, protocol, portName }: ServicePort): string {
  return `${service}/${protocol.toLowerCase()}/${portName}`;
}

function endpointName(port: ServicePort, { address, port: number }: Endpoint): string {
  return `${nameOf(port)}__${address.text.replaceAll(":", ".")}/${number}`;
}

function renderPort(
  rules: PortRules,
  family: Family,
  options: ProxyOptions,
  elements: Elements,
  chains: NftBlock[],
): void {
  const { port, hasAny, hasInternal, hasExternal } = rules;
  const protocol = port.protocol.toLowerCase();
  const chain = (prefix: string) => nftablesName(prefix, nameOf(port));
  const refused = hasAny ? "drop" : "goto reject-chain";
  const key = (address: string) => `${address} . ${protocol} . ${port.port}`;
  elements.clusterIps.add(port.clusterIp);
  if (hasInternal)
    add(elements.serviceIps, key(port.clusterIp), `goto ${chain(port.internalLocal ? "local" : "service")}`);
  else add(elements.withoutEndpoints, key(port.clusterIp), refused);
  for (const address of [...port.externalIps, ...port.loadBalancerVips]) {
    if (hasAny) add(elements.serviceIps, key(address), `goto ${chain("external")}`);
    if (!hasExternal) add(elements.withoutEndpoints, key(address), refused);
  }
  if (rules.usesFirewallChain)
    for (const vip of port.loadBalancerVips) add(elements.firewallIps, key(vip), `goto ${chain("firewall")}`);
  if (port.nodePort !== 0) {
    const nodePort = `${protocol} . ${port.nodePort}`;
    if (hasAny) add(elements.serviceNodePorts, nodePort, `goto ${chain("external")}`);
    if (!hasExternal) add(elements.nodePortsWithoutEndpoints, nodePort, refused);
  }
  for (const { isLocal, address, port: number } of rules.reachable)
    if (isLocal) elements.hairpins.add(`${address.text} . ${address.text} . ${protocol} . ${number}`);

  const put = (name: string, lines: readonly string[]) => chains.push(block("chain", name, lines));
  if (port.affinitySeconds > 0) for (const one of rules.reachable) renderEndpoint(port, one, family, chains);
  if (rules.usesClusterChain) put(chain("service"), dispatch(rules, rules.clusterEndpoints, family));
  if (rules.usesLocalChain) put(chain("local"), dispatch(rules, rules.localEndpoints, family));
  if (rules.usesExternalChain) put(chain("external"), external(rules, chain, family, options));
  if (rules.usesFirewallChain) put(chain("firewall"), firewall(port, family, options));
}

/** A connection goes to an endpoint drawn from a map; with affinity, to the one that the client is bound to. */
function dispatch({ port }: PortRules, endpoints: readonly Endpoint[], family: Family): string[] {
  const ip = ipOf(family);
  const draw = `numgen random mod ${endpoints.length}`;
  if (port.affinitySeconds === 0) {
    const targets = endpoints.map((one, i) => `${i} : ${one.address.text} . ${one.port}`);
    return [
      `meta l4proto ${port.protocol.toLowerCase()} dnat ${ip} addr . port to ${draw} map { ${targets.join(", ")} }`,
    ];
  }
  const names = endpoints.map((one) => endpointName(port, one));
  const targets = names.map((name, i) => `${i} : goto ${nftablesName("endpoint", name)}`);
  return [
    ...names.map(
      (name) => `${ip} saddr @${nftablesName("affinity", name)} goto ${nftablesName("endpoint", name)}`,
    ),
    `${draw} vmap { ${targets.join(", ")} }`,
  ];
}

function renderEndpoint(port: ServicePort, endpoint: Endpoint, family: Family, chains: NftBlock[]): void {
  const ip = ipOf(family);
  const name = endpointName(port, endpoint);
  const affinity = nftablesName("affinity", name);
  chains.push(
    block("set", affinity, [
      `type ${ip === "ip" ? "ipv4_addr" : "ipv6_addr"}`,
      "flags dynamic,timeout",
      `timeout ${port.affinitySeconds}s`,
    ]),
    block("chain", nftablesName("endpoint", name), [
      `update @${affinity} { ${ip} saddr }`,
      `meta l4proto ${port.protocol.toLowerCase()} dnat ${ip} to ${endpoint.text}`,
    ]),
  );
}

/** As chain EXT of the iptables form. */
function external(
  { port, hasExternal }: PortRules,
  chain: (prefix: string) => string,
  family: Family,
  options: ProxyOptions,
): string[] {
  if (!port.externalLocal) return ["jump mark-for-masquerade", `goto ${chain("service")}`];
  const pods = fromPods(family, options, "");
  return [
    ...(pods === undefined ? [] : [`${pods} goto ${chain("service")}`]),
    "fib saddr type local jump mark-for-masquerade",
    `fib saddr type local goto ${chain("service")}`,
    ...(hasExternal ? [`goto ${chain("local")}`] : []),
  ];
}

/** As chain FW: whom the load balancer's addresses do not serve, before anything is translated. */
function firewall(port: ServicePort, family: Family, options: ProxyOptions): string[] {
  const nodeIp = options.nodeIps.find((address) => address.family === family);
  const fromNode = nodeIp !== undefined && port.sourceRanges.some((range) => contains(range, nodeIp));
  const ranges = port.sourceRanges.map(({ text }) => text);
  // One rule each: an interval set with ranges that overlap does not load.
  const allowed = [...new Set([...ranges, ...(fromNode ? port.loadBalancerVips : [])])];
  return [...allowed.map((source) => `${ipOf(family)} saddr ${source} return`), "drop"];
}

/** What recognises the packets of this node's pods, negated with `!= `; undefined: nothing does. */
function fromPods(family: Family, options: ProxyOptions, not: "" | "!= "): string | undefined {
  if (options.detectLocal.by === "interface") {
    const { name } = options.detectLocal;
    return `iifname ${not}"${name.endsWith("+") ? `${name.slice(0, -1)}*` : name}"`;
  }
  const range = podRange(options, family);
  return range === undefined ? undefined : `${ipOf(family)} saddr ${not}${range.text}`;
}

function staticSets(family: Family, options: ProxyOptions, elements: Elements): NftBlock[] {
  const address = family === "ipv4" ? "ipv4_addr" : "ipv6_addr";
  const service = `${address} . inet_proto . inet_service`;
  const set = (name: string, type: string, some: Iterable<string>) =>
    block("set", name, [`type ${type}`], [...some]);
  const map = (name: string, type: string, some: ReadonlyMap<string, string>) =>
    block(
      "map",
      name,
      [`type ${type} : verdict`],
      [...some].map(([key, to]) => `${key} : ${to}`),
    );
  const chosen = nodePortAddresses(options, family);
  return [
    set("cluster-ips", address, elements.clusterIps),
    set("nodeport-ips", address, chosen === "all" ? [] : chosen.map(({ text }) => text)),
    set("hairpin-connections", `${address} . ${address} . inet_proto . inet_service`, elements.hairpins),
    map("service-ips", service, elements.serviceIps),
    map("service-nodeports", "inet_proto . inet_service", elements.serviceNodePorts),
    map("no-endpoint-services", service, elements.withoutEndpoints),
    map("no-endpoint-nodeports", "inet_proto . inet_service", elements.nodePortsWithoutEndpoints),
    map("firewall-ips", service, elements.firewallIps),
  ];
}

function staticChains(family: Family, options: ProxyOptions): NftBlock[] {
  const ip = ipOf(family);
  const mark = `0x${(2 ** options.masqueradeBit).toString(16)}`;
  const others = `0x${(0xffffffff - 2 ** options.masqueradeBit).toString(16)}`;
  const outside = options.masqueradeAll ? "" : fromPods(family, options, "!= ");
  const destination = `${ip} daddr . meta l4proto . th dport`;
  const toNode =
    nodePortAddresses(options, family) === "all"
      ? `fib daddr type local ${ip} daddr != ${family === "ipv4" ? "127.0.0.0/8" : "::1"}`
      : `${ip} daddr @nodeport-ips`;
  const chain = (name: string, ...lines: string[]) => block("chain", name, lines);
  const hook = (name: string, type: string, where: string, priority: string, ...lines: string[]) =>
    chain(name, `type ${type} hook ${where} priority ${priority}; policy accept;`, ...lines);
  return [
    chain("reject-chain", "reject"),
    chain("mark-for-masquerade", `meta mark set meta mark or ${mark}`),
    chain(
      "masquerading",
      `${ip} saddr . ${ip} daddr . meta l4proto . th dport @hairpin-connections masquerade${options.randomFully ? " fully-random" : ""}`,
      `meta mark and ${mark} == 0 return`,
      `meta mark set meta mark and ${others}`,
      `masquerade${options.randomFully ? " fully-random" : ""}`,
    ),
    chain("firewall-check", `${destination} vmap @firewall-ips`),
    chain("service-endpoints-check", `${destination} vmap @no-endpoint-services`),
    chain(
      "nodeport-endpoints-check",
      `fib daddr type local meta l4proto . th dport vmap @no-endpoint-nodeports`,
    ),
    chain("cluster-ips-check", `${ip} daddr @cluster-ips reject`),
    hook("filter-prerouting-pre-dnat", "filter", "prerouting", "-110", "ct state new jump firewall-check"),
    hook("filter-output-pre-dnat", "filter", "output", "-110", "ct state new jump firewall-check"),
    hook(
      "filter-input",
      "filter",
      "input",
      "0",
      "ct state new jump nodeport-endpoints-check",
      "ct state new jump service-endpoints-check",
    ),
    hook(
      "filter-forward",
      "filter",
      "forward",
      "0",
      "ct state new jump service-endpoints-check",
      "ct state new jump cluster-ips-check",
    ),
    hook(
      "filter-output",
      "filter",
      "output",
      "0",
      "ct state new jump service-endpoints-check",
      "ct state new jump cluster-ips-check",
    ),
    chain(
      "services",
      ...(outside === undefined
        ? []
        : [`${ip} daddr @cluster-ips ${outside} jump mark-for-masquerade`.replace("  ", " ")]),
      `${destination} vmap @service-ips`,
      `${toNode} meta l4proto . th dport vmap @service-nodeports`,
    ),
    hook("nat-prerouting", "nat", "prerouting", "-100", "jump services"),
    hook("nat-output", "nat", "output", "-100", "jump services"),
    hook("nat-postrouting", "nat", "postrouting", "100", "jump masquerading"),
  ];
}

function block(
  kind: NftBlock["kind"],
  name: string,
  lines: readonly string[],
  elements: readonly string[] = [],
): NftBlock {
  return { kind, name, lines, elements };
}

function blockText({ kind, name, lines, elements }: NftBlock): string {
  const listed = elements.length === 0 ? [] : [`elements = { ${elements.join(",\n\t\t\t")} }`];
  return [`\t${kind} ${name} {`, ...[...lines, ...listed].map((line) => `\t\t${line}`), "\t}"].join("\n");
}
