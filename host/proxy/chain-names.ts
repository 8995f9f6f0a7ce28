import { createHash } from "node:crypto";
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

export function chainNames({ name, protocol }: ServicePort): ChainNames {
  const hash = hashOf(name + protocol.toLowerCase());
  return {
    cluster: `KUBE-SVC-${hash}`,
    local: `KUBE-SVL-${hash}`,
    external: `KUBE-EXT-${hash}`,
    firewall: `KUBE-FW-${hash}`,
  };
}

/** Also the name of the list of clients that session affinity keeps for the endpoint. */
export function endpointChain({ name, protocol }: ServicePort, endpoint: Endpoint): string {
  return `KUBE-SEP-${hashOf(name + protocol.toLowerCase() + endpoint.text)}`;
}

const NAME_LENGTH = 16;
/** RFC 4648. */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function hashOf(text: string): string {
  return base32(createHash("sha256").update(text).digest(), NAME_LENGTH);
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
