import type { V1Service } from "../api/generated/types.ts";
import { type FieldError, invalid, notSupported } from "../apimachinery/field-error.ts";
import { isDns1123Label } from "../apimachinery/names.ts";
import { type AddressRange, type Family, parseAddress, parseRange } from "./address.ts";
import { objectIn, objectsIn, textIn, textsIn } from "./untrusted.ts";

export type Protocol = "TCP" | "UDP" | "SCTP";

export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/**
 * One port of one Service in one address family: what kube-proxy calls a BaseServicePortInfo. Each has its own chains and
 * its own row. Source: service-tables 3.1.
 */
export interface ServicePort {
  /** `namespace/name:port/TCP`: no other has it. */
  readonly key: string;
  /** What rules and hashes say: `namespace/name:port`, without the colon where the port has no name. */
  readonly name: string;
  /** `namespace/name` */
  readonly service: string;
  readonly portName: string;
  readonly protocol: Protocol;
  readonly clusterIp: string;
  readonly port: number;
  /** 0: none. */
  readonly nodePort: number;
  /** In the Service's order, as the three below. */
  readonly externalIps: readonly string[];
  /** Addresses of the load balancer that packets arrive with (ipMode VIP). */
  readonly loadBalancerVips: readonly string[];
  /** Empty: from everywhere. */
  readonly sourceRanges: readonly AddressRange[];
  readonly externalLocal: boolean;
  readonly internalLocal: boolean;
  /** 0: sessionAffinity None. */
  readonly affinitySeconds: number;
  /** 0: none. */
  readonly healthCheckNodePort: number;
}

/** What is the same for all ports of a Service, and for most Services: few say any of it. */
type Policy = Pick<
  ServicePort,
  | "externalIps"
  | "loadBalancerVips"
  | "sourceRanges"
  | "externalLocal"
  | "internalLocal"
  | "affinitySeconds"
  | "healthCheckNodePort"
>;

/** A service port in few words; its names are put together when asked for. */
class KnownServicePort implements ServicePort {
  readonly service: string;
  readonly clusterIp: string;
  readonly portName: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly nodePort: number;
  readonly policy: Policy;

  constructor(
    { service, clusterIp, policy }: { service: string; clusterIp: string; policy: Policy },
    { portName, protocol, port, nodePort }: Pick<ServicePort, "portName" | "protocol" | "port" | "nodePort">,
  ) {
    this.service = service;
    this.clusterIp = clusterIp;
    this.portName = portName;
    this.protocol = protocol;
    this.port = port;
    this.nodePort = nodePort;
    this.policy = policy;
  }

  get name(): string {
    return this.portName === "" ? this.service : `${this.service}:${this.portName}`;
  }

  get key(): string {
    return `${this.name}/${this.protocol}`;
  }

  get externalIps(): readonly string[] {
    return this.policy.externalIps;
  }

  get loadBalancerVips(): readonly string[] {
    return this.policy.loadBalancerVips;
  }

  get sourceRanges(): readonly AddressRange[] {
    return this.policy.sourceRanges;
  }

  get externalLocal(): boolean {
    return this.policy.externalLocal;
  }

  get internalLocal(): boolean {
    return this.policy.internalLocal;
  }

  get affinitySeconds(): number {
    return this.policy.affinitySeconds;
  }

  get healthCheckNodePort(): number {
    return this.policy.healthCheckNodePort;
  }
}

export interface ServicePortOptions {
  readonly family: Family;
  /** Feature gate AllowServiceExternalIPs. */
  readonly allowExternalIps: boolean;
}

/** kube-proxy leaves Services with this label to somebody else. */
const OTHER_PROXY_LABEL = "service.kubernetes.io/service-proxy-name";

/** Whether a Service has an address that somebody must answer for. Headless ones and names of elsewhere have none. */
function isProxied({ metadata, spec }: V1Service): boolean {
  if (objectIn(objectIn(metadata).labels)[OTHER_PROXY_LABEL] !== undefined) return false;
  const { type, clusterIP } = objectIn(spec);
  return type !== "ExternalName" && textIn(clusterIP) !== "" && clusterIP !== "None";
}

