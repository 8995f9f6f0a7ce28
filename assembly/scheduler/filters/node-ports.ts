import { ClassField, ClassPortsField } from "../../layout/class";
import { getU32 } from "../../layout/field";
import { UsedPortsField } from "../../layout/node";
import { classPortsRow } from "../../layout/class-rows";
import { usedPortsRow } from "../../layout/node-rows";
import { Capacity, capacityOf } from "../../layout/tables";

/**
 * Refuses a node where a port stands in the way of one the pod wants on the host. Ports are interned (address, protocol,
 * number); which of them conflict, wildcard addresses included, is in the class's row. Source: kube-scheduler NodePorts.
 */
export function nodePorts(classRow: usize, cls: u32, slot: u32): bool {
  if (getU32(classRow, ClassField.wantsPorts) == 0) return false;
  const words = capacityOf(Capacity.portWords);
  let used = usedPortsRow(slot);
  let wanted = classPortsRow(cls);
  for (let word: u32 = 0; word < words; word++) {
    if ((getU32(used, UsedPortsField.bits) & getU32(wanted, ClassPortsField.conflicting)) != 0) return true;
    used += UsedPortsField.bytes;
    wanted += ClassPortsField.bytes;
  }
  return false;
}
