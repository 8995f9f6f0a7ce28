import { getU32, setU32 } from "../layout/field";
import { Action, OutcomeField, PacketField, PacketFrom, ServiceStateField } from "../layout/packet";
import { EntryField, EntryKind, KeySpace, ServiceField, ServiceFlag } from "../layout/service";
import { serviceRow, stateRow } from "../layout/service-tables";
import { familyOf, hashOf, isLocal, isLoopback4, mayBeKnown } from "./addresses";
import { addressHash, entryHash, entryRow, findEntry, portKey } from "./entries";
import { anyAddress } from "./translate";

/** Where the address of an outcome stands. */
const ADDRESS: usize = 8;

/**
 * What table filter does to the packet as it is after translation, by the hooks it passes: INPUT when the node itself is
 * meant, FORWARD when it goes on, OUTPUT first when a process of the node sent it. Which chain is called from which hook
 * decides: an address without endpoints is not refused to the node's own packets. Source: service-tables 2.2, 4.1.
 */
export function filter(packet: usize, outcome: usize): void {
  const destination = outcome + ADDRESS;
  const isOwn = getU32(packet, PacketField.from) == PacketFrom.node;
  const hash = hashOf(destination);
  if (!mayBeKnown(destination, hash)) return;
  const toNode = isLocal(destination, hash);
  if (breaksIntoLoopback(packet, outcome, isOwn || toNode)) {
    setU32(outcome, OutcomeField.action, Action.drop);
    return;
  }
  const verdict = addressVerdict(packet, outcome, hash, isOwn, toNode);
  if (verdict != Action.pass) setU32(outcome, OutcomeField.action, verdict);
}

/** KUBE-FIREWALL: what node ports on localhost would open to others otherwise. */
function breaksIntoLoopback(packet: usize, outcome: usize, passesGuard: bool): bool {
  if (!passesGuard || getU32(stateRow(), ServiceStateField.guardsLoopback) == 0) return false;
  if (getU32(outcome, OutcomeField.action) == Action.dnat) return false;
  return isLoopback4(outcome + ADDRESS) && !isLoopback4(packet);
}

/** KUBE-PROXY-FIREWALL, KUBE-SERVICES, KUBE-NODEPORTS and KUBE-EXTERNAL-SERVICES; `Action.pass` when none refuses. */
function addressVerdict(packet: usize, outcome: usize, address: u64, isOwn: bool, toNode: bool): Action {
  const destination = outcome + ADDRESS;
  const port = getU32(outcome, OutcomeField.port) | (getU32(packet, PacketField.port) & 0xffff0000);
  const head = load<u64>(destination);
  const tail = load<u64>(destination, 8);
  const key = portKey(port, KeySpace.address);
  // Marked packets that go on are accepted after the firewall, whatever else is said of their address.
  const isAccepted = !isOwn && !toNode && getU32(outcome, OutcomeField.masquerade) != 0;
  let internal: Action = Action.pass;
  let external: Action = Action.pass;
  let slot = findEntry(head, tail, key, <u32>entryHash(address, key));
  for (; slot >= 0; slot = findEntry(head, tail, key, slot + 1)) {
    const entry = entryRow(slot);
    const flags = getU32(serviceRow(getU32(entry, EntryField.service)), ServiceField.flags);
    const kind = getU32(entry, EntryField.kind);
    if (kind == EntryKind.vip && (flags & ServiceFlag.firewall) != 0) return Action.drop;
    const refusal: Action = (flags & ServiceFlag.hasAny) != 0 ? Action.drop : Action.reject;
    if (kind == EntryKind.clusterIp) {
      if (internal == Action.pass && (flags & ServiceFlag.hasInternal) == 0) internal = refusal;
    } else if (external == Action.pass && (flags & ServiceFlag.hasExternal) == 0) external = refusal;
  }
  if (isAccepted) return Action.pass;
  if (internal != Action.pass && (isOwn || !toNode)) return internal;
  if (toNode) return nodePortVerdict(familyOf(destination), port, external);
  return isOwn ? Action.pass : external;
}

/** At the node itself: the ports of health checks are open; those of Services without endpoints refuse. */
function nodePortVerdict(family: u32, port: u32, external: Action): Action {
  const any = anyAddress(family);
  const key = portKey(port, KeySpace.nodePort);
  let verdict = external;
  let slot = findEntry(0, any, key, <u32>entryHash(addressHash(0, any), key));
  for (; slot >= 0; slot = findEntry(0, any, key, slot + 1)) {
    const entry = entryRow(slot);
    if (getU32(entry, EntryField.kind) == EntryKind.healthCheck) return Action.pass;
    const flags = getU32(serviceRow(getU32(entry, EntryField.service)), ServiceField.flags);
    if (verdict != Action.pass || (flags & ServiceFlag.hasExternal) != 0) continue;
    verdict = (flags & ServiceFlag.hasAny) != 0 ? Action.drop : Action.reject;
  }
  return verdict;
}
