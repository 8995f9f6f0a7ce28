import { nextRandom } from "../collections/prng";
import { getU32, setU32 } from "../layout/field";
import { Action, OutcomeField } from "../layout/packet";
import { EndpointField, ServiceField, TargetField } from "../layout/service";
import { endpointRow, serviceRow, Table, tableAddress, targetRow } from "../layout/service-tables";
import { sameAddress } from "./addresses";
import { rememberedEndpoint, rememberEndpoint } from "./affinity";

/** What a service's chain SVC or SVL does: sends the packet to one of its endpoints. The list is not empty. */
export function balance(packet: usize, outcome: usize, service: u32, local: bool, nowMs: f64): void {
  const row = serviceRow(service);
  const sticky = getU32(row, ServiceField.affinitySeconds) != 0;
  let target: usize = 0;
  if (sticky) {
    const position = local ? EndpointField.localPosition : EndpointField.clusterPosition;
    const endpoint = rememberedEndpoint(packet, service, position, nowMs);
    if (endpoint >= 0) target = endpointRow(endpoint);
  }
  if (target == 0) {
    target = draw(row, local);
    if (sticky) rememberEndpoint(packet, service, getU32(target, TargetField.endpoint), nowMs);
  }
  // Rows of targets and of endpoints begin alike.
  assert(<u32>TargetField.port == EndpointField.port);
  // A client that is the endpoint itself must see the answer come from this node.
  if (sameAddress(packet, target)) setU32(outcome, OutcomeField.masquerade, 1);
  setU32(outcome, OutcomeField.action, Action.dnat);
  store<u64>(outcome + OutcomeAddress, load<u64>(target));
  store<u64>(outcome + OutcomeAddress, load<u64>(target, 8), 8);
  setU32(outcome, OutcomeField.port, getU32(target, EndpointField.port));
}

const OutcomeAddress: usize = 8;

/** The row of a target, each as likely as the others, to 1 in 2^32 divided by their number. */
function draw(row: usize, local: bool): usize {
  const first = getU32(row, local ? ServiceField.localFirst : ServiceField.clusterFirst);
  const count = getU32(row, local ? ServiceField.localCount : ServiceField.clusterCount);
  assert(count > 0);
  const random = <u64>nextRandom(tableAddress(Table.random));
  return targetRow(first + <u32>((random * count) >>> 32));
}
