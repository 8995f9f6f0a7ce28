import { contains, type Family } from "./address.ts";
import { type ChainNames, chainNames, endpointChain } from "./chain-names.ts";
import type { Endpoint } from "./endpoint.ts";
import type { PortRules } from "./port-rules.ts";
import { probabilityText } from "./probability.ts";
import { type ProxyOptions, podRange, servesLocalhost } from "./proxy-options.ts";
import type { ServicePort } from "./service-port.ts";

/** What rules of one family are written with. */
export interface RenderContext {
  readonly family: Family;
  readonly options: ProxyOptions;
  /** More than 1,000 endpoints: comments are left out of the chains that there are most of. */
  readonly largeCluster: boolean;
}

/**
 * The lines of a restore text as they are gathered. Filter rules are kept by chain, and written so; rules of different
 * chains do not care for each other's order.
 */
export interface RuleLines {
  readonly services: string[];
  readonly externalServices: string[];
  readonly nodePorts: string[];
  readonly proxyFirewall: string[];
  readonly natChains: string[];
  readonly natRules: string[];
  /** Every service chain there is after the restore, written or not. */
  readonly activeChains: Set<string>;
  /** How many rules of table nat stay as they are: those of ports that did not change. */
  keptRules: number;
}

/**
 * Writes the rules of one service port in kube-proxy's order. A partial sync leaves out the chains of ports that did not
 * change: only what dispatches to them, which is rewritten whole, is said. Source: service-tables 3.4, 3.5.
 */
export function renderPort(
  rules: PortRules,
  changed: boolean,
  context: RenderContext,
  lines: RuleLines,
): void {
  const names = chainNames(rules.port);
  renderDispatch(rules, names, context, lines);
  const { cluster, local, external, firewall } = names;
  if (rules.usesExternalChain) lines.activeChains.add(external);
  if (rules.usesFirewallChain) lines.activeChains.add(firewall);
  if (rules.usesClusterChain) lines.activeChains.add(cluster);
  if (rules.usesLocalChain) lines.activeChains.add(local);
  for (const one of rules.reachable) lines.activeChains.add(endpointChain(rules.port, one));
  if (!changed) {
    lines.keptRules += chainRuleCount(rules, context);
    return;
  }
  renderMasquerade(rules, names, context, lines);
  if (rules.usesExternalChain) renderExternal(rules, names, context, lines);
  if (rules.usesFirewallChain) renderFirewall(rules, names, context, lines);
  if (rules.usesClusterChain) renderBalancing(cluster, rules.clusterEndpoints, rules, context, lines);
  if (rules.usesLocalChain) renderBalancing(local, rules.localEndpoints, rules, context, lines);
  renderEndpoints(rules, context, lines);
}

/** How many rules a port's own chains have. */
function chainRuleCount(rules: PortRules, context: RenderContext): number {
  const { port, clusterEndpoints, localEndpoints } = rules;
  const { masqueradeAll } = context.options;
  const detects = detectLocal(context, "") !== undefined;
  const balancing = port.affinitySeconds > 0 ? 2 : 1;
  let count = 2 * rules.reachable.length;
  if (rules.hasInternal && (masqueradeAll || detects)) count++;
  if (rules.usesExternalChain)
    count += (port.externalLocal ? 2 + Number(detects) : 1) + Number(rules.hasExternal);
  if (rules.usesFirewallChain) count += allowedSources(port, context).length + 1;
  if (rules.usesClusterChain) count += balancing * clusterEndpoints.length;
  if (rules.usesLocalChain) count += balancing * localEndpoints.length;
  return count;
}

