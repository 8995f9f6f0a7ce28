import { nextRandom, randomBelow, seedRandom } from "../collections/prng";
import { getU32, setI32, setU32 } from "../layout/field";
import { DetectLocal, OutcomeField, PacketField, ServiceStateField } from "../layout/packet";
import { EndpointField, EntryKind, KeySpace, LocalAddress, ServiceField, TargetField } from "../layout/service";
import {
  Code,
  endpointRow,
  podRangeRow,
  rangeRow,
  serviceRow,
  stateRow,
  Table,
  tableAddress,
  targetRow,
  unreserve,
} from "../layout/service-tables";
import { addEntry, putKey, removeEntry } from "./entries";
import { reserve, seed } from "./reserve";
import { resolve } from "./resolve";

const SERVICES: u32 = 100;
/** Of each service: the last `LOCAL` of them are on this node. */
const ENDPOINTS: u32 = 5;
const LOCAL: u32 = 2;
const BATCHES: u32 = 40;
const PACKETS: u32 = 250;
const SEED: u32 = 11;
const TCP: u32 = 6 << 16;
const UDP: u32 = 17 << 16;
/** The tables of the test lie where the core's own would, so the drawing source is kept below them. */
const SOURCE: usize = 512;

/**
 * Decides packets of built-in Services and returns the hash of all outcomes: equal in every flavour, host and build, or
 * something is wrong. Uses the core's own tables: call it on a fresh instance, and do not go on using that one.
 */
export function selfTest(): u32 {
  unreserve();
  const targets = SERVICES * (ENDPOINTS + LOCAL);
  if (reserve(1024, SERVICES, targets, SERVICES * ENDPOINTS, 2, 8, 256, 512, PACKETS) != Code.ok) return 0;
  seed(SEED);
  seedRandom(SOURCE, SEED);
  const state = stateRow();
  setU32(state, ServiceStateField.detectLocal4, DetectLocal.bySource);
  setU32(state, ServiceStateField.detectLocal6, DetectLocal.byInterface);
  putRange(podRangeRow(4), 0x0a000000, 0xff000000);
  putRange(rangeRow(0), 0x0a000000, 0xff800000);
  putRange(rangeRow(1), 0xcb007100, 0xffffff00);
  putKey(0, 0, 0xffff, 0xc0a80002, 0, KeySpace.local);
  addEntry(LocalAddress.local | LocalAddress.nodePorts, 0);
  for (let service: u32 = 0; service < SERVICES; service++) buildService(service);

  let hash: u32 = 2166136261;
  for (let batch: u32 = 0; batch < BATCHES; batch++) {
    for (let i: u32 = 0; i < PACKETS; i++) buildPacket(i);
    resolve(PACKETS, <f64>batch * 7000.0);
    const outcomes = tableAddress(Table.outcomes);
    for (let at: usize = 0; at < <usize>PACKETS * OutcomeField.bytes; at += 4)
      hash = (hash ^ load<u32>(outcomes + at)) * 16777619;
    moveService(batch % SERVICES);
  }
  return hash ^ getU32(state, ServiceStateField.entryCount) ^ getU32(state, ServiceStateField.flowsRefused);
}

function putRange(row: usize, address: u32, mask: u32): void {
  store<u32>(row, 0xffff, 8);
  store<u32>(row, address, 12);
  store<u64>(row, 0xffffffffffffffff, 16);
  store<u32>(row, 0xffffffff, 24);
  store<u32>(row, mask, 28);
}

/** ClusterIP 172.30.x.x:80, VIP 5.6.x.x:80, node port 30000 + x; every 17th without endpoints, every 5th for IPv6. */
function buildService(service: u32): void {
  const row = serviceRow(service);
  const isEmpty = service % 17 == 0;
  const flags: u32 = isEmpty ? 0 : 7 | (randomBelow(SOURCE, 8) << 3);
  setU32(row, ServiceField.flags, flags);
  setU32(row, ServiceField.affinitySeconds, service % 3 == 0 ? 30 : 0);
  setU32(row, ServiceField.clusterFirst, service * (ENDPOINTS + LOCAL));
  setU32(row, ServiceField.clusterCount, ENDPOINTS);
  setU32(row, ServiceField.localFirst, service * (ENDPOINTS + LOCAL) + ENDPOINTS);
  setU32(row, ServiceField.localCount, LOCAL);
  setU32(row, ServiceField.rangeFirst, service & 1);
  setU32(row, ServiceField.rangeCount, 1);
  for (let i: u32 = 0; i < ENDPOINTS; i++) {
    const endpoint = service * ENDPOINTS + i;
    const place = endpointRow(endpoint);
    const local = <i32>i - <i32>(ENDPOINTS - LOCAL);
    setU32(place, EndpointField.address2, 0xffff);
    setU32(place, EndpointField.address3, 0x0ab40000 + endpoint);
    setU32(place, EndpointField.port, 8080);
    setI32(place, EndpointField.clusterPosition, i);
    setI32(place, EndpointField.localPosition, local < 0 ? -1 : local);
    putTarget(service * (ENDPOINTS + LOCAL) + i, place, endpoint);
    if (local >= 0) putTarget(service * (ENDPOINTS + LOCAL) + ENDPOINTS + local, place, endpoint);
  }
  addWaysIn(service);
}

