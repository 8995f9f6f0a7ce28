import type { V1Service } from "../api/generated/types.ts";
import { type FieldError, invalid } from "../apimachinery/field-error.ts";
import { type AddressRange, type Family, parseAddress, parseRange } from "./address.ts";

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

export interface ServicePortOptions {
  readonly family: Family;
  /** Feature gate AllowServiceExternalIPs. */
  readonly allowExternalIps: boolean;
}

/** kube-proxy leaves Services with this label to somebody else. */
const OTHER_PROXY_LABEL = "service.kubernetes.io/service-proxy-name";

/** Whether a Service has an address that somebody must answer for. Headless ones and names of elsewhere have none. */
function isProxied({ metadata, spec }: V1Service): boolean {
  if (metadata?.labels?.[OTHER_PROXY_LABEL] !== undefined) return false;
  return spec?.type !== "ExternalName" && !!spec?.clusterIP && spec.clusterIP !== "None";
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
  const spec = service.spec!;
  const clusterIp = clusterIpOf(spec, family, errors);
  if (clusterIp === undefined) return [];
  const owner = `${service.metadata?.namespace ?? ""}/${service.metadata?.name ?? ""}`;
  const hasBalancer = spec.type === "LoadBalancer";
  const hasNodePorts = hasBalancer || spec.type === "NodePort";
  const externalIps = allowExternalIps
    ? addressesOf(spec.externalIPs ?? [], family, "spec.externalIPs", errors)
    : [];
  const vips = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
    ip && (ipMode === undefined || ipMode === "VIP") ? [ip] : [],
  );
  const externalLocal =
    spec.externalTrafficPolicy === "Local" && (hasNodePorts || (spec.externalIPs ?? []).length > 0);
  const shared = {
    service: owner,
    clusterIp,
    externalIps,
    loadBalancerVips: addressesOf(vips, family, "status.loadBalancer.ingress.ip", errors),
    sourceRanges: sourceRangesOf(spec.loadBalancerSourceRanges ?? [], family, errors),
    externalLocal,
    internalLocal: spec.internalTrafficPolicy === "Local",
    affinitySeconds:
      spec.sessionAffinity === "ClientIP"
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS)
        : 0,
    healthCheckNodePort: hasBalancer && externalLocal ? portNumber(spec.healthCheckNodePort) : 0,
  };
  const ports = new Map<string, ServicePort>();
  for (const [i, { name: portName = "", protocol = "TCP", port, nodePort }] of (spec.ports ?? []).entries()) {
    if (!isProtocol(protocol)) {
      errors.push(invalid(`spec.ports[${i}].protocol`, protocol, 'must be "TCP", "UDP" or "SCTP"'));
      continue;
    }
    if (portNumber(port) === 0) {
      errors.push(invalid(`spec.ports[${i}].port`, port, "must be between 1 and 65535, inclusive"));
      continue;
    }
    const name = portName === "" ? owner : `${owner}:${portName}`;
    const key = `${name}/${protocol}`;
    ports.set(key, { ...shared, key, name, portName, protocol, port, nodePort: portNumber(nodePort) });
  }
  return [...ports.values()];
}

const DEFAULT_AFFINITY_SECONDS = 10_800;

export function isProtocol(text: string): text is Protocol {
  return text === "TCP" || text === "UDP" || text === "SCTP";
}

/** 0 for what is no port. */
export function portNumber(port: number | undefined): number {
  return port !== undefined && Number.isInteger(port) && port > 0 && port < 65_536 ? port : 0;
}

/** The address at the family's place in `ipFamilies`; a Service of before dual stack has `clusterIP` alone. */
function clusterIpOf(
  { clusterIP, clusterIPs, ipFamilies }: NonNullable<V1Service["spec"]>,
  family: Family,
  errors: FieldError[],
): string | undefined {
  const name = family === "ipv4" ? "IPv4" : "IPv6";
  const index = ipFamilies?.length ? ipFamilies.indexOf(name) : 0;
  if (index < 0) return undefined;
  const text = ipFamilies?.length
    ? (clusterIPs?.[index] ?? (index === 0 ? clusterIP : undefined))
    : clusterIP;
  if (text === undefined || text === "" || text === "None") return undefined;
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
