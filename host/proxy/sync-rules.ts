import type { ServiceTableCore } from "../wasm/service-table-core.ts";
import type { Entry, ServiceFlagName, WayIn } from "../wasm/service-table-facts.ts";
import { type Address, type AddressRange, contains, type Family, parseAddress, single } from "./address.ts";
import { comparePlaces, type Endpoint } from "./endpoint.ts";
import type { PortRules } from "./port-rules.ts";
import { RowNumbers } from "./row-numbers.ts";
import { isSamePort, PROTOCOL_NUMBERS, type ServicePort } from "./service-port.ts";

/** What a service port has in the table. */
interface PortRows {
  readonly rules: PortRules;
  readonly service: number;
  /** Of `rules.reachable`, in that order. */
  readonly endpoints: readonly number[];
  readonly targets: number;
  readonly targetCount: number;
  readonly ranges: number;
  readonly rangeCount: number;
}

/**
 * Writes service ports into the table's rows, and each time only what depends on the change: an endpoint that stays keeps
 * its row, and with it the clients that are bound to it.
 */
export class RuleSync {
  readonly #core: ServiceTableCore;
  readonly #nodeIps: readonly Address[];
  readonly #ports: Record<Family, Map<string, readonly PortRows[]>> = { ipv4: new Map(), ipv6: new Map() };
  /** The port of each row in use: where ports claim the same address, the first by key gets the packet. */
  readonly #owners: ServicePort[] = [];
  readonly #services = new RowNumbers();
  readonly #targets = new RowNumbers();
  readonly #endpoints = new RowNumbers();
  readonly #ranges = new RowNumbers();

  constructor(core: ServiceTableCore, nodeIps: readonly Address[]) {
    this.#core = core;
    this.#nodeIps = nodeIps;
  }

