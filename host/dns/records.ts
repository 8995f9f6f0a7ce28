import type { SoaData, SrvData } from "dns-packet";

/** What a name has, without the name: records of one name are found together. */
export type DnsRecord =
  | {
      readonly type: "A" | "AAAA" | "CNAME" | "NS" | "PTR" | "TXT";
      readonly ttl: number;
      readonly data: string;
    }
  | { readonly type: "SRV"; readonly ttl: number; readonly data: Required<SrvData> }
  | { readonly type: "SOA"; readonly ttl: number; readonly data: Required<SoaData> };

/** Addresses of Services seldom change while they live: as in kubeadm's clusters. */
export const SERVICE_TTL_SECONDS = 30;
/** Endpoints come and go, and what is not there yet soon is: CoreDNS' own default. */
export const ENDPOINT_TTL_SECONDS = 5;

export function addressRecord(address: string, ttl: number): DnsRecord {
  return { type: address.includes(":") ? "AAAA" : "A", ttl, data: address };
}

export function serviceRecord(port: number, target: string, ttl: number, weight: number): DnsRecord {
  return { type: "SRV", ttl, data: { priority: 0, weight, port, target } };
}

/**
 * The address that a name of a reverse zone asks for: `7.0.96.10.in-addr.arpa`, or 32 nibbles under `ip6.arpa`.
 *
 * @param labels  in lower case
 * @returns       "" for a name above an address, undefined for one that is no part of a reverse zone
 */
export function reverseAddress(labels: readonly string[]): string | undefined {
  const [arpa, zone] = [labels.at(-1), labels.at(-2)];
  if (arpa !== "arpa" || (zone !== "in-addr" && zone !== "ip6")) return undefined;
  const parts = labels.slice(0, -2).reverse();
  if (zone === "in-addr") return parts.length === 4 ? parts.join(".") : "";
  if (parts.length !== 32 || parts.some((part) => !/^[0-9a-f]$/.test(part))) return "";
  return Array.from({ length: 8 }, (_, i) => parts.slice(4 * i, 4 * i + 4).join("")).join(":");
}
