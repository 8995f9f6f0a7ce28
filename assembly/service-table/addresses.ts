import { getU32 } from "../layout/field";
import { DetectLocal, NodePortMode, PacketField, PacketFrom, ServiceStateField } from "../layout/packet";
import { EntryField, KeySpace, LocalAddress } from "../layout/service";
import { Capacity, capacityOf, podRangeRow, stateRow, Table, tableAddress } from "../layout/service-tables";
import { addressHash, entryHash, findIn, mayBePresent, portKey } from "./entries";

/** `::ffff:` in the third word, as it stands in memory before the fourth. */
const MAPPED: u32 = 0xffff;

/** 4 or 6, of the address that stands at `address`. */
export function familyOf(address: usize): u32 {
  return load<u64>(address) == 0 && load<u32>(address, 8) == MAPPED ? 4 : 6;
}

export function sameAddress(a: usize, b: usize): bool {
  return load<u64>(a) == load<u64>(b) && load<u64>(a, 8) == load<u64>(b, 8);
}

/** 127.0.0.0/8 */
export function isLoopback4(address: usize): bool {
  return familyOf(address) == 4 && load<u32>(address, 12) >>> 24 == 127;
}

function isLoopback6(address: usize): bool {
  return load<u64>(address) == 0 && load<u32>(address, 8) == 0 && load<u32>(address, 12) == 1;
}

export function isInRange(address: usize, range: usize): bool {
  for (let word: usize = 0; word < 16; word += 4)
    if ((load<u32>(address + word) & load<u32>(range + word, 16)) != load<u32>(range + word)) return false;
  return true;
}

/** Bits of `LocalAddress` that an interface of the node gives an address; 0: the node does not have it. */
function localBits(address: usize, hash: u64): u32 {
  const head = load<u64>(address);
  const tail = load<u64>(address, 8);
  const port = portKey(0, KeySpace.local);
  const table = tableAddress(Table.locals);
  const slot = findIn(table, capacityOf(Capacity.locals), head, tail, port, <u32>entryHash(hash, port));
  return slot < 0 ? 0 : getU32(table + <usize>slot * EntryField.bytes, EntryField.service);
}

export function hashOf(address: usize): u64 {
  return addressHash(load<u64>(address), load<u64>(address, 8));
}

/**
 * False: no rule is about the address, as of most that packets are sent on to.
 *
 * @param hash  `hashOf(address)`
 */
export function mayBeKnown(address: usize, hash: u64): bool {
  return mayBePresent(hash) || isLoopback4(address);
}

/**
 * As iptables' `addrtype … LOCAL`: all of 127.0.0.0/8, and what interfaces have.
 *
 * @param hash  `hashOf(address)`
 */
export function isLocal(address: usize, hash: u64): bool {
  return isLoopback4(address) || localBits(address, hash) != 0;
}

export function takesNodePorts(address: usize, hash: u64): bool {
  const family = familyOf(address);
  const mode = getU32(stateRow(), family == 4 ? ServiceStateField.nodePorts4 : ServiceStateField.nodePorts6);
  if (mode == NodePortMode.chosen) return (localBits(address, hash) & LocalAddress.nodePorts) != 0;
  if (!isLocal(address, hash)) return false;
  return mode == NodePortMode.all || (!isLoopback4(address) && !isLoopback6(address));
}

/** Whether the node can tell its pods' packets of this family at all. */
export function detectsLocal(family: u32): bool {
  const field = family == 4 ? ServiceStateField.detectLocal4 : ServiceStateField.detectLocal6;
  return getU32(stateRow(), field) != DetectLocal.nothing;
}

/** Whether a packet counts as its pods' own; only where `detectsLocal`. */
export function isFromPod(packet: usize, family: u32): bool {
  const field = family == 4 ? ServiceStateField.detectLocal4 : ServiceStateField.detectLocal6;
  if (getU32(stateRow(), field) == DetectLocal.byInterface) return getU32(packet, PacketField.from) == PacketFrom.pod;
  return isInRange(packet, podRangeRow(family));
}