/** Whether packets from outside the cluster have a way in. */
export function isExternallyAccessible(port: ServicePort): boolean {
  return port.nodePort !== 0 || port.externalIps.length > 0 || port.loadBalancerVips.length > 0;
}

/**
 * The ports of a Service in one family. What the API server would have refused is left out, as kube-proxy does; `errors`
 * gets a line for each such field.
 */
export function servicePortsOf(
  service: V1Service,
  { family, allowExternalIps }: ServicePortOptions,
  errors: FieldError[],
): ServicePort[] {
  if (!isProxied(service)) return [];
  const { namespace, name: ownName } = objectIn(service.metadata);
  const spec = objectIn(service.spec);
  const clusterIp = clusterIpOf(spec, family, errors);
  if (clusterIp === undefined) return [];
  // Names stand in rules: one that the API server refuses must not get there.
  if (!isName("metadata.namespace", namespace, errors) || !isName("metadata.name", ownName, errors))
    return [];
  const owner = `${namespace}/${ownName}`;
  const hasBalancer = spec.type === "LoadBalancer";
  const externalIps = textsIn(spec.externalIPs, "spec.externalIPs", errors);
  const hasWayIn = hasBalancer || spec.type === "NodePort" || externalIps.length > 0;
  const externalLocal = spec.externalTrafficPolicy === "Local" && hasWayIn;
  const shared = {
    service: owner,
    clusterIp,
    policy: oneOfFew({
      externalIps: allowExternalIps ? addressesOf(externalIps, family, "spec.externalIPs", errors) : [],
      loadBalancerVips: addressesOf(
        vipsOf(service, errors),
        family,
        "status.loadBalancer.ingress.ip",
        errors,
      ),
      sourceRanges: sourceRangesOf(
        textsIn(spec.loadBalancerSourceRanges, "spec.loadBalancerSourceRanges", errors),
        family,
        errors,
      ),
      externalLocal,
      internalLocal: spec.internalTrafficPolicy === "Local",
      affinitySeconds: affinityOf(spec, errors),
      healthCheckNodePort: hasBalancer && externalLocal ? portNumber(spec.healthCheckNodePort) : 0,
    }),
  };
  const ports: ServicePort[] = [];
  for (const [i, one] of objectsIn(spec.ports, "spec.ports", errors).entries()) {
    const { port } = one;
    const [portName, protocol] = [one.name ?? "", one.protocol ?? "TCP"];
    if (portName !== "" && !isName(`spec.ports[${i}].name`, portName, errors)) continue;
    if (!isProtocol(protocol))
      errors.push(notSupported(`spec.ports[${i}].protocol`, protocol, Object.keys(PROTOCOL_NUMBERS)));
    else if (portNumber(port) === 0)
      errors.push(invalid(`spec.ports[${i}].port`, port, "must be between 1 and 65535, inclusive"));
    else {
      const nodePort = portNumber(one.nodePort);
      const known = new KnownServicePort(shared, { portName, protocol, port, nodePort });
      // Of two with the same name the last counts, in the place of the first.
      const twin = ports.findIndex((other) => isSamePort(other, known));
      ports[twin < 0 ? ports.length : twin] = known;
    }
  }
  // A list that grew has room that nobody needs.
  return ports.slice();
}

/** Whether two ports of a Service have the same key. */
export function isSamePort(a: ServicePort, b: ServicePort): boolean {
  return a.portName === b.portName && a.protocol === b.protocol;
}

/** The same object for the same plain policy, so that it is not kept for each of a hundred thousand Services. */
function oneOfFew(policy: Policy): Policy {
  const { externalIps, loadBalancerVips, sourceRanges, healthCheckNodePort } = policy;
  const isPlain =
    externalIps.length + loadBalancerVips.length + sourceRanges.length === 0 && healthCheckNodePort === 0;
  if (!isPlain) return policy;
  const same = PLAIN_POLICIES.find(
    ({ externalLocal, internalLocal, affinitySeconds }) =>
      externalLocal === policy.externalLocal &&
      internalLocal === policy.internalLocal &&
      affinitySeconds === policy.affinitySeconds,
  );
  return same ?? policy;
}