/** What leads packets to the port's chains, or refuses them: F1 to F6 and N1 to N5 of the reference. */
function renderDispatch(rules: PortRules, names: ChainNames, context: RenderContext, lines: RuleLines): void {
  const { port, hasAny, hasInternal, hasExternal, usesFirewallChain } = rules;
  const { name } = port;
  const nat = lines.natRules;
  const protocol = port.protocol.toLowerCase();
  const to = (address: string) => `-m ${protocol} -p ${protocol} -d ${address} --dport ${port.port}`;
  const verdict = hasAny ? "DROP" : "REJECT";
  const refused = `-m comment --comment "${name} has no ${hasAny ? "local " : ""}endpoints"`;

  const internalChain = port.internalLocal ? names.local : names.cluster;
  if (hasInternal)
    nat.push(
      `-A KUBE-SERVICES -m comment --comment "${name} cluster IP" ${to(port.clusterIp)} -j ${internalChain}`,
    );
  else lines.services.push(`-A KUBE-SERVICES ${refused} ${to(port.clusterIp)} -j ${verdict}`);

  for (const address of port.externalIps) {
    if (hasAny)
      nat.push(
        `-A KUBE-SERVICES -m comment --comment "${name} external IP" ${to(address)} -j ${names.external}`,
      );
    if (!hasExternal)
      lines.externalServices.push(`-A KUBE-EXTERNAL-SERVICES ${refused} ${to(address)} -j ${verdict}`);
  }

  const balancerChain = usesFirewallChain ? names.firewall : names.external;
  for (const vip of port.loadBalancerVips) {
    if (hasAny)
      nat.push(
        `-A KUBE-SERVICES -m comment --comment "${name} loadbalancer IP" ${to(vip)} -j ${balancerChain}`,
      );
    if (usesFirewallChain)
      lines.proxyFirewall.push(
        `-A KUBE-PROXY-FIREWALL -m comment --comment "${name} traffic not accepted by ${names.firewall}" ${to(vip)} -j DROP`,
      );
  }
  if (!hasExternal)
    for (const vip of port.loadBalancerVips)
      lines.externalServices.push(`-A KUBE-EXTERNAL-SERVICES ${refused} ${to(vip)} -j ${verdict}`);

  if (port.nodePort !== 0) {
    const match = `-m ${protocol} -p ${protocol}`;
    const { options, family } = context;
    if (hasAny) {
      if (options.nfacct.localhostNodePorts && servesLocalhost(options, family))
        nat.push(
          `-A KUBE-NODEPORTS -m comment --comment ${name} ${match} -d 127.0.0.0/8 --dport ${port.nodePort} -m nfacct --nfacct-name localhost_nps_accepted_pkts -j ${names.external}`,
        );
      nat.push(
        `-A KUBE-NODEPORTS -m comment --comment ${name} ${match} --dport ${port.nodePort} -j ${names.external}`,
      );
    }
    if (!hasExternal)
      lines.externalServices.push(
        `-A KUBE-EXTERNAL-SERVICES ${refused} -m addrtype --dst-type LOCAL ${match} --dport ${port.nodePort} -j ${verdict}`,
      );
  }
  if (port.healthCheckNodePort !== 0)
    lines.nodePorts.push(
      `-A KUBE-NODEPORTS -m comment --comment "${name} health check node port" -m tcp -p tcp --dport ${port.healthCheckNodePort} -j ACCEPT`,
    );
}

/** N7: who reaches the ClusterIP from outside the pods' network is answered by way of this node. */
function renderMasquerade(
  { port, hasInternal }: PortRules,
  names: ChainNames,
  context: RenderContext,
  lines: RuleLines,
) {
  const outside = context.options.masqueradeAll ? "" : detectLocal(context, "! ");
  if (!hasInternal || outside === undefined) return;
  const chain = port.internalLocal ? names.local : names.cluster;
  const protocol = port.protocol.toLowerCase();
  lines.natRules.push(
    `-A ${chain} -m comment --comment "${port.name} cluster IP" -m ${protocol} -p ${protocol} -d ${port.clusterIp} --dport ${port.port}${outside} -j KUBE-MARK-MASQ`,
  );
}

/** ` -s 10.0.0.0/8`, or what recognises pods otherwise, negated with `not`; undefined: nothing does. */
function detectLocal({ options, family }: RenderContext, not: "" | "! "): string | undefined {
  if (options.detectLocal.by === "interface") return ` ${not}-i ${options.detectLocal.name}`;
  const range = podRange(options, family);
  return range === undefined ? undefined : ` ${not}-s ${range.text}`;
}

