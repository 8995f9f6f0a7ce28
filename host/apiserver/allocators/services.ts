import type { V1Service, V1ServicePort, V1ServiceSpec } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { deepCopy } from "../../apimachinery/copy.ts";
import { internalError } from "../../apimachinery/errors.ts";
import { type FieldError, invalid, invalidObject, tooMany } from "../../apimachinery/field-error.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { Operation } from "../../store/store.ts";
import type { Allocations } from "../storage/allocated-write.ts";
import type { AnyObject } from "../storage/view.ts";
import { allocationKey, parseAllocationKey } from "./allocation-keys.ts";
import { Band, staticBand } from "./band.ts";
import { setFamilies } from "./families.ts";
import {
  addressIndex,
  DEFAULT_NODE_PORTS,
  DEFAULT_SERVICE_RANGE,
  type PortRange,
  parsePortRange,
  parseServiceRanges,
  type ServiceRange,
  serviceAddress,
} from "./service-ranges.ts";

/** Where Services' numbers come from, as kube-apiserver's flags say it. */
export interface ServiceRangeOptions {
  /** `--service-cluster-ip-range`: `10.96.0.0/12`, or two of different families, the default first. */
  readonly serviceClusterIpRange?: string;
  /** `--service-node-port-range`: `30000-32767` */
  readonly serviceNodePortRange?: string;
}

/** The addresses of one family. */
interface AddressBand {
  readonly range: ServiceRange;
  readonly band: Band;
}

/** What a write has reserved; `release` is called once, when its fate is known: by then the store knows, or nobody. */
export interface Reservation {
  readonly release: () => void;
  /** Puts back what was filled in, so that another number can be tried. */
  readonly revert: () => void;
}

const NOTHING: Reservation = { release: () => {}, revert: () => {} };

/** So many addresses and node ports a Service may hold: they are written in one transaction with it. */
const MAX_HELD = 120;

/**
 * Cluster addresses and node ports, each held by at most one Service. Who holds what is written to the store in one
 * transaction with the Service (`allocation-keys.ts`); here it is only remembered, with what writes on their way have
 * reserved. Source: service-tables 8.
 */
export class ServiceAllocator implements Allocations {
  readonly #addresses: readonly AddressBand[];
  readonly #portRange: PortRange;
  readonly #ports: Band;

  /** @throws ServiceRangeError for a range that cannot be used */
  constructor(random: Random, options: ServiceRangeOptions = {}) {
    const ranges = parseServiceRanges(options.serviceClusterIpRange ?? DEFAULT_SERVICE_RANGE);
    this.#addresses = ranges.map((range) => ({ range, band: new Band(range.usable, range.offset, random) }));
    this.#portRange = parsePortRange(options.serviceNodePortRange ?? DEFAULT_NODE_PORTS);
    const ports = this.#portRange.last - this.#portRange.first + 1;
    this.#ports = new Band(ports, staticBand(ports, 32, 16, 128), random);
  }

  /** The ranges that addresses come from, the default first. */
  get ranges(): readonly ServiceRange[] {
    return this.#addresses.map(({ range }) => range);
  }

