import type { V1Endpoint, V1EndpointSlice } from "../api/generated/types.ts";
import { type FieldError, invalid, required } from "../apimachinery/field-error.ts";
import { type Address, endpointText, type Family, parseAddress } from "./address.ts";
import { isProtocol, type Protocol, portNumber } from "./service-port.ts";
import { objectIn, objectsIn, textIn } from "./untrusted.ts";

/** Where a connection may go: one address and port of one service port. */
export interface Endpoint {
  /** `10.0.0.1:80`, `[fd00::1]:80`: what hashes and rules say, and the order of endpoints. */
  readonly text: string;
  readonly address: Address;
  readonly port: number;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** On the node whose tables these are. */
  readonly isLocal: boolean;
  /** Empty: no hint. */
  readonly zoneHints: readonly string[];
  readonly nodeHints: readonly string[];
}

/** What one EndpointSlice says, as far as it can be used. */
export interface ParsedSlice {
  /** `namespace/name` of the Service. */
  readonly service: string;
  readonly ports: readonly {
    readonly name: string;
    readonly protocol: Protocol;
    /** In the order of their texts. */
    readonly endpoints: readonly Endpoint[];
  }[];
}

/** In the place of a node's name: all nodes are this machine, as simulated ones are. */
export const EVERY_NODE = "*";

const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
const HEADLESS_LABEL = "service.kubernetes.io/headless";
const ADDRESS_TYPES: Record<Family, string> = { ipv4: "IPv4", ipv6: "IPv6" };
const NO_HINTS: readonly string[] = [];

/**
 * Reads a slice for one family; undefined for one that is not its, or that kube-proxy does not watch. Only the first
 * address of an endpoint counts, and a port without name or number is left out. Source: service-tables 3.2.
 */
export function parseSlice(
  slice: V1EndpointSlice,
  family: Family,
  nodeName: string,
  errors: FieldError[],
): ParsedSlice | undefined {
  const metadata = objectIn(slice.metadata);
  const labels: Record<string, string | undefined> = objectIn(metadata.labels);
  if (slice.addressType !== ADDRESS_TYPES[family] || labels[HEADLESS_LABEL] !== undefined) return undefined;
  const service = textIn(labels[SERVICE_NAME_LABEL]);
  if (service === "") {
    errors.push(required(`metadata.labels[${SERVICE_NAME_LABEL}]`));
    return undefined;
  }
  const ports = objectsIn(slice.ports, "ports", errors).flatMap(({ name, protocol, port }) => {
    const spoken = protocol ?? "TCP";
    const isUsable = typeof name === "string" && isProtocol(spoken) && portNumber(port) !== 0;
    return isUsable ? [{ name, protocol: spoken, port: port!, endpoints: [] as Endpoint[] }] : [];
  });
  for (const [i, one] of objectsIn(slice.endpoints, "endpoints", errors).entries()) {
    const text = textIn(Array.isArray(one.addresses) ? one.addresses[0] : undefined);
    const address = parseAddress(text);
    if (address?.family === family)
      for (const { port, endpoints } of ports)
        endpoints.push(endpointIn(one, address, port, nodeName, errors));
    else
      errors.push(
        invalid(`endpoints[${i}].addresses[0]`, text, `must be a valid ${ADDRESS_TYPES[family]} address`),
      );
  }
  for (const { endpoints } of ports) endpoints.sort(inOrder);
  return {
    service: `${textIn(metadata.namespace)}/${service}`,
    ports: ports.map(({ name, protocol, endpoints }) => ({ name, protocol, endpoints })),
  };
}

function endpointIn(
  { conditions, nodeName, hints }: V1Endpoint,
  address: Address,
  port: number,
  thisNode: string,
  errors: FieldError[],
): Endpoint {
  const { ready, serving, terminating } = objectIn(conditions);
  const { forZones, forNodes } = objectIn(hints);
  const names = (some: readonly { name: string }[] | undefined, field: string) =>
    some === undefined ? NO_HINTS : objectsIn(some, field, errors).map(({ name }) => name);
  return {
    text: endpointText(address.text, port),
    address,
    port,
    ready: ready ?? true,
    serving: serving ?? true,
    terminating: terminating ?? false,
    isLocal: nodeName !== undefined && (nodeName === thisNode || thisNode === EVERY_NODE),
    zoneHints: names(forZones, "endpoints.hints.forZones"),
    nodeHints: names(forNodes, "endpoints.hints.forNodes"),
  };
}

/**
 * The endpoints of a service port, each address and port once, in the order of their texts. Where two entries say the same
 * address, one that is not terminating wins: a dying pod and a new one may share it for a moment.
 */
export function endpointsOf(
  slices: Iterable<ParsedSlice>,
  portName: string,
  protocol: Protocol,
): readonly Endpoint[] {
  const lists: (readonly Endpoint[])[] = [];
  for (const { ports } of slices)
    for (const port of ports)
      if (port.name === portName && port.protocol === protocol) lists.push(port.endpoints);
  const all = lists.length === 1 ? lists[0]! : lists.flat().sort(inOrder);
  for (let i = 1; i < all.length; i++)
    if (all[i]!.text === all[i - 1]!.text) return all.filter((one, k) => one.text !== all[k - 1]?.text);
  return all;
}

/** As bytes, as Go sorts: `10.0.0.10:80` before `10.0.0.1:80`. */
function inOrder(a: Endpoint, b: Endpoint): number {
  if (a.text !== b.text) return a.text < b.text ? -1 : 1;
  return Number(a.terminating) - Number(b.terminating);
}
