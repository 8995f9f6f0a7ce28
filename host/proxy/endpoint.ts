import type { DiscoveryV1EndpointPort, V1Endpoint, V1EndpointSlice } from "../api/generated/types.ts";
import { type FieldError, invalid, required } from "../apimachinery/field-error.ts";
import { type Address, compareAddresses, endpointText, type Family, parseAddress } from "./address.ts";
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

/** What is seldom an endpoint's own: most of a cluster's share one of a few. */
type EndpointState = Pick<
  Endpoint,
  "ready" | "serving" | "terminating" | "isLocal" | "zoneHints" | "nodeHints"
>;

/** An endpoint in few words: there are hundreds of thousands of them. */
class SliceEndpoint implements Endpoint {
  readonly address: Address;
  readonly port: number;
  readonly state: EndpointState;
  /** Made when a rule is written. */
  #text: string | undefined;

  constructor(address: Address, port: number, state: EndpointState) {
    this.address = address;
    this.port = port;
    this.state = state;
  }

  get text(): string {
    this.#text ??= endpointText(this.address.text, this.port);
    return this.#text;
  }

  get ready(): boolean {
    return this.state.ready;
  }

  get serving(): boolean {
    return this.state.serving;
  }

  get terminating(): boolean {
    return this.state.terminating;
  }

  get isLocal(): boolean {
    return this.state.isLocal;
  }

  get zoneHints(): readonly string[] {
    return this.state.zoneHints;
  }

  get nodeHints(): readonly string[] {
    return this.state.nodeHints;
  }
}

/** What one EndpointSlice says, as far as it can be used. */
export interface ParsedSlice {
  /** Its own `namespace/name`. */
  readonly name: string;
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
  const ports = objectsIn(slice.ports, "ports", errors).filter(isUsable);
  const first: SliceEndpoint[] = [];
  objectsIn(slice.endpoints, "endpoints", errors).forEach((one, i) => {
    const text = textIn(Array.isArray(one.addresses) ? one.addresses[0] : undefined);
    const address = parseAddress(text);
    if (address?.family === family)
      first.push(new SliceEndpoint(address, ports[0]?.port ?? 0, stateOf(one, nodeName, errors)));
    else
      errors.push(
        invalid(`endpoints[${i}].addresses[0]`, text, `must be a valid ${ADDRESS_TYPES[family]} address`),
      );
  });
  // All ports have the same endpoints: one order serves all. A list that grew has room that nobody needs.
  const sorted = first.sort(inOrder).slice();
  const namespace = textIn(metadata.namespace);
  return {
    name: `${namespace}/${textIn(metadata.name)}`,
    service: `${namespace}/${service}`,
    ports: ports.map(({ name, protocol, port }, i) => ({
      name: name!,
      protocol: protocol ?? "TCP",
      endpoints:
        i === 0 ? sorted : sorted.map(({ address, state }) => new SliceEndpoint(address, port!, state)),
    })),
  };
}

function isUsable(
  port: DiscoveryV1EndpointPort,
): port is DiscoveryV1EndpointPort & { protocol: Protocol | undefined } {
  return typeof port.name === "string" && isProtocol(port.protocol ?? "TCP") && portNumber(port.port) !== 0;
}

function stateOf(
  { conditions, nodeName, hints }: V1Endpoint,
  thisNode: string,
  errors: FieldError[],
): EndpointState {
  const { ready, serving, terminating } = objectIn(conditions);
  const { forZones, forNodes } = objectIn(hints);
  const plain = plainState(
    ready ?? true,
    serving ?? true,
    terminating ?? false,
    nodeName !== undefined && (nodeName === thisNode || thisNode === EVERY_NODE),
  );
  if (forZones === undefined && forNodes === undefined) return plain;
  const names = (some: readonly { name: string }[] | undefined, field: string) =>
    some === undefined ? NO_HINTS : objectsIn(some, field, errors).map(({ name }) => name);
  return {
    ...plain,
    zoneHints: names(forZones, "endpoints.hints.forZones"),
    nodeHints: names(forNodes, "endpoints.hints.forNodes"),
  };
}

/** Without hints there are sixteen. */
const PLAIN_STATES: readonly EndpointState[] = Array.from({ length: 16 }, (_, bits) => ({
  ready: (bits & 8) !== 0,
  serving: (bits & 4) !== 0,
  terminating: (bits & 2) !== 0,
  isLocal: (bits & 1) !== 0,
  zoneHints: NO_HINTS,
  nodeHints: NO_HINTS,
}));

function plainState(ready: unknown, serving: unknown, terminating: unknown, isLocal: boolean): EndpointState {
  return PLAIN_STATES[(ready ? 8 : 0) + (serving ? 4 : 0) + (terminating ? 2 : 0) + (isLocal ? 1 : 0)]!;
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
    if (comparePlaces(all[i]!, all[i - 1]!) === 0)
      return all.filter((one, k) => k === 0 || comparePlaces(one, all[k - 1]!) !== 0);
  return all;
}

/** As bytes of their texts, as Go sorts: `10.0.0.10:80` before `10.0.0.1:80`; 0 for the same text. */
export function comparePlaces(a: Endpoint, b: Endpoint): number {
  const byAddress = compareAddresses(a.address.text, b.address.text);
  if (byAddress !== 0 || a.port === b.port) return byAddress;
  return String(a.port) < String(b.port) ? -1 : 1;
}

function inOrder(a: Endpoint, b: Endpoint): number {
  return comparePlaces(a, b) || Number(a.terminating) - Number(b.terminating);
}
