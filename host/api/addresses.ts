import { isIP } from "node:net";
import { type FieldError, invalid } from "../apimachinery/field-error.ts";

/** Addresses and ranges, in Kubernetes' words (k8s.io/apimachinery/pkg/util/validation). */
const NOT_AN_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const NOT_A_RANGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}

export function familyOf(address: string): "IPv4" | "IPv6" {
  return isIP(address) === 6 ? "IPv6" : "IPv4";
}

export function validateAddress(field: string, text: string): FieldError[] {
  return isAddress(text) ? [] : [invalid(field, text, NOT_AN_ADDRESS)];
}

export function validateRange(field: string, text: string): FieldError[] {
  return parseRange(text) === undefined ? [invalid(field, text, NOT_A_RANGE)] : [];
}

interface AddressRange {
  readonly family: "IPv4" | "IPv6";
  /** The first address as a number. */
  readonly base: bigint;
  readonly prefixLength: number;
}

/** `10.0.0.0/16`; undefined for anything else. */
export function parseRange(text: string): AddressRange | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (match === null || !isAddress(match[1]!)) return undefined;
  const family = familyOf(match[1]!);
  const bits = family === "IPv4" ? 32 : 128;
  const prefixLength = Number(match[2]);
  if (prefixLength > bits) return undefined;
  const hostBits = BigInt(bits - prefixLength);
  return { family, base: (addressNumber(match[1]!) >> hostBits) << hostBits, prefixLength };
}

/** Whether one range lies inside another and is smaller. */
export function isStrictSubset(inner: AddressRange, outer: AddressRange): boolean {
  if (inner.family !== outer.family || inner.prefixLength <= outer.prefixLength) return false;
  const hostBits = BigInt((outer.family === "IPv4" ? 32 : 128) - outer.prefixLength);
  return inner.base >> hostBits === outer.base >> hostBits;
}

/** The address as a number: two texts of one address have the same. */
export function addressNumber(address: string): bigint {
  if (isIP(address) === 4) return address.split(".").reduce((all, byte) => all * 256n + BigInt(byte), 0n);
  const [head = "", tail] = ipv4Tail(address).split("::");
  const groups = (text: string | undefined) => (text ? text.split(":") : []);
  const front = groups(head);
  const back = groups(tail);
  const zeros = tail === undefined ? [] : new Array<string>(8 - front.length - back.length).fill("0");
  return [...front, ...zeros, ...back].reduce((all, group) => all * 65536n + BigInt(`0x${group}`), 0n);
}

/** `::ffff:1.2.3.4` with the last two groups in hexadecimal. */
function ipv4Tail(address: string): string {
  const plain = address.split("%")[0]!;
  const match = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  if (match === null) return plain;
  const [a, b, c, d] = match.slice(2).map(Number) as [number, number, number, number];
  return `${match[1]}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** Each with its IPv4 and its IPv6 ranges, in the order in which they are asked for. Source: ValidateNonSpecialIP. */
const UNREACHABLE = [
  ["unspecified (0.0.0.0 or ::)", "0.0.0.0/32", "::/128"],
  ["in the loopback range (127.0.0.0/8, ::1/128)", "127.0.0.0/8", "::1/128"],
  ["in the link-local range (169.254.0.0/16, fe80::/10)", "169.254.0.0/16", "fe80::/10"],
  ["in the link-local multicast range (224.0.0.0/24, ff02::/10)", "224.0.0.0/24", "ff02::/16", "ff12::/16"],
].map(([what, ...ranges]) => ({ what, ranges: ranges.map((range) => parseRange(range)!) }));

/** Addresses that mean a machine itself or its own link, however written, cannot be reached from elsewhere. */
export function validateReachable(field: string, address: string): FieldError[] {
  if (!isAddress(address)) return [];
  const found = UNREACHABLE.find(({ ranges }) => ranges.some((range) => isInside(address, range)));
  return found === undefined ? [] : [invalid(field, address, `may not be ${found.what}`)];
}

/** The bits in front of an IPv4 address that is written as IPv6, `::ffff:10.0.0.1`: for Go it is the IPv4 address. */
const MAPPED = 0xffffn;

export function isInside(address: string, { family, base, prefixLength }: AddressRange): boolean {
  const number = addressNumber(address);
  const isMapped = familyOf(address) === "IPv6" && number >> 32n === MAPPED;
  if ((isMapped ? "IPv4" : familyOf(address)) !== family) return false;
  const hostBits = BigInt((family === "IPv4" ? 32 : 128) - prefixLength);
  return (isMapped ? number & 0xffffffffn : number) >> hostBits === base >> hostBits;
}

/** A number as an address, in the form that Go prints: RFC 5952. */
export function addressText(number: bigint, family: "IPv4" | "IPv6"): string {
  const part = (bits: bigint, index: bigint) => Number((number >> (bits * index)) & ((1n << bits) - 1n));
  if (family === "IPv4") return [3n, 2n, 1n, 0n].map((index) => part(8n, index)).join(".");
  const groups = [7n, 6n, 5n, 4n, 3n, 2n, 1n, 0n].map((index) => part(16n, index));
  // The longest run of two or more zeros, the first of equal ones.
  let [start, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (groups[i + run] === 0) run++;
    if (run > length) [start, length] = [i, run];
  }
  const hex = (some: readonly number[]) => some.map((group) => group.toString(16)).join(":");
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}