  /** Makes room for many new ports at once: tables need not grow in steps. */
  prepare(rules: readonly PortRules[]): void {
    let [endpoints, targets, entries] = [0, 0, 0];
    for (const { port, reachable, clusterEndpoints, localEndpoints } of rules) {
      endpoints += reachable.length;
      // Runs are rounded up to powers of two.
      targets += 2 * (clusterEndpoints.length + localEndpoints.length);
      entries += entryCount(port);
    }
    this.#core.ensure({
      services: this.#services.limit + rules.length,
      endpoints: this.#endpoints.limit + endpoints,
      targets: this.#targets.limit + targets,
      entries: this.#core.entryCount + entries,
    });
  }

  /**
   * Brings the ports of one Service up to date.
   *
   * @throws TableCapacityError; the port that did not fit is then as it was, and so are those after it
   */
  sync(family: Family, service: string, all: readonly PortRules[]): void {
    const ports = this.#ports[family];
    const old = ports.get(service) ?? [];
    const isKept = ({ rules }: PortRows) => all.some(({ port }) => isSamePort(port, rules.port));
    let present = old.filter(isKept);
    for (const rows of old) if (!isKept(rows)) this.#remove(family, rows);
    if (present.length > 0) ports.set(service, present);
    else ports.delete(service);
    for (const rules of all) {
      const at = present.findIndex((rows) => isSamePort(rows.rules.port, rules.port));
      const rows = this.#put(family, rules, present[at]);
      present = at < 0 ? present.concat(rows) : present.with(at, rows);
      ports.set(service, present);
    }
  }

  #put(family: Family, rules: PortRules, old: PortRows | undefined): PortRows {
    const ranges = this.#allowedSources(family, rules);
    const rows = this.#takeRows(rules, ranges.length, old);
    const { clusterEndpoints, localEndpoints, reachable } = rules;
    // All three are in the same order, and the first has what the others have.
    let [cluster, local] = [0, 0];
    for (let i = 0; i < reachable.length; i++) {
      const one = reachable[i]!;
      const row = rows.endpoints[i]!;
      const clusterPosition = clusterEndpoints[cluster] === one ? cluster++ : -1;
      const localPosition = localEndpoints[local] === one ? local++ : -1;
      const { words } = one.address;
      this.#core.putEndpoint(row, words, one.port, clusterPosition, localPosition);
      const localTargets = rows.targets + clusterEndpoints.length;
      if (clusterPosition >= 0) this.#core.putTarget(rows.targets + clusterPosition, row, words, one.port);
      if (localPosition >= 0) this.#core.putTarget(localTargets + localPosition, row, words, one.port);
    }
    ranges.forEach(({ words, prefixLength }, i) => {
      this.#core.putRange(rows.ranges + i, { address: words, prefixLength });
    });
    this.#core.putService(rows.service, {
      flags: flagsOf(rules),
      affinitySeconds: rules.port.affinitySeconds,
      clusterFirst: rows.targets,
      clusterCount: clusterEndpoints.length,
      localFirst: rows.targets + clusterEndpoints.length,
      localCount: localEndpoints.length,
      rangeFirst: rows.ranges,
      rangeCount: ranges.length,
    });
    if (rules.port !== old?.rules.port) this.#moveEntries(family, rows.service, old?.rules, rules);
    if (old !== undefined) this.#giveBack(old, rows);
    return rows;
  }

  /** Rows for a port, its old ones where they fit; nothing is written yet. */
  #takeRows(rules: PortRules, rangeCount: number, old: PortRows | undefined): PortRows {
    const targetCount = rules.clusterEndpoints.length + rules.localEndpoints.length;
    const rows: PortRows = {
      rules,
      service: old?.service ?? this.#services.take(),
      endpoints: this.#takeEndpoints(rules.reachable, old),
      targets: old?.targetCount === targetCount ? old.targets : this.#targets.take(targetCount),
      targetCount,
      ranges: old?.rangeCount === rangeCount ? old.ranges : this.#ranges.take(rangeCount),
      rangeCount,
    };
    try {
      this.#core.ensure({
        services: this.#services.limit,
        endpoints: this.#endpoints.limit,
        targets: this.#targets.limit,
        ranges: this.#ranges.limit,
        entries: this.#core.entryCount + entryCount(rules.port),
      });
    } catch (error) {
      this.#giveBack(rows, old);
      throw error;
    }
    this.#owners[rows.service] = rules.port;
    return rows;
  }

  /** An endpoint that was there keeps its row; both lists are in order. */
  #takeEndpoints(reachable: readonly Endpoint[], old: PortRows | undefined): number[] {
    if (old === undefined) return reachable.map(() => this.#endpoints.take());
    const before = old.rules.reachable;
    let at = 0;
    return reachable.map((one) => {
      while (at < before.length && comparePlaces(before[at]!, one) < 0) at++;
      const stays = at < before.length && comparePlaces(before[at]!, one) === 0;
      return stays ? old.endpoints[at]! : this.#endpoints.take();
    });
  }

  #remove(family: Family, rows: PortRows): void {
    this.#moveEntries(family, rows.service, rows.rules, undefined);
    this.#giveBack(rows, undefined);
  }

  /** Gives back what `rows` has and `kept` does not. */
  #giveBack(rows: PortRows, kept: PortRows | undefined): void {
    const stay = new Set(kept?.endpoints);
    for (const row of rows.endpoints) {
      if (stay.has(row)) continue;
      if (row < this.#core.capacity.endpoints) this.#core.retireEndpoint(row);
      this.#endpoints.give(row);
    }
    if (kept?.service !== rows.service) this.#services.give(rows.service);
    if (kept === undefined || kept.targetCount !== rows.targetCount)
      this.#targets.give(rows.targets, rows.targetCount);
    if (kept === undefined || kept.rangeCount !== rows.rangeCount)
      this.#ranges.give(rows.ranges, rows.rangeCount);
  }

  /** Takes away the ways in that are no more, and adds the new ones. */
  #moveEntries(
    family: Family,
    service: number,
    old: PortRules | undefined,
    next: PortRules | undefined,
  ): void {
    const before = old === undefined ? [] : entriesOf(family, old);
    const after = next === undefined ? [] : entriesOf(family, next);
    for (const entry of before)
      if (!after.some((one) => isSame(one, entry))) this.#core.removeEntry(service, entry);
    for (const entry of after)
      if (!before.some((one) => isSame(one, entry)) && this.#core.addEntry(service, entry))
        this.#sortEntries(entry);
  }

  /** Several ports claim one address: their ways in are put in the order of their keys, as rules are written. */
  #sortEntries(entry: Entry): void {
    const all = this.#core.entriesAt(entry);
    const keyOf = (service: number) => this.#owners[service]!.key;
    const inOrder = all.toSorted(
      (a, b) => compare(keyOf(a.service), keyOf(b.service)) || WAYS.indexOf(a.way) - WAYS.indexOf(b.way),
    );
    for (const { service, way } of all) this.#core.removeEntry(service, { ...entry, way });
    for (const { service, way } of inOrder) this.#core.addEntry(service, { ...entry, way });
  }

  /** Whom the addresses of the load balancer serve: chain FW. */
  #allowedSources(family: Family, { port, usesFirewallChain }: PortRules): readonly AddressRange[] {
    if (!usesFirewallChain) return [];
    const nodeIp = this.#nodeIps.find((address) => address.family === family);
    const fromNode = nodeIp !== undefined && port.sourceRanges.some((range) => contains(range, nodeIp));
    const vips = fromNode ? port.loadBalancerVips.map((vip) => single(parseAddress(vip)!)) : [];
    return [...port.sourceRanges, ...vips];
  }
}

