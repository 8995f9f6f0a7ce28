/** IPv4 addresses as numbers, and the CIDR the cluster's Services live in. */
export interface Ipv4Range {
  readonly cidr: string;
  /** The network address; never given out, and neither is the broadcast address. */
  readonly base: number;
  readonly size: number;
}

export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

export function parseCidr(cidr: string): Ipv4Range {
  const [address = "", bits = ""] = cidr.split("/");
  const base = parseIpv4(address);
  const size = 2 ** (32 - Number(bits));
  if (base === undefined || !Number.isInteger(size) || base % size !== 0)
    throw new Error(`not an IPv4 CIDR: ${cidr}`);
  return { cidr, base, size };
}
