import { ClassField } from "../../layout/class";
import { getU32 } from "../../layout/field";
import { setRefusalRow } from "../../layout/volume-rows";
import { SetRefusalField, VolumeFilter, VolumeRefusal } from "../../layout/volumes";

/**
 * Why the claims of the class speak against a node: bits of `VolumeRefusal`, 0 if none does. Labels were looked at once per
 * attribute set; only a claim that was promised to another node depends on the node itself, and then nothing else is asked
 * of unbound claims. Source: kube-scheduler VolumeBinding, FindPodVolumes.
 */
export function volumeBinding(classRow: usize, slot: u32, set: u32): u32 {
  if ((getU32(classRow, ClassField.volumeFilters) & VolumeFilter.rules) == 0) return 0;
  const ofPlugin: u32 =
    VolumeRefusal.nodeConflict | VolumeRefusal.bindConflict | VolumeRefusal.freeStorage | VolumeRefusal.missingVolume;
  const refusals = getU32(setRefusalRow(set), SetRefusalField.bits) & ofPlugin;
  const selected = getU32(classRow, ClassField.selectedSlot);
  if (selected == 0 || selected == slot + 1) return refusals;
  return (refusals & ~VolumeRefusal.freeStorage) | VolumeRefusal.bindConflict;
}
