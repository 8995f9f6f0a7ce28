import { isIP } from "node:net";
import { OWN_PREFIX } from "../../store/owner.ts";

/**
 * The keys by which the store knows who holds a number. A Service is written in one transaction with those of what it
 * takes and gives back, so that no two Services ever hold the same, whichever API server wrote them:
 *
 *     /pintle/allocations/service-ips/10.96.0.10   the Service's uid
 *     /pintle/allocations/node-ports/30080         the Service's uid
 */
export const ALLOCATIONS_PREFIX = `${OWN_PREFIX}allocations/`;
const ADDRESSES = `${ALLOCATIONS_PREFIX}service-ips/`;
const PORTS = `${ALLOCATIONS_PREFIX}node-ports/`;

export type Allocation =
  /** In the form that `addressText` gives. */
  { readonly of: "address"; readonly address: string } | { readonly of: "port"; readonly port: number };

export function allocationKey(allocation: Allocation): string {
  return allocation.of === "address" ? ADDRESSES + allocation.address : PORTS + allocation.port;
}

/** @returns undefined for a key that is none of these */
export function parseAllocationKey(key: string): Allocation | undefined {
  if (key.startsWith(ADDRESSES)) {
    const address = key.slice(ADDRESSES.length);
    return isIP(address) === 0 ? undefined : { of: "address", address };
  }
  const port = key.startsWith(PORTS) ? Number(key.slice(PORTS.length)) : Number.NaN;
  return Number.isInteger(port) ? { of: "port", port } : undefined;
}
