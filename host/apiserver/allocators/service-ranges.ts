import { isIP } from "node:net";
import { addressNumber, addressText, familyOf, parseRange } from "../../api/addresses.ts";
import { staticBand } from "./band.ts";

export type Family = "IPv4" | "IPv6";

/** Where Services of one family get their addresses. */
export interface ServiceRange {
  readonly family: Family;
  /** Of its first address, whichever was given. */
  readonly cidr: string;
  readonly base: bigint;
  /** Addresses that may be given out: not the network's own, and not the broadcast address of IPv4. */
  readonly usable: number;
  /** So many of them are left to those who ask for one. */
  readonly offset: number;
}

/** kubeadm's. */
export const DEFAULT_SERVICE_RANGE = "10.96.0.0/12";
/** 2^20 addresses: kube-apiserver takes no more by flag. */
const MAX_HOST_BITS = 20;

/** A range that cannot be used. The message is one line. */
export class ServiceRangeError extends Error {
  override readonly name = "ServiceRangeError";
}

/**
 * Reads `--service-cluster-ip-range`: one range, or two of different families, the first being the default.
 *
 * @throws ServiceRangeError
 */
export function parseServiceRanges(text: string): readonly ServiceRange[] {
  const ranges = text.split(",").map((cidr) => serviceRange(cidr.trim()));
  if (ranges.length > 2 || ranges[0]?.family === ranges[1]?.family)
    throw new ServiceRangeError(
      "service-cluster-ip-range: must be one CIDR, or two of different IP families",
    );
  return ranges;
}

function serviceRange(cidr: string): ServiceRange {
  const range = parseRange(cidr);
  if (range === undefined) throw new ServiceRangeError(`service-cluster-ip-range: ${cidr} is not a CIDR`);
  const { family, base, prefixLength } = range;
  const hostBits = (family === "IPv4" ? 32 : 128) - prefixLength;
  const longest = family === "IPv4" ? 12 : 108;
  if (hostBits > MAX_HOST_BITS)
    throw new ServiceRangeError(
      `service-cluster-ip-range: ${cidr} is too large: its mask must be at least /${longest}`,
    );
  const usable = 2 ** hostBits - (family === "IPv4" ? 2 : 1);
  if (usable < 10)
    throw new ServiceRangeError(
      `service-cluster-ip-range: ${cidr} is too small: it must have at least 10 addresses`,
    );
  const network = `${addressText(base, family)}/${prefixLength}`;
  return { family, cidr: network, base, usable, offset: staticBand(2 ** hostBits, 16, 16, 256) };
}

/** The n-th address that may be given out, from 1. */
export function serviceAddress({ base, family }: ServiceRange, n: number): string {
  return addressText(base + BigInt(n), family);
}

/** By convention the tenth: kubeadm. */
export function dnsServiceAddress(ranges = DEFAULT_SERVICE_RANGE): string {
  return serviceAddress(parseServiceRanges(ranges)[0]!, 10);
}

/** An address' place among those that may be given out, from 0; undefined when it is none of them. */
export function addressIndex({ base, family, usable }: ServiceRange, address: string): number | undefined {
  if (isIP(address) === 0 || familyOf(address) !== family) return undefined;
  const index = addressNumber(address) - base - 1n;
  return index >= 0n && index < BigInt(usable) ? Number(index) : undefined;
}

/** Where node ports come from. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export const DEFAULT_NODE_PORTS = "30000-32767";

/** Reads `--service-node-port-range`. @throws ServiceRangeError */
export function parsePortRange(text: string): PortRange {
  const [, first, last] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (first === undefined || range.first < 1 || range.last > 65_535 || range.last < range.first)
    throw new ServiceRangeError(
      `service-node-port-range: ${JSON.stringify(text)} is not a range such as ${DEFAULT_NODE_PORTS}`,
    );
  return range;
}
