import type { V1EndpointSlice, V1Service } from "../api/generated/types.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import type { FieldError } from "../apimachinery/field-error.ts";
import type { Family } from "./address.ts";
import { type Endpoint, endpointsOf, type ParsedSlice, parseSlice } from "./endpoint.ts";
import { type NodeFacts, type PortRules, portRules } from "./port-rules.ts";
import { type ServicePort, servicePortsOf } from "./service-port.ts";
import { objectIn, textIn } from "./untrusted.ts";

/** What is known of one `namespace/name`: a Service, slices that name it, or both. */
interface Entry {
  ports: readonly ServicePort[];
  /** Few, so they are searched. */
  slices: readonly ParsedSlice[];
  /** Of all ports; undefined: to be decided anew. */
  rules: readonly PortRules[] | undefined;
  endpointCount: number;
}

/** Services whose rules may differ from what was decided before. */
export interface ModelChanges {
  readonly services: ReadonlySet<string>;
  /** Those of them whose slices changed: their UDP flows may point to an endpoint that is gone. */
  readonly endpoints: ReadonlySet<string>;
}

export interface ModelOptions {
  readonly allowExternalIps: boolean;
}

/**
 * All Services and slices of one address family as one node sees them: kube-proxy's change trackers and its two maps. It
 * holds what is derived, never the objects, and decides again only what changed.
 */
export class ServiceModel {
  readonly family: Family;
  readonly #options: ModelOptions;
  #node: NodeFacts;
  readonly #entries = new Map<string, Entry>();
  /** Which Service a slice named when it was last seen. */
  readonly #ownerOfSlice = new Map<string, string>();
  readonly #healthChecked = new Set<string>();
  #changed = new Set<string>();
  #changedEndpoints = new Set<string>();
  #endpointTotal = 0;

  constructor(family: Family, node: NodeFacts, options: ModelOptions) {
    this.family = family;
    this.#node = node;
    this.#options = options;
  }

  /**
   * A change that rules do not read, as of labels, changes nothing.
   *
   * @returns what of the Service could not be used
   */
  putService(service: V1Service): FieldError[] {
    const errors: FieldError[] = [];
    const options = { family: this.family, allowExternalIps: this.#options.allowExternalIps };
    this.#setPorts(keyOf(service), servicePortsOf(service, options, errors));
    return errors;
  }

  removeService(service: V1Service): void {
    this.#setPorts(keyOf(service), []);
  }

  /** @returns what of the slice could not be used */
  putSlice(slice: V1EndpointSlice): FieldError[] {
    const errors: FieldError[] = [];
    this.#setSlice(keyOf(slice), parseSlice(slice, this.family, this.#node.name, errors));
    return errors;
  }

  removeSlice(slice: V1EndpointSlice): void {
    this.#setSlice(keyOf(slice), undefined);
  }

  /** A node that moves to another zone reaches other endpoints. Its name never changes. */
  setZone(zone: string): void {
    if (zone === this.#node.zone) return;
    this.#node = { ...this.#node, zone };
    this.touchAll();
  }

  /** Counts everything as changed: what was made of it has been lost. */
  touchAll(): void {
    for (const service of this.#entries.keys()) this.#touch(service);
  }

  /** Whether `takeChanges` would name a Service. */
  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** What changed since the last call. */
  takeChanges(): ModelChanges {
    const changes = { services: this.#changed, endpoints: this.#changedEndpoints };
    this.#changed = new Set();
    this.#changedEndpoints = new Set();
    return changes;
  }

  /** `namespace/name` of every Service that has rules. */
  services(): string[] {
    return [...this.#entries].filter(([, { ports }]) => ports.length > 0).map(([service]) => service);
  }

  /** Those of them that a load balancer asks at a health check node port. */
  healthCheckedServices(): Iterable<string> {
    return this.#healthChecked;
  }

  /** The rules of each port of a Service, in its order; empty for one that has none. */
  rulesOf(service: string): readonly PortRules[] {
    const entry = this.#entries.get(service);
    if (entry === undefined) return [];
    if (entry.rules === undefined) this.#decide(entry);
    return entry.rules!;
  }

  /** The rules of all ports, ordered by name, then protocol: kube-proxy's own order is random. */
  allRules(): PortRules[] {
    const all = [...this.#entries.keys()].flatMap((service) => this.rulesOf(service));
    const keyed = all.map((rules) => ({ key: rules.port.key, rules }));
    return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ rules }) => rules);
  }

  /** Every endpoint of a port, reachable or not. */
  endpointsOf(port: ServicePort): readonly Endpoint[] {
    return endpointsOf(this.#entries.get(port.service)?.slices ?? [], port.portName, port.protocol);
  }

  /** Known endpoints, ready or not, summed over service ports: more than 1,000 make a large cluster. */
  endpointTotal(): number {
    for (const service of this.#changed) this.rulesOf(service);
    return this.#endpointTotal;
  }

  #setPorts(service: string, ports: readonly ServicePort[]): void {
    if (ports.length === 0 && !this.#entries.has(service)) return;
    const entry = this.#entryOf(service);
    if (deepEqual(entry.ports, ports)) {
      this.#dropIfEmpty(service, entry);
      return;
    }
    entry.ports = ports;
    if (ports.some(({ healthCheckNodePort }) => healthCheckNodePort !== 0)) this.#healthChecked.add(service);
    else this.#healthChecked.delete(service);
    this.#touch(service);
    this.#dropIfEmpty(service, entry);
  }

  #setSlice(name: string, slice: ParsedSlice | undefined): void {
    const owner = this.#ownerOfSlice.get(name);
    if (owner !== undefined && owner !== slice?.service) {
      const entry = this.#entryOf(owner);
      entry.slices = entry.slices.filter((one) => one.name !== name);
      this.#ownerOfSlice.delete(name);
      this.#touch(owner);
      this.#changedEndpoints.add(owner);
      this.#dropIfEmpty(owner, entry);
    }
    if (slice === undefined) return;
    const entry = this.#entryOf(slice.service);
    const at = entry.slices.findIndex((one) => one.name === name);
    if (at >= 0 && deepEqual(entry.slices[at], slice)) return;
    entry.slices = at < 0 ? entry.slices.concat(slice) : entry.slices.with(at, slice);
    this.#ownerOfSlice.set(name, slice.service);
    this.#touch(slice.service);
    this.#changedEndpoints.add(slice.service);
  }

  #decide(entry: Entry): void {
    this.#endpointTotal -= entry.endpointCount;
    entry.endpointCount = 0;
    entry.rules = entry.ports.map((port) => {
      const endpoints = endpointsOf(entry.slices, port.portName, port.protocol);
      entry.endpointCount += endpoints.length;
      return portRules(port, endpoints, this.#node);
    });
    this.#endpointTotal += entry.endpointCount;
  }

  #touch(service: string): void {
    this.#entryOf(service).rules = undefined;
    this.#changed.add(service);
  }

  #entryOf(service: string): Entry {
    let entry = this.#entries.get(service);
    if (entry === undefined) {
      entry = { ports: [], slices: [], rules: undefined, endpointCount: 0 };
      this.#entries.set(service, entry);
    }
    return entry;
  }

  #dropIfEmpty(service: string, entry: Entry): void {
    if (entry.ports.length > 0 || entry.slices.length > 0) return;
    this.#endpointTotal -= entry.endpointCount;
    this.#entries.delete(service);
  }
}

function keyOf({ metadata }: V1Service | V1EndpointSlice): string {
  const { namespace, name } = objectIn(metadata);
  return `${textIn(namespace)}/${textIn(name)}`;
}
