import { findFrom, homeOf, insert, removeSlot, usableRows } from "../collections/hash-table";
import { getU32, setU32 } from "../layout/field";
import { ServiceStateField } from "../layout/packet";
import { ENTRY_KEY, EntryField, KeySpace } from "../layout/service";
import { Capacity, capacityOf, Code, HOST_KEY, searchKey, stateRow, Table, tableAddress } from "../layout/service-tables";

/** The first row with the key, from a slot on; -1: none. */
export function findEntry(key: usize, from: u32): i32 {
  return findFrom(tableAddress(Table.entries), capacityOf(Capacity.entries), EntryField.bytes, ENTRY_KEY, key, from);
}

export function entryHome(key: usize): u32 {
  return homeOf(key, ENTRY_KEY, getU32(stateRow(), ServiceStateField.hashSeed));
}

export function entryRow(slot: i32): usize {
  return tableAddress(Table.entries) + <usize>slot * EntryField.bytes;
}

/** Writes a key with the address that stands at `address`. */
export function writeKey(key: usize, address: usize, port: u32, space: KeySpace): void {
  store<u64>(key, load<u64>(address));
  store<u64>(key, load<u64>(address, 8), 8);
  store<u64>(key, <u64>port | ((<u64>space) << 32), 16);
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

/** Adds a way in, behind those with the same key. */
export function addEntry(service: u32, kind: u32): Code {
  const state = stateRow();
  const rows = capacityOf(Capacity.entries);
  const count = getU32(state, ServiceStateField.entryCount);
  if (count >= usableRows(rows)) return Code.entriesFull;
  const seed = getU32(state, ServiceStateField.hashSeed);
  const row = insert(tableAddress(Table.entries), rows, EntryField.bytes, ENTRY_KEY, hostKey(), seed);
  setU32(row, EntryField.service, service);
  setU32(row, EntryField.kind, kind);
  setU32(state, ServiceStateField.entryCount, count + 1);
  return Code.ok;
}

/** Removes the way in of a service. False: there is none. */
export function removeEntry(service: u32, kind: u32): bool {
  const state = stateRow();
  const seed = getU32(state, ServiceStateField.hashSeed);
  const rows = capacityOf(Capacity.entries);
  for (let slot = findEntry(hostKey(), entryHome(hostKey())); slot >= 0; slot = findEntry(hostKey(), slot + 1)) {
    const row = entryRow(slot);
    if (getU32(row, EntryField.service) != service || getU32(row, EntryField.kind) != kind) continue;
    removeSlot(tableAddress(Table.entries), rows, EntryField.bytes, ENTRY_KEY, slot, seed);
    setU32(state, ServiceStateField.entryCount, getU32(state, ServiceStateField.entryCount) - 1);
    return true;
  }
  return false;
}

/** The slot of the n-th row with the key, from 0; -1: there are not so many. */
export function findNthEntry(n: u32): i32 {
  let slot = findEntry(hostKey(), entryHome(hostKey()));
  for (let i: u32 = 0; i < n && slot >= 0; i++) slot = findEntry(hostKey(), slot + 1);
  return slot;
}
