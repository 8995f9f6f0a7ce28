import { ClassField } from "../../layout/class";
import { getU32 } from "../../layout/field";
import { setRefusalRow } from "../../layout/volume-rows";
import { SetRefusalField, VolumeFilter, VolumeRefusal } from "../../layout/volumes";

/** Refuses a node in another zone or region than a bound volume. Source: kube-scheduler VolumeZone. */
export function volumeZone(classRow: usize, set: u32): bool {
  if ((getU32(classRow, ClassField.volumeFilters) & VolumeFilter.rules) == 0) return false;
  return (getU32(setRefusalRow(set), SetRefusalField.bits) & VolumeRefusal.zone) != 0;
}
