import { hash } from "node:crypto";
import type { Endpoint } from "./endpoint.ts";
import type { ServicePort } from "./service-port.ts";

/**
 * Names of the chains that a service port has, as kube-proxy makes them: a prefix and 16 letters of a hash, 25 characters
 * of the 28 that iptables allows. IPv4 and IPv6 have the same names, in tables of their own. Source: service-tables 1.
 */
export interface ChainNames {
  readonly cluster: string;
  readonly local: string;
  readonly external: string;
  readonly firewall: string;
}

/** Chains that start with one of these are kube-proxy's to delete, no others. */
export const SERVICE_CHAIN_PREFIXES = ["KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-", "KUBE-SEP-"];

export function chainNames(port: ServicePort): ChainNames {
  let names = namesOfPorts.get(port);
  if (names === undefined) {
    const letters = hashOf(port.name + port.protocol.toLowerCase());
    names = {
      cluster: `KUBE-SVC-${letters}`,
      local: `KUBE-SVL-${letters}`,
      external: `KUBE-EXT-${letters}`,
      firewall: `KUBE-FW-${letters}`,
    };
    namesOfPorts.set(port, names);
  }
  return names;
}

/** Names are kept as long as what they name: every sync says them again. */
const namesOfPorts = new WeakMap<ServicePort, ChainNames>();
const namesOfEndpoints = new WeakMap<Endpoint, string>();

/** Also the name of the list of clients that session affinity keeps for the endpoint. */
export function endpointChain({ name, protocol }: ServicePort, endpoint: Endpoint): string {
  let chain = namesOfEndpoints.get(endpoint);
  if (chain === undefined) {
    chain = `KUBE-SEP-${hashOf(name + protocol.toLowerCase() + endpoint.text)}`;
    namesOfEndpoints.set(endpoint, chain);
  }
  return chain;
}

const NAME_LENGTH = 16;
/** RFC 4648. */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function hashOf(text: string): string {
  return base32(hash("sha256", text, "buffer"), NAME_LENGTH);
}

/** The first letters of a base32 text; five bits each, from the highest. */
export function base32(bytes: Uint8Array, length: number): string {
  let letters = "";
  for (let i = 0; i < length; i++) {
    const bit = i * 5;
    const pair = bytes[bit >> 3]! * 256 + bytes[(bit >> 3) + 1]!;
    letters += ALPHABET[(pair >> (11 - (bit & 7))) & 31];
  }
  return letters;
}
