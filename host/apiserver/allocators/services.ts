import type { V1Service, V1ServicePort, V1ServiceSpec } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { internalError } from "../../apimachinery/errors.ts";
import { type FieldError, invalid, invalidObject } from "../../apimachinery/field-error.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { AnyObject } from "../storage/view.ts";
import { Band, staticBand } from "./band.ts";
import { formatIpv4, parseCidr, parseIpv4 } from "./ip-range.ts";

export const SERVICE_CIDR = parseCidr("10.96.0.0/12");
const FIRST_NODE_PORT = 30000;
const LAST_NODE_PORT = 32767;

/** What a write took; exactly one of the two is called when its fate is known. */
export interface Reservation {
  /** The write is stored: what the Service held before and does not name any more is free. */
  readonly done: () => void;
  /** The write did not happen: what it took is free again. */
  readonly undo: () => void;
}

const NOTHING: Reservation = { done: () => {}, undo: () => {} };

/**
 * Cluster addresses and node ports, each held by at most one Service. Kept in memory and rebuilt from the stored
 * Services at start, so it cannot disagree with them for longer than one run. Source: service-tables 8.
 */
export class ServiceAllocator {
  readonly #addresses: Band;
  readonly #ports: Band;

  constructor(random: Random) {
    const { size } = SERVICE_CIDR;
    // Neither the network address nor the broadcast address is given out.
    this.#addresses = new Band(size - 2, staticBand(size, 16, 16, 256), random);
    const ports = LAST_NODE_PORT - FIRST_NODE_PORT + 1;
    this.#ports = new Band(ports, staticBand(ports, 32, 16, 128), random);
  }

  /** At start: what a stored Service names is its own. */
  adopt(object: AnyObject): void {
    const holding = held(object as V1Service);
    for (const address of holding.addresses) this.#addresses.take(address, ownerOf(object));
    for (const port of holding.ports) this.#ports.take(port, ownerOf(object));
  }

  /** The Service is gone. */
  release(kind: Kind, object: AnyObject): void {
    if (!isService(kind)) return;
    const holding = held(object as V1Service);
    for (const address of holding.addresses) this.#addresses.free(address, ownerOf(object));
    for (const port of holding.ports) this.#ports.free(port, ownerOf(object));
  }

  /** Fills addresses and ports into `next`, in place; throws 422 when one it asks for is not to be had. */
  reserve(kind: Kind, next: AnyObject, old: AnyObject | undefined): Reservation {
    if (!isService(kind)) return NOTHING;
    const service = next as V1Service;
    const { spec } = service;
    if (spec === undefined) return NOTHING;
    const before = old ? held(old as V1Service) : { addresses: new Set<number>(), ports: new Set<number>() };
    const owner = ownerOf(next);
    const errors: FieldError[] = [];
    this.#reserveAddress(spec, owner, errors);
    this.#reservePorts(spec, owner, errors);
    const after = held(service);
    const reservation: Reservation = {
      done: () => this.#free(owner, before, after),
      undo: () => this.#free(owner, after, before),
    };
    if (errors.length > 0) {
      reservation.undo();
      throw invalidObject(kind, service.metadata?.name ?? "", errors);
    }
    return reservation;
  }

  /** Frees what `held` has and `kept` has not. */
  #free(owner: string, held: Holding, kept: Holding): void {
    for (const address of held.addresses)
      if (!kept.addresses.has(address)) this.#addresses.free(address, owner);
    for (const port of held.ports) if (!kept.ports.has(port)) this.#ports.free(port, owner);
  }

  #reserveAddress(spec: V1ServiceSpec, owner: string, errors: FieldError[]): void {
    if (spec.type === "ExternalName") return;
    const asked = spec.clusterIP || spec.clusterIPs?.[0];
    setFamilies(spec, asked, errors);
    if (asked === "None") {
      spec.clusterIP = "None";
      spec.clusterIPs = ["None"];
      return;
    }
    const index = asked ? this.#askedAddress(asked, owner, errors) : this.#addresses.takeNext(owner);
    if (index === undefined) {
      if (errors.length > 0) return;
      throw internalError("failed to allocate a serviceIP: range is full");
    }
    spec.clusterIP = formatIpv4(SERVICE_CIDR.base + 1 + index);
    spec.clusterIPs = [spec.clusterIP];
  }

  #askedAddress(asked: string, owner: string, errors: FieldError[]): number | undefined {
    const refuse = (why: string) => {
      errors.push(invalid("spec.clusterIPs", [asked], `failed to allocate IP ${asked}: ${why}`));
      return undefined;
    };
    const index = addressIndex(asked);
    if (index === undefined) {
      const range = `The range of valid IPs is ${SERVICE_CIDR.cidr}`;
      return refuse(`the provided IP (${asked}) is not in the valid range. ${range}`);
    }
    return this.#addresses.take(index, owner) ? index : refuse("provided IP is already allocated");
  }

  #reservePorts(spec: V1ServiceSpec, owner: string, errors: FieldError[]): void {
    const wanted =
      spec.type === "NodePort" ||
      (spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
    if (!wanted && spec.type !== "LoadBalancer") return;
    const ports = spec.ports ?? [];
    for (const [index, port] of ports.entries()) {
      if (port.nodePort) this.#askedPort(port.nodePort, `spec.ports[${index}].nodePort`, owner, errors);
    }
    if (wanted) for (const port of ports) port.nodePort ||= this.#nextPort(ports, port, owner);
    if (spec.type !== "LoadBalancer" || spec.externalTrafficPolicy !== "Local") return;
    if (spec.healthCheckNodePort) {
      this.#askedPort(spec.healthCheckNodePort, "spec.healthCheckNodePort", owner, errors);
    } else spec.healthCheckNodePort = this.#nextPort([], undefined, owner);
  }

  #askedPort(port: number, field: string, owner: string, errors: FieldError[]): void {
    if (port < FIRST_NODE_PORT || port > LAST_NODE_PORT) {
      const range = `The range of valid ports is ${FIRST_NODE_PORT}-${LAST_NODE_PORT}`;
      errors.push(invalid(field, port, `provided port is not in the valid range. ${range}`));
    } else if (!this.#ports.take(port - FIRST_NODE_PORT, owner)) {
      errors.push(invalid(field, port, "provided port is already allocated"));
    }
  }

  /** Ports of one Service with the same number (TCP and UDP) share a node port. */
  #nextPort(ports: readonly V1ServicePort[], port: V1ServicePort | undefined, owner: string): number {
    const twin = ports.find(
      (one) => one.port === port?.port && one.nodePort && one.protocol !== port.protocol,
    );
    if (twin?.nodePort) return twin.nodePort;
    const index = this.#ports.takeNext(owner);
    if (index === undefined) throw internalError("failed to allocate a nodePort: range is full");
    return FIRST_NODE_PORT + index;
  }
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
function ownerOf(object: AnyObject): string {
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