/** As bytes, as the order of rules is. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** In the order that rules of one port are written. */
const WAYS: readonly WayIn[] = ["clusterIp", "externalIp", "vip", "nodePort", "healthCheck"];

/** The ways in to a port; an address that is listed twice is one. */
function entriesOf(family: Family, { port }: PortRules): Entry[] {
  const entries: Entry[] = [];
  const add = (entry: Entry) => {
    if (!entries.some((one) => isSame(one, entry))) entries.push(entry);
  };
  const protocol = PROTOCOL_NUMBERS[port.protocol];
  const at = (way: WayIn, text: string) =>
    add({ way, address: parseAddress(text)!.words, port: port.port, protocol });
  at("clusterIp", port.clusterIp);
  for (const address of port.externalIps) at("externalIp", address);
  for (const vip of port.loadBalancerVips) at("vip", vip);
  const address = family === "ipv4" ? 4 : 6;
  if (port.nodePort !== 0) add({ way: "nodePort", address, port: port.nodePort, protocol });
  if (port.healthCheckNodePort !== 0)
    add({ way: "healthCheck", address, port: port.healthCheckNodePort, protocol: PROTOCOL_NUMBERS.TCP });
  return entries;
}

/** How many ways in there are at most. */
function entryCount({ externalIps, loadBalancerVips, nodePort, healthCheckNodePort }: ServicePort): number {
  return 1 + externalIps.length + loadBalancerVips.length + (nodePort && 1) + (healthCheckNodePort && 1);
}

function isSame(a: Entry, b: Entry): boolean {
  if (a.way !== b.way || a.port !== b.port || a.protocol !== b.protocol) return false;
  const [words, others] = [a.address, b.address];
  if (typeof words === "number" || typeof others === "number") return words === others;
  return words.every((word, i) => word === others[i]);
}

function flagsOf(rules: PortRules): ServiceFlagName[] {
  const flags: ServiceFlagName[] = [];
  if (rules.hasAny) flags.push("hasAny");
  if (rules.hasInternal) flags.push("hasInternal");
  if (rules.hasExternal) flags.push("hasExternal");
  if (rules.port.internalLocal) flags.push("internalLocal");
  if (rules.port.externalLocal) flags.push("externalLocal");
  if (rules.usesFirewallChain) flags.push("firewall");
  return flags;
}