type Spec = Partial<NonNullable<V1Service["spec"]>>;

function isName(field: string, name: unknown, errors: FieldError[]): boolean {
  const text = typeof name === "string" ? name : "";
  const messages = isDns1123Label(text);
  for (const message of messages) errors.push(invalid(field, name, message));
  return messages.length === 0;
}

/** Addresses that packets of the load balancer still have when they come here. */
function vipsOf({ status }: V1Service, errors: FieldError[]): string[] {
  const { ingress } = objectIn(objectIn(status).loadBalancer);
  return objectsIn(ingress, "status.loadBalancer.ingress", errors).flatMap(({ ip, ipMode }) =>
    textIn(ip) !== "" && (ipMode ?? "VIP") === "VIP" ? [ip!] : [],
  );
}

const DEFAULT_AFFINITY_SECONDS = 10_800;

/** With the affinity that nearly all have, or none. */
const PLAIN_POLICIES: readonly Policy[] = Array.from({ length: 8 }, (_, bits) => ({
  externalIps: [],
  loadBalancerVips: [],
  sourceRanges: [],
  externalLocal: (bits & 1) !== 0,
  internalLocal: (bits & 2) !== 0,
  affinitySeconds: (bits & 4) !== 0 ? DEFAULT_AFFINITY_SECONDS : 0,
  healthCheckNodePort: 0,
}));

const MAX_AFFINITY_SECONDS = 86_400;

/** 0 without session affinity. */
function affinityOf({ sessionAffinity, sessionAffinityConfig }: Spec, errors: FieldError[]): number {
  if (sessionAffinity !== "ClientIP") return 0;
  const seconds =
    objectIn(objectIn(sessionAffinityConfig).clientIP).timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
  if (Number.isInteger(seconds) && seconds > 0 && seconds <= MAX_AFFINITY_SECONDS) return seconds;
  const field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
  errors.push(invalid(field, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`));
  return DEFAULT_AFFINITY_SECONDS;
}

export function isProtocol(text: unknown): text is Protocol {
  return text === "TCP" || text === "UDP" || text === "SCTP";
}

/** 0 for what is no port. */
export function portNumber(port: number | undefined): number {
  return port !== undefined && Number.isInteger(port) && port > 0 && port < 65_536 ? port : 0;
}

/** The address at the family's place in `ipFamilies`; a Service of before dual stack has `clusterIP` alone. */
function clusterIpOf(spec: Spec, family: Family, errors: FieldError[]): string | undefined {
  const families = textsIn(spec.ipFamilies, "spec.ipFamilies", errors);
  const index = families.length > 0 ? families.indexOf(family === "ipv4" ? "IPv4" : "IPv6") : 0;
  if (index < 0) return undefined;
  const listed = families.length > 0 ? textsIn(spec.clusterIPs, "spec.clusterIPs", errors)[index] : undefined;
  const text = listed ?? (index === 0 ? textIn(spec.clusterIP) : "");
  if (text === "" || text === "None") return undefined;
  const address = parseAddress(text);
  if (address === undefined) errors.push(invalid(`spec.clusterIPs[${index}]`, text, NOT_AN_ADDRESS));
  return address?.family === family ? address.text : undefined;
}

const NOT_AN_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const NOT_A_RANGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

function addressesOf(
  texts: readonly string[],
  family: Family,
  field: string,
  errors: FieldError[],
): string[] {
  return texts.flatMap((text) => {
    const address = parseAddress(text);
    if (address === undefined) errors.push(invalid(field, text, NOT_AN_ADDRESS));
    return address?.family === family ? [address.text] : [];
  });
}

/** A range that holds everything, in the family, lifts all others. */
function sourceRangesOf(texts: readonly string[], family: Family, errors: FieldError[]): AddressRange[] {
  const ranges = texts.flatMap((text) => {
    const range = parseRange(text.trim());
    if (range === undefined) errors.push(invalid("spec.loadBalancerSourceRanges", text, NOT_A_RANGE));
    return range?.family === family ? [range] : [];
  });
  return ranges.some(({ text }) => text.endsWith("/0")) ? [] : ranges;
}
