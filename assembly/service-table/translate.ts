import { getU32, setU32 } from "../layout/field";
import { OutcomeField, PacketField, ServiceStateField } from "../layout/packet";
import { EntryField, EntryKind, KeySpace, ServiceField, ServiceFlag } from "../layout/service";
import { rangeRow, serviceRow, stateRow } from "../layout/service-tables";
import { detectsLocal, familyOf, hashOf, isFromPod, isInRange, isLocal, takesNodePorts } from "./addresses";
import { balance } from "./balance";
import { addressHash, entryHash, entryRow, findEntry, portKey } from "./entries";

/**
 * What table nat does to the first packet of a connection: chains KUBE-SERVICES and KUBE-NODEPORTS. An entry that leads
 * nowhere is like a chain that returns: the next one is tried. Source: service-tables 3.4.
 *
 * @param address  hash of the destination, which may be known
 */
export function translate(packet: usize, outcome: usize, address: u64, nowMs: f64): void {
  const destination = packet + DESTINATION;
  const port = getU32(packet, PacketField.port);
  const head = load<u64>(destination);
  const tail = load<u64>(destination, 8);
  const key = portKey(port, KeySpace.address);
  let slot = findEntry(head, tail, key, <u32>entryHash(address, key));
  for (; slot >= 0; slot = findEntry(head, tail, key, slot + 1)) {
    const entry = entryRow(slot);
    const service = getU32(entry, EntryField.service);
    if (enter(packet, outcome, service, getU32(entry, EntryField.kind), nowMs)) return;
  }
  if (takesNodePorts(destination, address)) translateNodePort(packet, outcome, port, nowMs);
}

function translateNodePort(packet: usize, outcome: usize, port: u32, nowMs: f64): void {
  const any = anyAddress(familyOf(packet + DESTINATION));
  const key = portKey(port, KeySpace.nodePort);
  let slot = findEntry(0, any, key, <u32>entryHash(addressHash(0, any), key));
  for (; slot >= 0; slot = findEntry(0, any, key, slot + 1)) {
    const entry = entryRow(slot);
    if (getU32(entry, EntryField.kind) != EntryKind.nodePort) continue;
    if (enterFromOutside(packet, outcome, getU32(entry, EntryField.service), nowMs)) return;
  }
}

/** Where the destination's address stands in a packet. */
export const DESTINATION: usize = 16;

/** What stands in the last two words of a node port's key; the others are 0. */
export function anyAddress(family: u32): u64 {
  return (<u64>family) << 32;
}

/** @returns whether the packet was translated */
function enter(packet: usize, outcome: usize, service: u32, kind: u32, nowMs: f64): bool {
  const row = serviceRow(service);
  const flags = getU32(row, ServiceField.flags);
  if (kind == EntryKind.clusterIp) {
    if ((flags & ServiceFlag.hasInternal) == 0) return false;
    if (comesFromElsewhere(packet)) setU32(outcome, OutcomeField.masquerade, 1);
    balance(packet, outcome, service, (flags & ServiceFlag.internalLocal) != 0, nowMs);
    return true;
  }
  if (kind == EntryKind.vip && (flags & ServiceFlag.firewall) != 0 && !isAllowed(packet, row)) return false;
  return enterFromOutside(packet, outcome, service, nowMs);
}

/** Whether the ClusterIP's packet gets an address of this node, so that its answer comes back this way. */
function comesFromElsewhere(packet: usize): bool {
  if (getU32(stateRow(), ServiceStateField.masqueradeAll) != 0) return true;
  // The destination has the family of the rules; a packet has only one.
  const family = familyOf(packet);
  return detectsLocal(family) && !isFromPod(packet, family);
}

/** Chain EXT. With policy Local, what starts in the cluster may go to all endpoints; the rest stays on this node. */
function enterFromOutside(packet: usize, outcome: usize, service: u32, nowMs: f64): bool {
  const flags = getU32(serviceRow(service), ServiceField.flags);
  if ((flags & ServiceFlag.hasAny) == 0) return false;
  if ((flags & ServiceFlag.externalLocal) == 0) {
    setU32(outcome, OutcomeField.masquerade, 1);
    balance(packet, outcome, service, false, nowMs);
    return true;
  }
  const family = familyOf(packet);
  if (detectsLocal(family) && isFromPod(packet, family)) {
    balance(packet, outcome, service, false, nowMs);
    return true;
  }
  if (isLocal(packet, hashOf(packet))) {
    setU32(outcome, OutcomeField.masquerade, 1);
    balance(packet, outcome, service, false, nowMs);
    return true;
  }
  if ((flags & ServiceFlag.hasExternal) == 0) return false;
  balance(packet, outcome, service, true, nowMs);
  return true;
}

/** Chain FW: whether the load balancer's address serves the source. */
function isAllowed(packet: usize, service: usize): bool {
  const first = getU32(service, ServiceField.rangeFirst);
  const end = first + getU32(service, ServiceField.rangeCount);
  for (let range = first; range < end; range++) if (isInRange(packet, rangeRow(range))) return true;
  return false;
}
