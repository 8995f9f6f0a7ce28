import { ClassField } from "../../layout/class";
import { Filter } from "../../layout/evaluation";
import { getI32, getU32 } from "../../layout/field";
import { StateField } from "../../layout/ring";
import { stateRow } from "../../layout/tables";
import { devicePoolRow, nodeDeviceRow, ruleHolds, setRefusalRow } from "../../layout/volume-rows";
import {
  DevicePoolField,
  NodeDeviceField,
  SetRefusalField,
  VolumeFilter,
  VolumeRefusal,
} from "../../layout/volumes";

/**
 * Refuses a node where an allocated claim cannot be used; then one that has not devices enough for the claims to be
 * allocated, its own and those of pools it reaches. Devices are counted, not chosen: without selectors one is as good as another.
 * Source: kube-scheduler DynamicResources.
 */
export function dynamicResources(classRow: usize, slot: u32, set: u32): Filter {
  const filters = getU32(classRow, ClassField.volumeFilters);
  if ((filters & VolumeFilter.rules) != 0) {
    const only = getU32(classRow, ClassField.claimSlot);
    const isElsewhere = only != 0 && only != slot + 1;
    const refusals = getU32(setRefusalRow(set), SetRefusalField.bits);
    if (isElsewhere || (refusals & VolumeRefusal.claimUnavailable) != 0) return Filter.claimUnavailable;
  }
  if ((filters & VolumeFilter.devices) == 0) return Filter.none;
  return <f64>getU32(classRow, ClassField.devicesWanted) > freeDevices(slot, set) ? Filter.DynamicResources : Filter.none;
}

function freeDevices(slot: u32, set: u32): f64 {
  let free = <f64>getI32(nodeDeviceRow(slot), NodeDeviceField.free);
  const pools = getU32(stateRow(), StateField.poolLimit);
  for (let pool: u32 = 0; pool < pools; pool++) {
    const row = devicePoolRow(pool);
    if (ruleHolds(getU32(row, DevicePoolField.rule), set)) free += <f64>getI32(row, DevicePoolField.free);
  }
  return free;
}