  /** What the store says, instead of all that it said before. */
  replaceStored(stored: readonly (readonly [key: string, owner: string])[]): void {
    for (const { band } of this.#addresses) band.forgetStored();
    this.#ports.forgetStored();
    for (const [key, owner] of stored) this.setStored(key, owner);
  }

  setStored(key: string, owner: string | undefined): void {
    const place = this.#placeOf(key);
    place?.band.setStored(place.index, owner);
  }

  operations(before: AnyObject | undefined, after: AnyObject | undefined): Operation[] {
    const owner = ownerOf((after ?? before)!);
    const [had, has] = [new Set(this.keysOf(before)), new Set(this.keysOf(after))];
    const isStoredOurs = (key: string) => {
      const place = this.#placeOf(key);
      return place?.band.storedOwner(place.index) === owner;
    };
    const taken = [...has].filter((key) => !isStoredOurs(key));
    const given = [...had].filter((key) => !has.has(key) && isStoredOurs(key));
    return [
      ...taken.map((key): Operation => ({ type: "create", key, value: Buffer.from(owner) })),
      ...given.map((key): Operation => ({ type: "delete", key })),
    ];
  }

  /** The keys of all that an object holds; none unless it is a Service. */
  keysOf(object: AnyObject | undefined): readonly string[] {
    if (object?.kind !== "Service" || object.apiVersion !== "v1") return [];
    const { addresses, ports } = held(object as V1Service);
    const known = addresses.flatMap((address) => this.#canonical(address) ?? []);
    const inRange = ports.filter((port) => this.#portIndex(port) !== undefined);
    return [
      ...new Set(known.map((address) => allocationKey({ of: "address", address }))),
      ...new Set(inRange.map((port) => allocationKey({ of: "port", port }))),
    ];
  }

  /**
   * Fills families, addresses and ports into `next`, in place; throws 422 when one it asks for is not to be had.
   *
   * @param old  what it was before, if it is not new
   */
  reserve(kind: Kind, next: AnyObject, old?: AnyObject): Reservation {
    if (!isService(kind)) return NOTHING;
    const service = next as V1Service;
    const asked = service.spec;
    if (asked === undefined) return NOTHING;
    // An update of the status shares its spec with the object that is stored.
    const spec = deepCopy(asked);
    service.spec = spec;
    const owner = ownerOf(next);
    const errors: FieldError[] = [];
    const taken: { readonly band: Band; readonly index: number }[] = [];
    const release = () => {
      for (const { band, index } of taken.splice(0)) band.release(index);
    };
    const hold = (band: Band, index: number | undefined) => {
      if (index !== undefined) taken.push({ band, index });
      return index;
    };
    const from = (band: Band, index: number | undefined) =>
      index === undefined
        ? hold(band, band.takeNext(owner))
        : band.take(index, owner)
          ? hold(band, index)
          : undefined;
    const draw: Draw = {
      addresses: this.#addresses.map(({ range, band }) => ({ range, take: (index) => from(band, index) })),
      ports: { range: this.#portRange, take: (index) => from(this.#ports, index) },
    };
    try {
      const before = (old as V1Service | undefined)?.spec;
      reserveAddresses(spec, before?.type === "ExternalName" ? undefined : before, draw, errors);
      reservePorts(spec, draw, errors);
      const count = this.keysOf(next).length;
      if (count > MAX_HELD) errors.push(tooMany("spec.ports", count, MAX_HELD));
      if (errors.length > 0) throw invalidObject(kind, service.metadata?.name ?? "", errors);
    } catch (error) {
      release();
      throw error;
    }
    return {
      release,
      revert: () => {
        service.spec = asked;
      },
    };
  }

  /** The band that a number is of, and its place there; undefined for one of no range of ours. */
  #placeOf(key: string): { readonly band: Band; readonly index: number } | undefined {
    const allocation = parseAllocationKey(key);
    if (allocation === undefined) return undefined;
    if (allocation.of === "port") {
      const index = this.#portIndex(allocation.port);
      return index === undefined ? undefined : { band: this.#ports, index };
    }
    for (const { range, band } of this.#addresses) {
      const index = addressIndex(range, allocation.address);
      if (index !== undefined) return { band, index };
    }
    return undefined;
  }

  #canonical(address: string): string | undefined {
    for (const { range } of this.#addresses) {
      const index = addressIndex(range, address);
      if (index !== undefined) return serviceAddress(range, index + 1);
    }
    return undefined;
  }

  #portIndex(port: number): number | undefined {
    const { first, last } = this.#portRange;
    return port >= first && port <= last ? port - first : undefined;
  }
}

/** Reserves the given place, or any; undefined when it is taken, or all are. */
type Take = (index?: number) => number | undefined;

interface Draw {
  readonly addresses: readonly { readonly range: ServiceRange; readonly take: Take }[];
  readonly ports: { readonly range: PortRange; readonly take: Take };
}

/** One address for each family that the Service has. */
function reserveAddresses(
  spec: V1ServiceSpec,
  old: V1ServiceSpec | undefined,
  draw: Draw,
  errors: FieldError[],
): void {
  if (spec.type === "ExternalName") return;
  if (!spec.clusterIPs?.length && spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
  const refused = setFamilies(
    spec,
    old,
    draw.addresses.map(({ range }) => range.family),
  );
  errors.push(...refused);
  if (refused.length > 0) return;
  const asked = spec.clusterIPs ?? [];
  if (asked[0] === "None") {
    spec.clusterIP = "None";
    spec.clusterIPs = ["None"];
    return;
  }
  const given = (spec.ipFamilies ?? []).map((family, i) => {
    const from = draw.addresses.find(({ range }) => range.family === family);
    // A Service of before the cluster lost the family keeps what it had.
    if (from === undefined) return asked[i];
    if (asked[i]) return askedAddress(asked[i], asked, from, errors);
    const index = from.take();
    if (index === undefined) throw internalError("failed to allocate a serviceIP: range is full");
    return serviceAddress(from.range, index + 1);
  });
  if (errors.length > 0) return;
  spec.clusterIPs = given.filter((address) => address !== undefined);
  spec.clusterIP = spec.clusterIPs[0];
}

function askedAddress(
  address: string,
  asked: readonly string[],
  { range, take }: Draw["addresses"][number],
  errors: FieldError[],
): string {
  const refuse = (why: string) => {
    errors.push(invalid("spec.clusterIPs", asked, `failed to allocate IP ${address}: ${why}`));
    return address;
  };
  const index = addressIndex(range, address);
  if (index === undefined)
    return refuse(
      `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${range.cidr}`,
    );
  return take(index) === undefined ? refuse("provided IP is already allocated") : address;
}

function reservePorts(spec: V1ServiceSpec, draw: Draw, errors: FieldError[]): void {
  const wanted =
    spec.type === "NodePort" ||
    (spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
  if (!wanted && spec.type !== "LoadBalancer") return;
  const ports = spec.ports ?? [];
  for (const [index, port] of ports.entries()) {
    if (port.nodePort) askedPort(port.nodePort, `spec.ports[${index}].nodePort`, draw, errors);
  }
  if (wanted) for (const port of ports) port.nodePort ||= nextPort(ports, port, draw);
  if (spec.type !== "LoadBalancer" || spec.externalTrafficPolicy !== "Local") return;
  if (spec.healthCheckNodePort) {
    askedPort(spec.healthCheckNodePort, "spec.healthCheckNodePort", draw, errors);
  } else spec.healthCheckNodePort = nextPort([], undefined, draw);
}

function askedPort(port: number, field: string, { ports }: Draw, errors: FieldError[]): void {
  const { first, last } = ports.range;
  if (port < first || port > last) {
    const range = `The range of valid ports is ${first}-${last}`;
    errors.push(invalid(field, port, `provided port is not in the valid range. ${range}`));
  } else if (ports.take(port - first) === undefined) {
    errors.push(invalid(field, port, "provided port is already allocated"));
  }
}

/** Ports of one Service with the same number (TCP and UDP) share a node port. */
function nextPort(all: readonly V1ServicePort[], port: V1ServicePort | undefined, { ports }: Draw): number {
  const twin = all.find((one) => one.port === port?.port && one.nodePort && one.protocol !== port.protocol);
  if (twin?.nodePort) return twin.nodePort;
  const index = ports.take();
  if (index === undefined) throw internalError("failed to allocate a nodePort: range is full");
  return ports.range.first + index;
}

interface Holding {
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
}

function held({ spec }: V1Service): Holding {
  const addresses = spec?.type === "ExternalName" ? [] : [spec?.clusterIP, ...(spec?.clusterIPs ?? [])];
  const ports = [...(spec?.ports ?? []).map((port) => port.nodePort), spec?.healthCheckNodePort];
  return {
    addresses: addresses.filter((one) => one !== undefined),
    ports: ports.filter((port) => port !== undefined && port > 0) as number[],
  };
}

/** The uid, not the name: a second Service of the same name must not touch what the first one holds. */
export function ownerOf(object: AnyObject): string {
  return object.metadata?.uid ?? "";
}

function isService(kind: Kind): boolean {
  return kind.group === "" && kind.plural === "services";
}

/** What a PUT leaves out of what was allocated stays as it was (patchAllocatedValues in Kubernetes). */
export function keepAllocated(kind: Kind, next: AnyObject, old: AnyObject): void {
  if (!isService(kind)) return;
  const { spec } = next as V1Service;
  const { spec: before } = old as V1Service;
  if (!spec || !before || spec.type === "ExternalName" || before.type === "ExternalName") return;
  // Who changes only the old field means both; who clears it means neither (NormalizeClusterIPs in Kubernetes).
  const untouched = !spec.clusterIPs?.length || spec.clusterIPs.join() === before.clusterIPs?.join();
  if (!spec.clusterIP && untouched) {
    spec.clusterIP = before.clusterIP;
    spec.clusterIPs = before.clusterIPs;
  } else if (spec.clusterIP && untouched) {
    spec.clusterIPs = spec.clusterIP === before.clusterIP ? before.clusterIPs : [spec.clusterIP];
  }
  spec.ipFamilies ??= before.ipFamilies;
  spec.ipFamilyPolicy ??= before.ipFamilyPolicy;
  if (!hasNodePorts(spec) || !hasNodePorts(before)) return;
  for (const port of spec.ports ?? []) {
    const same = before.ports?.find((one) => one.port === port.port && one.protocol === port.protocol);
    const taken = spec.ports?.some((one) => one.nodePort === same?.nodePort);
    if (!port.nodePort && same?.nodePort && !taken) port.nodePort = same.nodePort;
  }
  if (spec.externalTrafficPolicy === "Local" && spec.type === "LoadBalancer") {
    spec.healthCheckNodePort ||= before.healthCheckNodePort;
  }
}

function hasNodePorts(spec: V1ServiceSpec): boolean {
  return spec.type === "NodePort" || spec.type === "LoadBalancer";
}