/** N8: packets that came in by an address of outside. */
function renderExternal(rules: PortRules, names: ChainNames, context: RenderContext, lines: RuleLines): void {
  const { port, hasExternal } = rules;
  const rule = (comment: string, rest: string) =>
    lines.natRules.push(
      `-A ${names.external} -m comment --comment "${comment} for ${port.name} external destinations"${rest}`,
    );
  lines.natChains.push(names.external);
  if (!port.externalLocal) rule("masquerade traffic", " -j KUBE-MARK-MASQ");
  else {
    const pods = detectLocal(context, "");
    if (pods !== undefined) rule("pod traffic", `${pods} -j ${names.cluster}`);
    rule("masquerade LOCAL traffic", " -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ");
    rule("route LOCAL traffic", ` -m addrtype --src-type LOCAL -j ${names.cluster}`);
  }
  if (hasExternal)
    lines.natRules.push(`-A ${names.external} -j ${port.externalLocal ? names.local : names.cluster}`);
}

/** N9: whom the load balancer's addresses serve. */
function renderFirewall(
  { port }: PortRules,
  names: ChainNames,
  context: RenderContext,
  lines: RuleLines,
): void {
  lines.natChains.push(names.firewall);
  for (const source of allowedSources(port, context))
    lines.natRules.push(
      `-A ${names.firewall} -m comment --comment "${port.name} loadbalancer IP" -s ${source} -j ${names.external}`,
    );
  lines.natRules.push(
    `-A ${names.firewall} -m comment --comment "other traffic to ${port.name} will be dropped by KUBE-PROXY-FIREWALL"`,
  );
}

/** Packets seen with an address of the load balancer as their source come from this node. */
function allowedSources(port: ServicePort, { options, family }: RenderContext): string[] {
  const ranges = port.sourceRanges.map(({ text }) => text);
  const nodeIp = options.nodeIps.find((address) => address.family === family);
  const fromNode = nodeIp !== undefined && port.sourceRanges.some((range) => contains(range, nodeIp));
  return fromNode ? [...ranges, ...port.loadBalancerVips] : ranges;
}

/** N10, N11: first to the endpoint that served the client before, then to each with its share of what is left. */
function renderBalancing(
  chain: string,
  endpoints: readonly Endpoint[],
  { port }: PortRules,
  { largeCluster }: RenderContext,
  lines: RuleLines,
): void {
  const rule = (endpoint: Endpoint, rest: string) => {
    const comment = largeCluster ? "" : ` -m comment --comment "${port.name} -> ${endpoint.text}"`;
    lines.natRules.push(`-A ${chain}${comment}${rest} -j ${endpointChain(port, endpoint)}`);
  };
  lines.natChains.push(chain);
  if (port.affinitySeconds > 0)
    for (const endpoint of endpoints)
      rule(
        endpoint,
        ` -m recent --name ${endpointChain(port, endpoint)} --rcheck --seconds ${port.affinitySeconds} --reap`,
      );
  for (const [i, endpoint] of endpoints.entries()) {
    const left = endpoints.length - i;
    rule(endpoint, left === 1 ? "" : ` -m statistic --mode random --probability ${probabilityText(left)}`);
  }
}

/** N12: a client that is the endpoint itself gets its answer by way of this node. */
function renderEndpoints(
  { port, reachable }: PortRules,
  { largeCluster }: RenderContext,
  lines: RuleLines,
): void {
  const protocol = port.protocol.toLowerCase();
  const comment = largeCluster ? "" : ` -m comment --comment ${port.name}`;
  for (const endpoint of reachable) {
    const chain = endpointChain(port, endpoint);
    const remember = port.affinitySeconds > 0 ? ` -m recent --name ${chain} --set` : "";
    lines.natChains.push(chain);
    lines.natRules.push(`-A ${chain}${comment} -s ${endpoint.address.text} -j KUBE-MARK-MASQ`);
    lines.natRules.push(
      `-A ${chain}${comment}${remember} -m ${protocol} -p ${protocol} -j DNAT --to-destination ${endpoint.text}`,
    );
  }
}
