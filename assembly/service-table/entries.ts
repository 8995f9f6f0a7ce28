import { homeOf, insert, removeSlot, usableRows } from "../collections/hash-table";
import { getU32, setU32 } from "../layout/field";
import { ServiceStateField } from "../layout/packet";
import { ENTRY_KEY, EntryField, KeySpace } from "../layout/service";
import { Capacity, capacityOf, Code, HOST_KEY, searchKey, stateRow, Table, tableAddress } from "../layout/service-tables";

/**
 * Ways in to services, by address and port. Most packets are asked for twice: where they go, and where they went, which is
 * seldom a service. So a map of bits stands before the rows, small enough for the caches: a clear bit says that the address
 * is neither a service's nor the node's, whatever the port.
 *
 *   addressHash 0x9f3a51c2 00000007   high half -> bit of the map
 *   entryHash   0x55d01b7e 0000012c   low half -> home among the rows
 *
 * Bits are set by what was ever added, and cleared when the tables are laid out anew: a stale one costs a look at the rows.
 */
export function addressHash(head: u64, tail: u64): u64 {
  let hash: u64 = getU32(stateRow(), ServiceStateField.hashSeed);
  hash = (hash ^ head) * 0x9e3779b97f4a7c15;
  hash ^= hash >>> 32;
  hash = (hash ^ tail) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >>> 32);
}

/** Goes on from the address' hash; both together are homeOf in collections/hash-table.ts, which places the rows. */
export function entryHash(address: u64, port: u64): u64 {
  const hash = (address ^ port) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >>> 32);
}

/** The last part of a key. */
export function portKey(port: u32, space: KeySpace): u64 {
  return <u64>port | ((<u64>space) << 32);
}

/** Bits of the map for each row. */
const BITS_PER_ROW: u32 = 8;

/** The topmost bits of the hash: in lower ones, addresses that end alike are alike. */
function bitOf(hash: u64): u32 {
  return <u32>(hash >>> 32) >>> clz<u32>(capacityOf(Capacity.entries) * BITS_PER_ROW - 1);
}

function bitAddress(bit: u32): usize {
  return tableAddress(Table.present) + <usize>(bit >>> 3);
}

function bitMask(bit: u32): u32 {
  return 1 << (bit & 7);
}

/** False: no entry, and no address of the node, has an address of this hash. */
export function mayBePresent(hash: u64): bool {
  const bit = bitOf(hash);
  return (load<u8>(bitAddress(bit)) & bitMask(bit)) != 0;
}

/** The first row with the key from a slot on: the hash's low half, or one above the slot found last. -1: none. */
export function findEntry(head: u64, tail: u64, port: u64, from: u32): i32 {
  return findIn(tableAddress(Table.entries), capacityOf(Capacity.entries), head, tail, port, from);
}

/** As `findFrom` in collections/hash-table.ts, for keys of three parts that are at hand. */
export function findIn(table: usize, rows: u32, head: u64, tail: u64, port: u64, from: u32): i32 {
  const mask = rows - 1;
  let slot = from & mask;
  for (let probes: u32 = 0; probes < rows; probes++) {
    const row = table + <usize>slot * EntryField.bytes;
    const found = load<u64>(row, 16);
    if (found == 0) return -1;
    if (found == port && load<u64>(row, 8) == tail && load<u64>(row) == head) return slot;
    slot = (slot + 1) & mask;
  }
  return -1;
}

export function entryRow(slot: i32): usize {
  return tableAddress(Table.entries) + <usize>slot * EntryField.bytes;
}

/** The key that `putKey` writes and the exports below read: the host's own. */
function hostKey(): usize {
  return searchKey(HOST_KEY);
}

/** Says which key the next calls are about. Unused words of a node port's address are 0. */
export function putKey(address0: u32, address1: u32, address2: u32, address3: u32, port: u32, space: KeySpace): void {
  const key = hostKey();
  store<u32>(key, address0);
  store<u32>(key, address1, 4);
  store<u32>(key, address2, 8);
  store<u32>(key, address3, 12);
  store<u32>(key, port, 16);
  store<u32>(key, space, 20);
}

/** Local addresses are in a table of their own: it is asked for every packet, and small. */
function isLocalKey(): bool {
  return load<u32>(hostKey(), 20) == KeySpace.local;
}

function tableOfKey(): usize {
  return tableAddress(isLocalKey() ? Table.locals : Table.entries);
}

function rowsOfKey(): u32 {
  return capacityOf(isLocalKey() ? Capacity.locals : Capacity.entries);
}

/** Adds a way in, behind those with the same key; or a local address, `service` being its bits. */
export function addEntry(service: u32, kind: u32): Code {
  const state = stateRow();
  const count = isLocalKey() ? ServiceStateField.localCount : ServiceStateField.entryCount;
  if (getU32(state, count) >= usableRows(rowsOfKey())) return Code.entriesFull;
  const seed = getU32(state, ServiceStateField.hashSeed);
  const row = insert(tableOfKey(), rowsOfKey(), EntryField.bytes, ENTRY_KEY, hostKey(), seed);
  setU32(row, EntryField.service, service);
  setU32(row, EntryField.kind, kind);
  setU32(state, count, getU32(state, count) + 1);
  const bit = bitOf(addressHash(load<u64>(row), load<u64>(row, 8)));
  store<u8>(bitAddress(bit), load<u8>(bitAddress(bit)) | bitMask(bit));
  return Code.ok;
}

/** Removes the way in of a service, or a local address with these bits. False: there is none. */
export function removeEntry(service: u32, kind: u32): bool {
  const state = stateRow();
  const seed = getU32(state, ServiceStateField.hashSeed);
  const count = isLocalKey() ? ServiceStateField.localCount : ServiceStateField.entryCount;
  for (let slot = nextOfKey(homeOf(hostKey(), ENTRY_KEY, seed)); slot >= 0; slot = nextOfKey(slot + 1)) {
    const row = tableOfKey() + <usize>slot * EntryField.bytes;
    if (getU32(row, EntryField.service) != service || getU32(row, EntryField.kind) != kind) continue;
    removeSlot(tableOfKey(), rowsOfKey(), EntryField.bytes, ENTRY_KEY, slot, seed);
    setU32(state, count, getU32(state, count) - 1);
    return true;
  }
  return false;
}

/** The slot of the n-th row with the key, from 0; -1: there are not so many. */
export function findNthEntry(n: u32): i32 {
  let slot = nextOfKey(homeOf(hostKey(), ENTRY_KEY, getU32(stateRow(), ServiceStateField.hashSeed)));
  for (let i: u32 = 0; i < n && slot >= 0; i++) slot = nextOfKey(slot + 1);
  return slot;
}

function nextOfKey(from: u32): i32 {
  const key = hostKey();
  return findIn(tableOfKey(), rowsOfKey(), load<u64>(key), load<u64>(key, 8), load<u64>(key, 16), from);
}
