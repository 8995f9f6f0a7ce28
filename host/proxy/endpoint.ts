import type { V1EndpointSlice } from "../api/generated/types.ts";
import { type FieldError, invalid, required } from "../apimachinery/field-error.ts";
import { type Address, endpointText, type Family, parseAddress } from "./address.ts";
import { isProtocol, type Protocol, portNumber } from "./service-port.ts";

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
  readonly ports: readonly { readonly name: string; readonly protocol: Protocol; readonly port: number }[];
  readonly endpoints: readonly Omit<Endpoint, "text" | "port">[];
}

const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
const HEADLESS_LABEL = "service.kubernetes.io/headless";
const ADDRESS_TYPES: Record<Family, string> = { ipv4: "IPv4", ipv6: "IPv6" };
const NO_HINTS: readonly string[] = [];

/**
 * Reads a slice for one family; undefined for one that is not its, or that kube-proxy does not watch. Only the first
 * address of an endpoint counts, and a port without name or number is left out. Source: service-tables 3.2.
 */
export function parseSlice(
  { metadata, addressType, endpoints = [], ports = [] }: V1EndpointSlice,
  family: Family,
  nodeName: string,
  errors: FieldError[],
): ParsedSlice | undefined {
  const labels = metadata?.labels ?? {};
  if (addressType !== ADDRESS_TYPES[family] || labels[HEADLESS_LABEL] !== undefined) return undefined;
  const name = labels[SERVICE_NAME_LABEL];
  if (!name) {
    errors.push(required(`metadata.labels[${SERVICE_NAME_LABEL}]`));
    return undefined;
  }
  const parsed: ParsedSlice["endpoints"][number][] = [];
  for (const [i, { addresses, conditions, nodeName: where, hints }] of (endpoints ?? []).entries()) {
    const text = addresses?.[0] ?? "";
    const address = parseAddress(text);
    if (address?.family !== family) {
      errors.push(
        invalid(`endpoints[${i}].addresses[0]`, text, `must be a valid ${ADDRESS_TYPES[family]} address`),
      );
      continue;
    }
    parsed.push({
      address,
      ready: conditions?.ready ?? true,
      serving: conditions?.serving ?? true,
      terminating: conditions?.terminating ?? false,
      isLocal: where !== undefined && where === nodeName,
      zoneHints: hints?.forZones?.map((zone) => zone.name) ?? NO_HINTS,
      nodeHints: hints?.forNodes?.map((node) => node.name) ?? NO_HINTS,
    });
  }
  return {
    service: `${metadata?.namespace ?? ""}/${name}`,
    ports: (ports ?? []).flatMap(({ name, protocol = "TCP", port }) =>
      name !== undefined && isProtocol(protocol) && portNumber(port) !== 0
        ? [{ name, protocol, port: port! }]
        : [],
    ),
    endpoints: parsed,
  };
}

/** Field by field, which is faster than copying with `...`: this is made for every endpoint there is. */
function endpointAt(one: ParsedSlice["endpoints"][number], port: number): Endpoint {
  return {
    text: endpointText(one.address.text, port),
    address: one.address,
    port,
    ready: one.ready,
    serving: one.serving,
    terminating: one.terminating,
    isLocal: one.isLocal,
    zoneHints: one.zoneHints,
    nodeHints: one.nodeHints,
  };
}

/**
 * The endpoints of a service port, each address and port once, in the order of their texts. Where two entries say the same
 * address, one that is not terminating wins: a dying pod and a new one may share it for a moment.
 */
export function endpointsOf(slices: Iterable<ParsedSlice>, portName: string, protocol: Protocol): Endpoint[] {
  const all: Endpoint[] = [];
  for (const { ports, endpoints } of slices)
    for (const { name, protocol: spoken, port } of ports)
      if (name === portName && spoken === protocol)
        for (const one of endpoints) all.push(endpointAt(one, port));
  all.sort(inOrder);
  for (let i = 1; i < all.length; i++)
    if (all[i]!.text === all[i - 1]!.text) return all.filter((one, k) => one.text !== all[k - 1]?.text);
  return all;
}

/** As bytes, as Go sorts: `10.0.0.10:80` before `10.0.0.1:80`. */
function inOrder(a: Endpoint, b: Endpoint): number {
  if (a.text !== b.text) return a.text < b.text ? -1 : 1;
  return Number(a.terminating) - Number(b.terminating);
}