function putTarget(target: u32, endpoint: usize, id: u32): void {
  memory.copy(targetRow(target), endpoint, 20);
  setU32(targetRow(target), TargetField.endpoint, id);
}

function addWaysIn(service: u32): void {
  const port = 80 | (service % 4 == 3 ? UDP : TCP);
  if (service % 5 == 0) putKey(0xfd000000, 0, 0, service, port, KeySpace.address);
  else putKey(0, 0, 0xffff, 0xac1e0000 + service, port, KeySpace.address);
  addEntry(service, EntryKind.clusterIp);
  // Neighbours claim the same address.
  putKey(0, 0, 0xffff, 0x05060000 + (service >>> 1), port, KeySpace.address);
  addEntry(service, EntryKind.vip);
  putKey(0, 0, 0, 4, (30000 + service) | (port & 0xffff0000), KeySpace.nodePort);
  addEntry(service, service % 10 == 9 ? EntryKind.healthCheck : EntryKind.nodePort);
}

/** A service leaves its addresses and comes back behind its neighbour; one endpoint is replaced. */
function moveService(service: u32): void {
  const port = 80 | (service % 4 == 3 ? UDP : TCP);
  putKey(0, 0, 0xffff, 0x05060000 + (service >>> 1), port, KeySpace.address);
  removeEntry(service, EntryKind.vip);
  addEntry(service, EntryKind.vip);
  const place = endpointRow(service * ENDPOINTS);
  setU32(place, EndpointField.address3, 0x0ac00000 + service);
  setU32(place, EndpointField.incarnation, getU32(place, EndpointField.incarnation) + 1);
  putTarget(service * (ENDPOINTS + LOCAL), place, service * ENDPOINTS);
}

function buildPacket(i: u32): void {
  const packet = tableAddress(Table.packets) + <usize>i * PacketField.bytes;
  const service = randomBelow(SOURCE, SERVICES + 4);
  const kind = randomBelow(SOURCE, 4);
  memory.fill(packet, 0, PacketField.bytes);
  setU32(packet, PacketField.source2, 0xffff);
  setU32(packet, PacketField.source3, sourceOf(randomBelow(SOURCE, 4), service));
  setU32(packet, PacketField.destination2, 0xffff);
  let port: u32 = 80;
  if (kind == 0) {
    setU32(packet, PacketField.destination0, 0xfd000000);
    setU32(packet, PacketField.destination2, 0);
    setU32(packet, PacketField.destination3, service);
    setU32(packet, PacketField.source0, 0xfd000001);
    setU32(packet, PacketField.source2, 0);
  } else if (kind == 1) setU32(packet, PacketField.destination3, 0xac1e0000 + service);
  else if (kind == 2) setU32(packet, PacketField.destination3, 0x05060000 + (service >>> 1));
  else {
    setU32(packet, PacketField.destination3, 0xc0a80002);
    port = 30000 + service;
  }
  setU32(packet, PacketField.port, port | (service % 4 == 3 ? UDP : TCP));
  setU32(packet, PacketField.sourcePort, (nextRandom(SOURCE) & 1) * (1024 + randomBelow(SOURCE, 3)));
  setU32(packet, PacketField.from, randomBelow(SOURCE, 3));
}

/** A pod, the node, somebody whom every other range allows, or one of the service's own endpoints. */
function sourceOf(kind: u32, service: u32): u32 {
  if (kind == 0) return 0x0a000000 + randomBelow(SOURCE, 8);
  if (kind == 1) return 0xc0a80002;
  return kind == 2 ? 0xcb007100 + randomBelow(SOURCE, 8) : 0x0ab40000 + service * ENDPOINTS;
}
