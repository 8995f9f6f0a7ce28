import { duplicate, type FieldError, invalid, required, tooMany } from "../apimachinery/field-error.ts";
import { isDns1123Label, isDns1123Subdomain, isLabelValue, isPortNumber } from "../apimachinery/names.ts";
import { familyOf, validateAddress, validateReachable } from "./addresses.ts";
import { checked, oneOf } from "./field-checks.ts";
import type {
  CoreV1EndpointPort,
  DiscoveryV1EndpointPort,
  V1Endpoint,
  V1EndpointSlice,
  V1EndpointSubset,
  V1Endpoints,
} from "./generated/types.ts";

const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 100;
const MAX_ZONES = 8;
const PROTOCOLS = ["SCTP", "TCP", "UDP"];

/**
 * The API server publishes its own address, and by default it listens on the loopback address: where Kubernetes refuses
 * to start, we let this one Service be reached at it.
 */
function mayBeLoopback({ metadata }: V1Endpoints | V1EndpointSlice): boolean {
  const service = metadata?.labels?.["kubernetes.io/service-name"] ?? metadata?.name;
  return metadata?.namespace === "default" && service === "kubernetes";
}

/** Source: api-policy 6.5. */
export function validateEndpoints(endpoints: V1Endpoints): FieldError[] {
  const reachable = mayBeLoopback(endpoints) ? () => [] : validateReachable;
  return (endpoints.subsets ?? []).flatMap((subset, index) =>
    validateSubset(`subsets[${index}]`, subset, reachable),
  );
}

function validateSubset(
  field: string,
  subset: V1EndpointSubset,
  reachable: typeof validateReachable,
): FieldError[] {
  const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
  const check = (list: string, all: readonly { ip: string; hostname?: string }[]) =>
    all.flatMap(({ ip, hostname }, index) => {
      const path = `${field}.${list}[${index}]`;
      return [
        ...validateAddress(`${path}.ip`, ip ?? ""),
        ...(hostname ? checked(`${path}.hostname`, hostname, isDns1123Label(hostname)) : []),
        ...reachable(`${path}.ip`, ip ?? ""),
      ];
    });
  const none = "must specify `addresses` or `notReadyAddresses`";
  return [
    ...(addresses.length === 0 && notReadyAddresses.length === 0 ? [required(field, none)] : []),
    ...check("addresses", addresses),
    ...check("notReadyAddresses", notReadyAddresses),
    ...ports.flatMap((port, index) => validatePort(`${field}.ports[${index}]`, port, ports.length > 1)),
  ];
}

function validatePort(
  field: string,
  { name, port, protocol }: CoreV1EndpointPort,
  needsName: boolean,
): FieldError[] {
  const errors = needsName && !name ? [required(`${field}.name`)] : [];
  if (name) errors.push(...checked(`${field}.name`, name, isDns1123Label(name)));
  return [
    ...errors,
    ...checked(`${field}.port`, port ?? 0, isPortNumber(port ?? 0)),
    ...oneOf(`${field}.protocol`, protocol, PROTOCOLS),
  ];
}

/** Source: api-policy 6.5. */
export function validateSlice(slice: V1EndpointSlice): FieldError[] {
  const { addressType, endpoints = [], ports = [] } = slice;
  const reachable = mayBeLoopback(slice) ? () => [] : validateReachable;
  const errors = addressType
    ? oneOf("addressType", addressType, ["FQDN", "IPv4", "IPv6"])
    : [required("addressType")];
  if (endpoints.length > MAX_ENDPOINTS) errors.push(tooMany("endpoints", endpoints.length, MAX_ENDPOINTS));
  for (const [index, endpoint] of endpoints.entries())
    errors.push(...validateEndpoint(`endpoints[${index}]`, endpoint, addressType, reachable));
  return [...errors, ...validateSlicePorts(ports)];
}

function validateEndpoint(
  field: string,
  endpoint: V1Endpoint,
  addressType: string,
  reachable: typeof validateReachable,
): FieldError[] {
  const { addresses = [], hostname, hints } = endpoint;
  const path = `${field}.addresses`;
  if (addresses.length === 0) return [required(path, "must contain at least 1 address")];
  if (addresses.length > MAX_ADDRESSES) return [tooMany(path, addresses.length, MAX_ADDRESSES)];
  const errors = addresses.flatMap((address, index) => {
    const at = `${path}[${index}]`;
    if (addressType === "FQDN") return checked(at, address, isDns1123Subdomain(address));
    const bad = validateAddress(at, address);
    if (bad.length > 0) return bad;
    if (familyOf(address) !== addressType) return [invalid(at, address, `must be an ${addressType} address`)];
    return reachable(at, address);
  });
  if (hostname !== undefined)
    errors.push(...checked(`${field}.hostname`, hostname, isDns1123Label(hostname)));
  const zones = hints?.forZones ?? [];
  if (zones.length > MAX_ZONES) errors.push(tooMany(`${field}.hints.forZones`, zones.length, MAX_ZONES));
  return [
    ...errors,
    ...zones.flatMap(({ name = "" }, index) =>
      checked(`${field}.hints.forZones[${index}].name`, name, isLabelValue(name)),
    ),
  ];
}

function validateSlicePorts(ports: readonly DiscoveryV1EndpointPort[]): FieldError[] {
  if (ports.length > MAX_PORTS) return [tooMany("ports", ports.length, MAX_PORTS)];
  const names = new Set<string>();
  return ports.flatMap(({ name = "", port, protocol }, index) => {
    const field = `ports[${index}]`;
    const errors = name === "" ? [] : checked(`${field}.name`, name, isDns1123Label(name));
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
    names.add(name);
    if (port !== undefined) errors.push(...checked(`${field}.port`, port, isPortNumber(port)));
    return [...errors, ...oneOf(`${field}.protocol`, protocol, PROTOCOLS)];
  });
}
