import { getI32, getU32, setI32, setU32 } from "../../layout/field";
import { StateField } from "../../layout/ring";
import { Capacity, capacityOf, stateRow } from "../../layout/tables";
import { driverRow, volumeRow, volumeUseRow } from "../../layout/volume-rows";
import { DriverField, VolumeField, VolumeUseField } from "../../layout/volumes";

/** The volume's use on the node; 0 if nobody uses it there. */
export function findUse(volume: u32, slot: u32): u32 {
  let use = getU32(volumeRow(volume), VolumeField.firstUse);
  while (use != 0 && getU32(volumeUseRow(use), VolumeUseField.slot) != slot)
    use = getU32(volumeUseRow(use), VolumeUseField.next);
  return use;
}

/**
 * Counts pods and attachments of a volume on a node, or takes them off again. The host sees to it that there are rows
 * enough: a use takes one as long as somebody is there.
 */
export function changeUse(volume: u32, slot: u32, pods: i32, attachments: i32): void {
  const row = volumeRow(volume);
  let use = findUse(volume, slot);
  if (use == 0) use = addUse(volume, slot);
  const at = volumeUseRow(use);
  countForDriver(row, at, -1);
  setU32(row, VolumeField.pods, getU32(row, VolumeField.pods) + pods);
  setU32(at, VolumeUseField.pods, getU32(at, VolumeUseField.pods) + pods);
  setU32(at, VolumeUseField.attachments, getU32(at, VolumeUseField.attachments) + attachments);
  countForDriver(row, at, 1);
  if (getU32(at, VolumeUseField.pods) == 0 && getU32(at, VolumeUseField.attachments) == 0) removeUse(volume, use);
}

/** Nobody is on the node any more: its slot is to be empty. */
export function clearUses(slot: u32): void {
  const volumes = getU32(stateRow(), StateField.volumeLimit);
  for (let volume: u32 = 0; volume < volumes; volume++) {
    const use = findUse(volume, slot);
    if (use == 0) continue;
    const pods = getU32(volumeUseRow(use), VolumeUseField.pods);
    const row = volumeRow(volume);
    setU32(row, VolumeField.pods, getU32(row, VolumeField.pods) - pods);
    removeUse(volume, use);
  }
  const drivers = getU32(stateRow(), StateField.driverLimit);
  for (let driver: u32 = 0; driver < drivers; driver++) memory.fill(driverRow(driver, slot), 0, DriverField.bytes);
}

/** A volume counts once a node, however many pods and attachments it has there. */
function countForDriver(volume: usize, use: usize, sign: i32): void {
  const driver = getU32(volume, VolumeField.driver);
  if (driver == 0) return;
  if (getU32(use, VolumeUseField.pods) == 0 && getU32(use, VolumeUseField.attachments) == 0) return;
  const count = driverRow(driver, getU32(use, VolumeUseField.slot));
  setI32(count, DriverField.volumes, getI32(count, DriverField.volumes) + sign);
}

function addUse(volume: u32, slot: u32): u32 {
  const state = stateRow();
  let use = getU32(state, StateField.freeUse);
  if (use != 0) {
    setU32(state, StateField.freeUse, getU32(volumeUseRow(use), VolumeUseField.next));
  } else {
    use = getU32(state, StateField.useLimit);
    assert(use < capacityOf(Capacity.volumeUses));
    setU32(state, StateField.useLimit, use + 1);
  }
  const row = volumeUseRow(use);
  setU32(row, VolumeUseField.slot, slot);
  setU32(row, VolumeUseField.pods, 0);
  setU32(row, VolumeUseField.attachments, 0);
  setU32(row, VolumeUseField.next, getU32(volumeRow(volume), VolumeField.firstUse));
  setU32(volumeRow(volume), VolumeField.firstUse, use);
  return use;
}

function removeUse(volume: u32, use: u32): void {
  const state = stateRow();
  const next = getU32(volumeUseRow(use), VolumeUseField.next);
  let before = getU32(volumeRow(volume), VolumeField.firstUse);
  if (before == use) {
    setU32(volumeRow(volume), VolumeField.firstUse, next);
  } else {
    while (getU32(volumeUseRow(before), VolumeUseField.next) != use)
      before = getU32(volumeUseRow(before), VolumeUseField.next);
    setU32(volumeUseRow(before), VolumeUseField.next, next);
  }
  setU32(volumeUseRow(use), VolumeUseField.next, getU32(state, StateField.freeUse));
  setU32(state, StateField.freeUse, use);
}
