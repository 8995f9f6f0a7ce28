/**
 * Addresses for pods, out of their nodes' pod CIDRs. An address is held by a pod's uid until it is released; what
 * existing pods hold is claimed at start. A node's range runs out (253 of a /24): then `reserve` answers undefined.
 *
 *   10.128.5.0/24:  .0 network   .1 the node's gateway   .2 … .254 pods   .255 broadcast
 */
export class PodAddresses {
  readonly #ranges = new Map<string, Range>();
  /** Who holds what: pod uid -> its range's CIDR and the address. */
  readonly #held = new Map<string, { readonly cidr: string; readonly address: string }>();

  /** The pod's address: the one it holds, else the next free one of the range. */
  reserve(cidr: string, uid: string): string | undefined {
    const held = this.#held.get(uid);
    if (held !== undefined) return held.address;
    const range = this.#range(cidr);
    const size = range.last - range.first + 1;
    // Round robin, so that an address is not given out again while others may still remember its last pod.
    for (let i = 0; i < size; i++) {
      const number = range.first + ((range.next - range.first + i) % size);
      const address = formatIPv4(number);
      if (range.used.has(address)) continue;
      range.next = number + 1;
      this.#hold(range, cidr, address, uid);
      return address;
    }
    return undefined;
  }

  /** Notes an address that a pod has already; of two pods with one address the first keeps it held. */
  claim(cidr: string, address: string, uid: string): void {
    const range = this.#range(cidr);
    if (this.#held.has(uid) || range.used.has(address)) return;
    this.#hold(range, cidr, address, uid);
  }

  release(uid: string): void {
    const held = this.#held.get(uid);
    if (held === undefined) return;
    this.#held.delete(uid);
    this.#ranges.get(held.cidr)?.used.delete(held.address);
  }

  #hold(range: Range, cidr: string, address: string, uid: string): void {
    range.used.add(address);
    this.#held.set(uid, { cidr, address });
  }

  #range(cidr: string): Range {
    let range = this.#ranges.get(cidr);
    if (range === undefined) {
      const { base, size } = parsePodRange(cidr);
      range = { first: base + 2, last: base + size - 2, next: base + 2, used: new Set() };
      this.#ranges.set(cidr, range);
    }
    return range;
  }
}

interface Range {
  readonly first: number;
  readonly last: number;
  next: number;
  readonly used: Set<string>;
}

/**
 * `10.128.5.0/24` as its first address and how many there are; undefined for what pods can have no addresses of: IPv6,
 * fewer than four addresses, or so many that other machines' were among them.
 */
export function findPodRange(cidr: string): { base: number; size: number } | undefined {
  const [, network = "", prefix] = /^([\d.]+)\/(\d{1,2})$/.exec(cidr) ?? [];
  const address = parseIPv4(network);
  const bits = Number(prefix);
  if (address === undefined || bits < SHORTEST_PREFIX || bits > LONGEST_PREFIX) return undefined;
  const size = 2 ** (32 - bits);
  return { base: address - (address % size), size };
}

const SHORTEST_PREFIX = 8;
const LONGEST_PREFIX = 30;

/** Throws on what `findPodRange` does not find. */
export function parsePodRange(cidr: string): { base: number; size: number } {
  const range = findPodRange(cidr);
  if (range === undefined) throw new Error(`no IPv4 range of pod addresses: ${cidr}`);
  return range;
}

/** Undefined for what is no IPv4 address. */
export function parseIPv4(text: string): number | undefined {
  const parts = text.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255))
    return undefined;
  return parts.reduce((number, part) => number * 256 + part, 0);
}

export function formatIPv4(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
