import { findFrom, homeOf, insert, removeSlot, usableRows } from "../collections/hash-table";
import { getF64, getU32, setF64, setU32 } from "../layout/field";
import { OutcomeField, PacketField, ServiceStateField } from "../layout/packet";
import { FLOW_KEY, FLOW_MASQUERADE, FlowField } from "../layout/service";
import { Capacity, capacityOf, FLOW_SEARCH, searchKey, stateRow, Table, tableAddress } from "../layout/service-tables";

/**
 * Connections, as the kernel's conntrack keeps them: rules see the first packet, later ones follow it, whatever the rules
 * have become since. The table is bounded. Each new row looks at four others for what has timed out; when a search through
 * a whole part of it finds none and no row is left, the packet is dropped, as the kernel does ("table full, dropping packet").
 */
const SWEPT: u32 = 4;
const SWEPT_WHEN_FULL: u32 = 256;
const UDP: u32 = 17;
const TCP: u32 = 6;

function rowOf(slot: u32): usize {
  return tableAddress(Table.flows) + <usize>slot * FlowField.bytes;
}

function timeoutMs(protocol: u32): f64 {
  const state = stateRow();
  if (protocol == TCP) return getF64(state, ServiceStateField.tcpTimeoutMs);
  return getF64(state, protocol == UDP ? ServiceStateField.udpTimeoutMs : ServiceStateField.sctpTimeoutMs);
}

function keyOf(packet: usize): usize {
  const key = searchKey(FLOW_SEARCH);
  const port = getU32(packet, PacketField.port);
  store<u64>(key, load<u64>(packet));
  store<u64>(key, load<u64>(packet, 8), 8);
  store<u64>(key, load<u64>(packet, 16), 16);
  store<u64>(key, load<u64>(packet, 24), 24);
  store<u32>(key, getU32(packet, PacketField.sourcePort) | (port << 16), 32);
  store<u32>(key, port >>> 16, 36);
  return key;
}

function find(key: usize): i32 {
  const rows = capacityOf(Capacity.flows);
  const home = homeOf(key, FLOW_KEY, getU32(stateRow(), ServiceStateField.hashSeed));
  return findFrom(tableAddress(Table.flows), rows, FlowField.bytes, FLOW_KEY, key, home);
}

function hasExpired(row: usize, nowMs: f64): bool {
  return nowMs - getF64(row, FlowField.lastMs) > timeoutMs(getU32(row, FlowField.protocol));
}

/** Sends a packet where its connection goes. False: it is the first of one. */
export function followFlow(packet: usize, outcome: usize, nowMs: f64): bool {
  const slot = find(keyOf(packet));
  if (slot < 0) return false;
  const row = rowOf(slot);
  if (hasExpired(row, nowMs)) {
    free(slot);
    return false;
  }
  setF64(row, FlowField.lastMs, nowMs);
  const action = getU32(row, FlowField.action);
  setU32(outcome, OutcomeField.action, action & 255);
  setU32(outcome, OutcomeField.masquerade, (action & FLOW_MASQUERADE) != 0 ? 1 : 0);
  store<u64>(outcome + ADDRESS, load<u64>(row, 40));
  store<u64>(outcome + ADDRESS, load<u64>(row, 48), 8);
  setU32(outcome, OutcomeField.port, getU32(row, FlowField.targetPort));
  return true;
}

/** Where the address of an outcome stands. */
const ADDRESS: usize = 8;

/** Remembers what a first packet was decided to be. False: no row is left. */
export function startFlow(packet: usize, outcome: usize, nowMs: f64): bool {
  sweep(SWEPT, nowMs);
  if (isFull()) sweep(SWEPT_WHEN_FULL, nowMs);
  const state = stateRow();
  if (isFull()) {
    setU32(state, ServiceStateField.flowsRefused, getU32(state, ServiceStateField.flowsRefused) + 1);
    return false;
  }
  const seed = getU32(state, ServiceStateField.hashSeed);
  const rows = capacityOf(Capacity.flows);
  const row = insert(tableAddress(Table.flows), rows, FlowField.bytes, FLOW_KEY, keyOf(packet), seed);
  const masquerade = getU32(outcome, OutcomeField.masquerade) != 0 ? FLOW_MASQUERADE : 0;
  setU32(row, FlowField.action, getU32(outcome, OutcomeField.action) | masquerade);
  store<u64>(row, load<u64>(outcome + ADDRESS), 40);
  store<u64>(row, load<u64>(outcome + ADDRESS, 8), 48);
  setU32(row, FlowField.targetPort, getU32(outcome, OutcomeField.port));
  setF64(row, FlowField.lastMs, nowMs);
  setU32(state, ServiceStateField.flowCount, getU32(state, ServiceStateField.flowCount) + 1);
  return true;
}

/**
 * Forgets the connection in a slot: its next packet is decided anew. What stood behind it may move up into the slot, so a
 * host that goes through them looks at the same slot again.
 */
export function removeFlow(slot: u32): void {
  if (getU32(rowOf(slot), FlowField.protocol) != 0) free(slot);
}

function sweep(slots: u32, nowMs: f64): void {
  const state = stateRow();
  const mask = capacityOf(Capacity.flows) - 1;
  for (let seen: u32 = 0; seen < slots; seen++) {
    const slot = getU32(state, ServiceStateField.flowCursor);
    const row = rowOf(slot);
    if (getU32(row, FlowField.protocol) != 0 && hasExpired(row, nowMs)) free(slot);
    else setU32(state, ServiceStateField.flowCursor, (slot + 1) & mask);
  }
}

function isFull(): bool {
  return getU32(stateRow(), ServiceStateField.flowCount) >= usableRows(capacityOf(Capacity.flows));
}

function free(slot: u32): void {
  const state = stateRow();
  const rows = capacityOf(Capacity.flows);
  const seed = getU32(state, ServiceStateField.hashSeed);
  removeSlot(tableAddress(Table.flows), rows, FlowField.bytes, FLOW_KEY, slot, seed);
  setU32(state, ServiceStateField.flowCount, getU32(state, ServiceStateField.flowCount) - 1);
}
