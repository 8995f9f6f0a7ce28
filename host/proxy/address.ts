/** Addresses as the tables hold them: canonical text and four words; an IPv4 address is `::ffff:a.b.c.d`. */
export type Family = "ipv4" | "ipv6";

export type Words = readonly [number, number, number, number];

export interface Address {
  readonly family: Family;
  /** As Go prints it: no leading zeros, IPv6 in lower case and compressed. */
  readonly text: string;
  readonly words: Words;
}

export interface AddressRange {
  readonly family: Family;
  /** The masked network, `10.0.0.0/8`. */
  readonly text: string;
  readonly words: Words;
  /** Of the four words: that of an IPv4 range is 96 more than it says. */
  readonly prefixLength: number;
}

/** Most addresses are IPv4, and there is one for every endpoint: it keeps its number, and makes words when asked. */
class Ipv4Address implements Address {
  readonly text: string;
  /** As a signed integer: the others would be objects of their own. */
  readonly number: number;

  constructor(text: string, number: number) {
    this.text = text;
    this.number = number | 0;
  }

  get family(): Family {
    return "ipv4";
  }

  get words(): Words {
    return [0, 0, MAPPED, this.number >>> 0];
  }
}

const MAPPED = 0xffff;
const LEADING_ZERO = /\b0\d/;

/**
 * Reads an address as kube-proxy does (netutils.ParseIPSloppy): leading zeros in IPv4 are decimal, an IPv4-mapped IPv6
 * address is IPv4. Undefined for anything else.
 */
export function parseAddress(text: string): Address | undefined {
  const number = ipv4Number(text);
  if (number >= 0) return new Ipv4Address(LEADING_ZERO.test(text) ? ipv4Text(number) : text, number);
  const words = ipv6Words(text);
  if (words === undefined) return undefined;
  if (words[0] === 0 && words[1] === 0 && words[2] === MAPPED)
    return new Ipv4Address(ipv4Text(words[3]), words[3]);
  return { family: "ipv6", text: ipv6Text(words), words };
}

/** Back from the tables. */
export function addressText(words: Words): string {
  return words[0] === 0 && words[1] === 0 && words[2] === MAPPED ? ipv4Text(words[3]) : ipv6Text(words);
}

/** `10.1.2.3/8` as the network `10.0.0.0/8`; undefined for anything else. */
export function parseRange(text: string): AddressRange | undefined {
  const slash = text.indexOf("/");
  const length = text.slice(slash + 1);
  if (slash < 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const address = parseAddress(text.slice(0, slash));
  if (address === undefined) return undefined;
  const longest = address.family === "ipv4" ? 32 : 128;
  const said = Number(length);
  if (said > longest) return undefined;
  const prefixLength = said + 128 - longest;
  const words = address.words.map((word, i) => (word & maskWord(prefixLength, i)) >>> 0) as unknown as Words;
  return { family: address.family, text: `${addressText(words)}/${said}`, words, prefixLength };
}

export function contains(range: AddressRange, { words }: Address): boolean {
  for (let i = 0; i < 4; i++)
    if ((words[i]! & maskWord(range.prefixLength, i)) >>> 0 !== range.words[i]) return false;
  return true;
}

/** The range of this one address. */
export function single(address: Address): AddressRange {
  const text = `${address.text}/${address.family === "ipv4" ? 32 : 128}`;
  return { family: address.family, text, words: address.words, prefixLength: 128 };
}

/**
 * The order of two addresses of a family as endpoints with the same port: that of the texts `10.0.0.1:80`, so 10.0.0.10
 * comes before 10.0.0.1.
 */
export function compareAddresses(a: string, b: string): number {
  if (a === b) return 0;
  if (!a.startsWith(b) && !b.startsWith(a)) return a < b ? -1 : 1;
  // What follows the shorter one decides.
  const end = a.includes(":") ? "]" : ":";
  return a + end < b + end ? -1 : 1;
}

/** `10.0.0.1:80`, `[fd00::1]:80` */
export function endpointText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function maskWord(prefixLength: number, word: number): number {
  const bits = Math.min(32, Math.max(0, prefixLength - 32 * word));
  return bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
}

/** -1 for anything but four decimal numbers. */
function ipv4Number(text: string): number {
  let number = 0;
  let part = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 46) {
      if (part < 0 || ++dots > 3) return -1;
      number = number * 256 + part;
      part = -1;
    } else if (code >= 48 && code <= 57) {
      part = part < 0 ? code - 48 : part * 10 + code - 48;
      if (part > 255) return -1;
    } else return -1;
  }
  return dots === 3 && part >= 0 ? number * 256 + part : -1;
}

function ipv4Text(number: number): string {
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}

function ipv6Words(text: string): Words | undefined {
  const halves = text.split("::");
  if (halves.length > 2 || !text.includes(":")) return undefined;
  const front = groupsOf(halves[0]!, halves.length === 1);
  const back = groupsOf(halves[1] ?? "", true);
  if (front === undefined || back === undefined) return undefined;
  const missing = 8 - front.length - back.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...front, ...new Array<number>(missing).fill(0), ...back];
  const word = (i: number) => groups[2 * i]! * 65536 + groups[2 * i + 1]!;
  return [word(0), word(1), word(2), word(3)];
}

/** Groups of 16 bits; the last may be an IPv4 address. */
function groupsOf(text: string, endsAddress: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    const number = endsAddress && i === parts.length - 1 ? ipv4Number(part) : -1;
    if (number >= 0) groups.push(Math.floor(number / 65536), number % 65536);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

/** The longest run of two or more zero groups, the first of equal ones, becomes `::` (RFC 5952). */
function ipv6Text(words: Words): string {
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  let [start, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > length) [start, length] = [i, run];
  }
  const hex = (some: number[]) => some.map((group) => group.toString(16)).join(":");
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}
