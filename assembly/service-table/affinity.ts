import { findFrom, homeOf, insert, removeSlot, usableRows } from "../collections/hash-table";
import { getF64, getI32, getU32, setF64, setU32 } from "../layout/field";
import { ServiceStateField } from "../layout/packet";
import { AFFINITY_KEY, AffinityField, EndpointField, ServiceField } from "../layout/service";
import { Capacity, capacityOf, CLIENT_SEARCH, endpointRow, searchKey, serviceRow, stateRow, Table, tableAddress } from "../layout/service-tables";

/**
 * Which endpoints clients were sent to, as iptables' `recent` lists remember it: per client, service port and endpoint, with
 * the time of the last new connection. A client may be on the lists of several endpoints of a service (its packets from
 * inside and outside reach different ones); the first of those in the chain's order gets it.
 *
 * The table is bounded. Each new row looks at two others for what has expired; when no row is left, the stalest of eight is
 * forgotten, and its client is balanced anew. `recent` itself forgets the oldest of more than 100 clients of an endpoint:
 * that limit is not kept, as it is not in kube-proxy's nftables mode.
 */
const SWEPT: u32 = 2;
const SWEPT_WHEN_FULL: u32 = 8;

/** The key of a client and a service. */
function clientKey(client: usize, service: u32): usize {
  const key = searchKey(CLIENT_SEARCH);
  store<u64>(key, load<u64>(client));
  store<u64>(key, load<u64>(client, 8), 8);
  store<u64>(key, <u64>service | (<u64>1 << 32), 16);
  return key;
}

function rowOf(slot: u32): usize {
  return tableAddress(Table.affinities) + <usize>slot * AffinityField.bytes;
}

function find(key: usize, from: u32): i32 {
  const rows = capacityOf(Capacity.affinities);
  return findFrom(tableAddress(Table.affinities), rows, AffinityField.bytes, AFFINITY_KEY, key, from);
}

function homeIn(key: usize): u32 {
  return homeOf(key, AFFINITY_KEY, getU32(stateRow(), ServiceStateField.hashSeed));
}

/** A row whose endpoint is gone, or that was not used for longer than its service remembers. */
function isStale(row: usize, nowMs: f64): bool {
  const endpoint = endpointRow(getU32(row, AffinityField.endpoint));
  if (getU32(row, AffinityField.incarnation) != getU32(endpoint, EndpointField.incarnation)) return true;
  const seconds = getU32(serviceRow(getU32(row, AffinityField.service)), ServiceField.affinitySeconds);
  return nowMs - getF64(row, AffinityField.lastMs) > <f64>seconds * 1000.0;
}

/**
 * The endpoint that a client was sent to, of those that `position` says are in the chain; its time starts again.
 *
 * @param position  EndpointField.clusterPosition or localPosition
 * @returns         the endpoint, or -1
 */
export function rememberedEndpoint(client: usize, service: u32, position: EndpointField, nowMs: f64): i32 {
  const key = clientKey(client, service);
  let best: usize = 0;
  let bestPosition = i32.MAX_VALUE;
  for (let slot = find(key, homeIn(key)); slot >= 0; slot = find(key, slot + 1)) {
    const row = rowOf(slot);
    const place = getI32(endpointRow(getU32(row, AffinityField.endpoint)), position);
    if (place < 0 || place >= bestPosition || isStale(row, nowMs)) continue;
    best = row;
    bestPosition = place;
  }
  if (best == 0) return -1;
  setF64(best, AffinityField.lastMs, nowMs);
  return getU32(best, AffinityField.endpoint);
}

/** Notes that a client was sent to an endpoint that it was not bound to. */
export function rememberEndpoint(client: usize, service: u32, endpoint: u32, nowMs: f64): void {
  const key = clientKey(client, service);
  const incarnation = getU32(endpointRow(endpoint), EndpointField.incarnation);
  for (let slot = find(key, homeIn(key)); slot >= 0; slot = find(key, slot + 1)) {
    const row = rowOf(slot);
    if (getU32(row, AffinityField.endpoint) != endpoint) continue;
    setU32(row, AffinityField.incarnation, incarnation);
    setF64(row, AffinityField.lastMs, nowMs);
    return;
  }
  sweep(nowMs);
  const state = stateRow();
  const seed = getU32(state, ServiceStateField.hashSeed);
  const rows = capacityOf(Capacity.affinities);
  const row = insert(tableAddress(Table.affinities), rows, AffinityField.bytes, AFFINITY_KEY, key, seed);
  setU32(row, AffinityField.endpoint, endpoint);
  setU32(row, AffinityField.incarnation, incarnation);
  setF64(row, AffinityField.lastMs, nowMs);
  setU32(state, ServiceStateField.affinityCount, getU32(state, ServiceStateField.affinityCount) + 1);
}

/** Frees what has expired of the next few rows, and makes sure that one more fits. */
function sweep(nowMs: f64): void {
  const state = stateRow();
  const rows = capacityOf(Capacity.affinities);
  let stalest = -1;
  let stalestMs = Infinity;
  for (let seen: u32 = 0; seen < SWEPT || isFull() ; seen++) {
    const slot = getU32(state, ServiceStateField.affinityCursor);
    const row = rowOf(slot);
    if (getU32(row, AffinityField.used) != 0 && isStale(row, nowMs)) free(slot);
    else {
      // What moved up into a freed slot is looked at before going on.
      if (getU32(row, AffinityField.used) != 0 && getF64(row, AffinityField.lastMs) < stalestMs) {
        stalest = slot;
        stalestMs = getF64(row, AffinityField.lastMs);
      }
      setU32(state, ServiceStateField.affinityCursor, (slot + 1) & (rows - 1));
    }
    if (seen >= SWEPT_WHEN_FULL && isFull() && stalest >= 0) {
      free(stalest);
      setU32(state, ServiceStateField.affinityEvicted, getU32(state, ServiceStateField.affinityEvicted) + 1);
    }
  }
}

function isFull(): bool {
  return getU32(stateRow(), ServiceStateField.affinityCount) >= usableRows(capacityOf(Capacity.affinities));
}

function free(slot: u32): void {
  const state = stateRow();
  const rows = capacityOf(Capacity.affinities);
  const seed = getU32(state, ServiceStateField.hashSeed);
  removeSlot(tableAddress(Table.affinities), rows, AffinityField.bytes, AFFINITY_KEY, slot, seed);
  setU32(state, ServiceStateField.affinityCount, getU32(state, ServiceStateField.affinityCount) - 1);
}
