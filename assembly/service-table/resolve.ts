import { getU32, setU32 } from "../layout/field";
import { Action, OutcomeField, PacketField } from "../layout/packet";
import { Capacity, capacityOf, Table, tableAddress } from "../layout/service-tables";
import { hashOf, mayBeKnown } from "./addresses";
import { followFlow, startFlow } from "./conntrack";
import { filter } from "./filter";
import { DESTINATION, translate } from "./translate";

/**
 * Decides the packets 0 to `count`-1 of the packet ring, in order, as the kernel would with kube-proxy's rules loaded.
 *
 * @param nowMs  the time, of any clock that does not go back
 */
export function resolve(count: u32, nowMs: f64): void {
  assert(count <= capacityOf(Capacity.packets));
  let packet = tableAddress(Table.packets);
  let outcome = tableAddress(Table.outcomes);
  for (let i: u32 = 0; i < count; i++) {
    decide(packet, outcome, nowMs);
    packet += PacketField.bytes;
    outcome += OutcomeField.bytes;
  }
}

function decide(packet: usize, outcome: usize, nowMs: f64): void {
  const tracked = getU32(packet, PacketField.sourcePort) != 0;
  if (tracked && followFlow(packet, outcome, nowMs)) return;
  setU32(outcome, OutcomeField.action, Action.pass);
  setU32(outcome, OutcomeField.masquerade, 0);
  store<u64>(outcome, load<u64>(packet + DESTINATION), 8);
  store<u64>(outcome, load<u64>(packet + DESTINATION, 8), 16);
  setU32(outcome, OutcomeField.port, getU32(packet, PacketField.port) & 0xffff);
  const address = hashOf(packet + DESTINATION);
  if (mayBeKnown(packet + DESTINATION, address)) translate(packet, outcome, address, nowMs);
  filter(packet, outcome);
  const action = getU32(outcome, OutcomeField.action);
  if (tracked && action <= <u32>Action.dnat && !startFlow(packet, outcome, nowMs))
    setU32(outcome, OutcomeField.action, Action.drop);
}
