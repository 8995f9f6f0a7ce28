import { ClassField } from "../../layout/class";
import { Filter } from "../../layout/evaluation";
import { getI32, getU32 } from "../../layout/field";
import { StateField } from "../../layout/ring";
import { stateRow } from "../../layout/tables";
import { classVolumeRows, volumeMarkRow, volumeRow } from "../../layout/volume-rows";
import { ClassVolumeField, VolumeField, VolumeFilter, VolumeFlag, VolumeMarkField } from "../../layout/volumes";

/**
 * Refuses a node where a pod uses a disk in a way that goes against the class's own; and every node as long as any pod uses
 * a claim of the class that only one pod may use. Which disks are in whose way, read-only use included, the host says by
 * listing volumes with `VolumeFlag.conflicts`. Source: kube-scheduler VolumeRestrictions.
 */
export function volumeRestrictions(classRow: usize, cls: u32, slot: u32): Filter {
  if ((getU32(classRow, ClassField.volumeFilters) & VolumeFilter.uses) == 0) return Filter.none;
  const count = getU32(classRow, ClassField.volumeCount);
  // kube-scheduler counts the claims in use, whoever uses them, and takes one off for each pod that would leave.
  let inUse = getI32(stateRow(), StateField.exclusiveBase);
  let volume = classVolumeRows(cls);
  for (let i: u32 = 0; i < count; i++, volume += ClassVolumeField.bytes) {
    const flags = getU32(volume, ClassVolumeField.flags);
    if ((flags & VolumeFlag.conflicts) != 0 && isMarked(slot, i)) return Filter.VolumeRestrictions;
    if ((flags & VolumeFlag.exclusive) == 0) continue;
    inUse += <i32>getU32(volumeRow(getU32(volume, ClassVolumeField.volume)), VolumeField.pods);
  }
  return inUse > 0 ? Filter.readWriteOncePod : Filter.none;
}

/** Whether a pod of the node uses the class's volume of this number. */
export function isMarked(slot: u32, i: u32): bool {
  return (getU32(volumeMarkRow(slot, i >>> 5), VolumeMarkField.bits) & (1 << (i & 31))) != 0;
}
