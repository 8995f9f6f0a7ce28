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
import { formatIpv4, parseCidr, parseIpv4 } from "./ip-range.ts";

export const SERVICE_CIDR = parseCidr("10.96.0.0/12");
/** The n-th address of the Services' range, from 1. */
export function serviceAddress(n: number): string {
  return formatIpv4(SERVICE_CIDR.base + n);
}

const FIRST_NODE_PORT = 30000;
const LAST_NODE_PORT = 32767;

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
  readonly #addresses: Band;
  readonly #ports: Band;

  constructor(random: Random) {
    const { size } = SERVICE_CIDR;
    // Neither the network address nor the broadcast address is given out.
    this.#addresses = new Band(size - 2, staticBand(size, 16, 16, 256), random);
    const ports = LAST_NODE_PORT - FIRST_NODE_PORT + 1;
    this.#ports = new Band(ports, staticBand(ports, 32, 16, 128), random);
  }

  /** What the store says, instead of all that it said before. */
  replaceStored(stored: readonly (readonly [key: string, owner: string])[]): void {
    this.#addresses.forgetStored();
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
    return [
      ...[...addresses].map((index) =>
        allocationKey({ of: "address", address: SERVICE_CIDR.base + 1 + index }),
      ),
      ...[...ports].map((index) => allocationKey({ of: "port", port: FIRST_NODE_PORT + index })),
    ];
  }

  /** Fills addresses and ports into `next`, in place; throws 422 when one it asks for is not to be had. */
  reserve(kind: Kind, next: AnyObject): Reservation {
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
    const draw: Draw = {
      address: (index) =>
        index === undefined
          ? hold(this.#addresses, this.#addresses.takeNext(owner))
          : this.#addresses.take(index, owner)
            ? hold(this.#addresses, index)
            : undefined,
      port: (index) =>
        index === undefined
          ? hold(this.#ports, this.#ports.takeNext(owner))
          : this.#ports.take(index, owner)
            ? hold(this.#ports, index)
            : undefined,
    };
    try {
      reserveAddress(spec, draw, errors);
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

  #placeOf(key: string): { readonly band: Band; readonly index: number } | undefined {
    const allocation = parseAllocationKey(key);
    if (allocation === undefined) return undefined;
    return allocation.of === "address"
      ? { band: this.#addresses, index: allocation.address - SERVICE_CIDR.base - 1 }
      : { band: this.#ports, index: allocation.port - FIRST_NODE_PORT };
  }
}

/** Reserves the given place, or any; undefined when it is taken, or all are. */
interface Draw {
  address(index?: number): number | undefined;
  port(index?: number): number | undefined;
}

function reserveAddress(spec: V1ServiceSpec, draw: Draw, errors: FieldError[]): void {
  if (spec.type === "ExternalName") return;
  const asked = spec.clusterIP || spec.clusterIPs?.[0];
  setFamilies(spec, asked, errors);
  if (asked === "None") {
    spec.clusterIP = "None";
    spec.clusterIPs = ["None"];
    return;
  }
  const index = asked ? askedAddress(asked, draw, errors) : draw.address();
  if (index === undefined) {
    if (errors.length > 0) return;
    throw internalError("failed to allocate a serviceIP: range is full");
  }
  spec.clusterIP = formatIpv4(SERVICE_CIDR.base + 1 + index);
  spec.clusterIPs = [spec.clusterIP];
}

function askedAddress(asked: string, draw: Draw, errors: FieldError[]): number | undefined {
  const refuse = (why: string) => {
    errors.push(invalid("spec.clusterIPs", [asked], `failed to allocate IP ${asked}: ${why}`));
    return undefined;
  };
  const index = addressIndex(asked);
  if (index === undefined) {
    const range = `The range of valid IPs is ${SERVICE_CIDR.cidr}`;
    return refuse(`the provided IP (${asked}) is not in the valid range. ${range}`);
  }
  return draw.address(index) ?? refuse("provided IP is already allocated");
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

function askedPort(port: number, field: string, draw: Draw, errors: FieldError[]): void {
  if (port < FIRST_NODE_PORT || port > LAST_NODE_PORT) {
    const range = `The range of valid ports is ${FIRST_NODE_PORT}-${LAST_NODE_PORT}`;
    errors.push(invalid(field, port, `provided port is not in the valid range. ${range}`));
  } else if (draw.port(port - FIRST_NODE_PORT) === undefined) {
    errors.push(invalid(field, port, "provided port is already allocated"));
  }
}

/** Ports of one Service with the same number (TCP and UDP) share a node port. */
function nextPort(ports: readonly V1ServicePort[], port: V1ServicePort | undefined, draw: Draw): number {
  const twin = ports.find((one) => one.port === port?.port && one.nodePort && one.protocol !== port.protocol);
  if (twin?.nodePort) return twin.nodePort;
  const index = draw.port();
  if (index === undefined) throw internalError("failed to allocate a nodePort: range is full");
  return FIRST_NODE_PORT + index;
}

interface Holding {
  readonly addresses: Set<number>;
  readonly ports: Set<number>;
}

function held({ spec }: V1Service): Holding {
  const addresses = spec?.type === "ExternalName" ? [] : [spec?.clusterIP, ...(spec?.clusterIPs ?? [])];
  const ports = [...(spec?.ports ?? []).map((port) => port.nodePort), spec?.healthCheckNodePort];
  return {
    addresses: new Set(addresses.map((one) => (one ? addressIndex(one) : undefined)).filter(isNumber)),
    ports: new Set(
      ports
        .filter(isNumber)
        .filter((port) => port > 0)
        .map((port) => port - FIRST_NODE_PORT),
    ),
  };
}

/** The uid, not the name: a second Service of the same name must not touch what the first one holds. */
export function ownerOf(object: AnyObject): string {
  return object.metadata?.uid ?? "";
}

function isNumber(value: number | undefined): value is number {
  return value !== undefined;
}

function isService(kind: Kind): boolean {
  return kind.group === "" && kind.plural === "services";
}

/** The address's place among the usable ones; undefined when it is none of them. */
function addressIndex(address: string): number | undefined {
  const value = parseIpv4(address);
  if (value === undefined) return undefined;
  const index = value - SERVICE_CIDR.base - 1;
  return index >= 0 && index < SERVICE_CIDR.size - 2 ? index : undefined;
}

/** This cluster has IPv4 only; a headless Service without selector says both, as in Kubernetes (api-policy 5.2). */
function setFamilies(spec: V1ServiceSpec, asked: string | undefined, errors: FieldError[]): void {
  const open = asked === "None" && Object.keys(spec.selector ?? {}).length === 0;
  if (open) {
    spec.ipFamilyPolicy ??= "RequireDualStack";
    spec.ipFamilies ??= spec.ipFamilyPolicy === "SingleStack" ? ["IPv4"] : ["IPv4", "IPv6"];
    return;
  }
  const foreign = (spec.ipFamilies ?? []).findIndex((family) => family !== "IPv4");
  if (foreign >= 0) {
    const why = "not configured on this cluster";
    errors.push(invalid(`spec.ipFamilies[${foreign}]`, spec.ipFamilies?.[foreign], why));
  } else if (spec.ipFamilyPolicy === "RequireDualStack") {
    const why = "this cluster is not configured for dual-stack services";
    errors.push(invalid("spec.ipFamilyPolicy", spec.ipFamilyPolicy, why));
  }
  spec.ipFamilies ??= ["IPv4"];
  spec.ipFamilyPolicy ??= "SingleStack";
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
