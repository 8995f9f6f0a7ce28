import { ClassField } from "../../layout/class";
import { getI32, getU32 } from "../../layout/field";
import { classVolumeRows, driverRow, setRefusalRow, volumeRow } from "../../layout/volume-rows";
import { ClassVolumeField, DriverField, SetRefusalField, VolumeField, VolumeFilter, VolumeFlag, VolumeRefusal } from "../../layout/volumes";
import { isMarked } from "./volume-restrictions";

/**
 * NodeVolumeLimits refuses every node for a claim that is not there, before it counts. With kube-scheduler's default profile
 * the PreFilters of other plugins have said so already.
 */
export function missingClaim(classRow: usize, set: u32): bool {
  if ((getU32(classRow, ClassField.volumeFilters) & VolumeFilter.rules) == 0) return false;
  return (getU32(setRefusalRow(set), SetRefusalField.bits) & VolumeRefusal.missingClaim) != 0;
}

/**
 * Refuses a node where the class's volumes, with those that are attached, are more than a CSI driver takes. A volume that a
 * pod of the node uses is not new. Source: kube-scheduler NodeVolumeLimits.
 */
export function nodeVolumeLimits(classRow: usize, cls: u32, slot: u32): bool {
  if ((getU32(classRow, ClassField.volumeFilters) & VolumeFilter.uses) == 0) return false;
  const count = getU32(classRow, ClassField.volumeCount);
  let driver: u32 = 0;
  let added = 0;
  let volume = classVolumeRows(cls);
  for (let i: u32 = 0; i < count; i++, volume += ClassVolumeField.bytes) {
    if ((getU32(volume, ClassVolumeField.flags) & VolumeFlag.counted) == 0 || isMarked(slot, i)) continue;
    const own = getU32(volumeRow(getU32(volume, ClassVolumeField.volume)), VolumeField.driver);
    // Those of one driver stand together.
    if (own != driver) added = 0;
    driver = own;
    added++;
    if (exceeds(driverRow(driver, slot), added)) return true;
  }
  return false;
}

function exceeds(driver: usize, added: i32): bool {
  if (getU32(driver, DriverField.limited) == 0) return false;
  return getI32(driver, DriverField.volumes) + added > getI32(driver, DriverField.limit);
}
