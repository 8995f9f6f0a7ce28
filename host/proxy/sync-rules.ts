import type { ServiceTableCore } from "../wasm/service-table-core.ts";
import type { Entry, ServiceFlagName, WayIn } from "../wasm/service-table-facts.ts";
import { type Address, type AddressRange, contains, type Family, parseAddress, single } from "./address.ts";
import type { Endpoint } from "./endpoint.ts";
import type { PortRules } from "./port-rules.ts";
import { RowNumbers } from "./row-numbers.ts";
import { PROTOCOL_NUMBERS } from "./service-port.ts";

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
  readonly #ports: Record<Family, Map<string, PortRows[]>> = { ipv4: new Map(), ipv6: new Map() };
  /** The port of each row in use: where ports claim the same address, the first by key gets the packet. */
  readonly #keys: string[] = [];
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
      entries += 3 + port.externalIps.length + port.loadBalancerVips.length;
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
    const old = this.#ports[family].get(service) ?? [];
    const kept = new Map(old.map((rows) => [rows.rules.port.key, rows]));
    for (const rows of old)
      if (!all.some(({ port }) => port.key === rows.rules.port.key)) this.#remove(family, rows);
    for (const rules of all) kept.set(rules.port.key, this.#put(family, rules, kept.get(rules.port.key)));
    const present = all.map(({ port }) => kept.get(port.key)!);
    if (present.length > 0) this.#ports[family].set(service, present);
    else this.#ports[family].delete(service);
  }

  #put(family: Family, rules: PortRules, old: PortRows | undefined): PortRows {
    const ranges = this.#allowedSources(family, rules);
    const rows = this.#takeRows(rules, ranges.length, old);
    const { clusterEndpoints, localEndpoints, reachable } = rules;
    const clusterPlaces = placesOf(clusterEndpoints);
    const localPlaces = placesOf(localEndpoints);
    const rowOf = new Map(reachable.map((one, i) => [one, rows.endpoints[i]!]));
    reachable.forEach((one, i) => {
      this.#core.putEndpoint(rows.endpoints[i]!, {
        address: one.address.words,
        port: one.port,
        clusterPosition: clusterPlaces.get(one) ?? -1,
        localPosition: localPlaces.get(one) ?? -1,
      });
    });
    this.#core.putTargets(
      rows.targets,
      [...clusterEndpoints, ...localEndpoints].map((one) => rowOf.get(one)!),
    );
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
    this.#moveEntries(
      rows.service,
      old === undefined ? NONE : entriesOf(family, old.rules),
      entriesOf(family, rules),
    );
    if (old !== undefined) this.#giveBack(old, rows);
    return rows;
  }

  /** Rows for a port, its old ones where they fit; nothing is written yet. */
  #takeRows(rules: PortRules, rangeCount: number, old: PortRows | undefined): PortRows {
    const oldRows = new Map(old?.rules.reachable.map((one, i) => [one.text, old.endpoints[i]!]));
    const targetCount = rules.clusterEndpoints.length + rules.localEndpoints.length;
    const rows: PortRows = {
      rules,
      service: old?.service ?? this.#services.take(),
      endpoints: rules.reachable.map((one) => oldRows.get(one.text) ?? this.#endpoints.take()),
      targets: old?.targetCount === targetCount ? old.targets : this.#targets.take(targetCount),
      targetCount,
      ranges: old?.rangeCount === rangeCount ? old.ranges : this.#ranges.take(rangeCount),
      rangeCount,
    };
    try {
      const { port } = rules;
      const entries = 3 + port.externalIps.length + port.loadBalancerVips.length;
      this.#core.ensure({
        services: this.#services.limit,
        endpoints: this.#endpoints.limit,
        targets: this.#targets.limit,
        ranges: this.#ranges.limit,
        entries: this.#core.entryCount + entries,
      });
    } catch (error) {
      this.#giveBack(rows, old);
      throw error;
    }
    this.#keys[rows.service] = rules.port.key;
    return rows;
  }

  #remove(family: Family, rows: PortRows): void {
    this.#moveEntries(rows.service, entriesOf(family, rows.rules), NONE);
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

  #moveEntries(service: number, before: ReadonlyMap<string, Entry>, after: ReadonlyMap<string, Entry>): void {
    for (const [key, entry] of before) if (!after.has(key)) this.#core.removeEntry(service, entry);
    for (const [key, entry] of after)
      if (!before.has(key) && this.#core.addEntry(service, entry)) this.#sortEntries(entry);
  }

  /** Several ports claim one address: their ways in are put in the order of their keys, as rules are written. */
  #sortEntries(entry: Entry): void {
    const all = this.#core.entriesAt(entry);
    const inOrder = all.toSorted(
      (a, b) =>
        compare(this.#keys[a.service]!, this.#keys[b.service]!) || WAYS.indexOf(a.way) - WAYS.indexOf(b.way),
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

const NONE: ReadonlyMap<string, Entry> = new Map();

/** As bytes, as the order of rules is. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function placesOf(endpoints: readonly Endpoint[]): Map<Endpoint, number> {
  return new Map(endpoints.map((one, i) => [one, i]));
}

/** In the order that rules of one port are written. */
const WAYS: readonly WayIn[] = ["clusterIp", "externalIp", "vip", "nodePort", "healthCheck"];

/** The ways in to a port; an address that is listed twice is one. */
function entriesOf(family: Family, { port }: PortRules): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const protocol = PROTOCOL_NUMBERS[port.protocol];
  const add = (way: WayIn, text: string) =>
    entries.set(`${way} ${text} ${port.port}`, {
      way,
      address: parseAddress(text)!.words,
      port: port.port,
      protocol,
    });
  add("clusterIp", port.clusterIp);
  for (const address of port.externalIps) add("externalIp", address);
  for (const vip of port.loadBalancerVips) add("vip", vip);
  const anyAddress = family === "ipv4" ? 4 : 6;
  if (port.nodePort !== 0)
    entries.set(`nodePort ${port.nodePort}`, {
      way: "nodePort",
      address: anyAddress,
      port: port.nodePort,
      protocol,
    });
  const healthPort = port.healthCheckNodePort;
  if (healthPort !== 0)
    entries.set(`healthCheck ${healthPort}`, {
      way: "healthCheck",
      address: anyAddress,
      port: healthPort,
      protocol: PROTOCOL_NUMBERS.TCP,
    });
  return entries;
}

function flagsOf(rules: PortRules): ServiceFlagName[] {
  const flags: [ServiceFlagName, boolean][] = [
    ["hasAny", rules.hasAny],
    ["hasInternal", rules.hasInternal],
    ["hasExternal", rules.hasExternal],
    ["internalLocal", rules.port.internalLocal],
    ["externalLocal", rules.port.externalLocal],
    ["firewall", rules.usesFirewallChain],
  ];
  return flags.flatMap(([name, on]) => (on ? [name] : []));
}
