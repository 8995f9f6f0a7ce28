import { ClassField } from "../../layout/class";
import { getU32, setI32, setU32 } from "../../layout/field";
import { StateField } from "../../layout/ring";
import { classRow } from "../../layout/class-rows";
import { Capacity, capacityOf, markWords, stateRow } from "../../layout/tables";
import {
  classVolumeRows,
  requirementRows,
  ruleHolds,
  setRefusalRow,
  volumeMarkRow,
  volumeRow,
  volumeUseRow,
} from "../../layout/volume-rows";
import {
  ClassVolumeField,
  RequirementField,
  SetRefusalField,
  VolumeField,
  VolumeFilter,
  VolumeFlag,
  VolumeMarkField,
  VolumeRefusal,
  VolumeUseField,
} from "../../layout/volumes";
import { chooseVolumes, refuseUnbound } from "./binding";
import { findUse } from "./uses";

/**
 * Finds where the class's volumes are in use, and what labels speak against. Every answer of the filters of volumes rests on
 * this; it holds until a pod or a node changes.
 */
export function prepareVolumes(cls: u32): void {
  const row = classRow(cls);
  const filters = getU32(row, ClassField.volumeFilters);
  if ((filters & VolumeFilter.uses) != 0) markUses(cls, row);
  if ((filters & VolumeFilter.rules) != 0) judgeSets(cls, row);
}

/** The same for the uses of one node, after its pods have changed. */
export function markNode(cls: u32, slot: u32): void {
  const row = classRow(cls);
  if ((getU32(row, ClassField.volumeFilters) & VolumeFilter.uses) == 0) return;
  memory.fill(volumeMarkRow(slot, 0), 0, markWords() * VolumeMarkField.bytes);
  const count = getU32(row, ClassField.volumeCount);
  for (let i: u32 = 0; i < count; i++) {
    const use = findUse(getU32(classVolumeRows(cls) + <usize>i * ClassVolumeField.bytes, ClassVolumeField.volume), slot);
    if (use != 0) mark(use, i);
  }
}

function markUses(cls: u32, row: usize): void {
  const nodes = getU32(stateRow(), StateField.nodeLimit);
  memory.fill(volumeMarkRow(0, 0), 0, <usize>nodes * markWords() * VolumeMarkField.bytes);
  const count = getU32(row, ClassField.volumeCount);
  let base = 0;
  let isAsked = false;
  let volume = classVolumeRows(cls);
  for (let i: u32 = 0; i < count; i++, volume += ClassVolumeField.bytes) {
    const at = volumeRow(getU32(volume, ClassVolumeField.volume));
    for (let use = getU32(at, VolumeField.firstUse); use != 0; use = getU32(volumeUseRow(use), VolumeUseField.next))
      mark(use, i);
    const pods = <i32>getU32(at, VolumeField.pods);
    const flags = getU32(volume, ClassVolumeField.flags);
    const isInUse = (flags & VolumeFlag.exclusive) != 0 && pods > 0;
    if (isInUse) base += 1 - pods;
    isAsked = isAsked || isInUse || (flags & VolumeFlag.conflicts) != 0;
  }
  // kube-scheduler leaves VolumeRestrictions out if nothing is in the way, also when nominated pods are looked at.
  setI32(stateRow(), StateField.exclusiveBase, isAsked ? base : i32.MIN_VALUE);
}

/** An attachment alone is no use: a pod that comes adds a volume there. */
function mark(use: u32, i: u32): void {
  const row = volumeUseRow(use);
  if (getU32(row, VolumeUseField.pods) == 0) return;
  const at = volumeMarkRow(getU32(row, VolumeUseField.slot), i >>> 5);
  setU32(at, VolumeMarkField.bits, getU32(at, VolumeMarkField.bits) | (1 << (i & 31)));
}

function judgeSets(cls: u32, row: usize): void {
  const sets = capacityOf(Capacity.attributeSets);
  const requirements = getU32(row, ClassField.requirementCount);
  const claims = getU32(row, ClassField.bindingClaims);
  chooseVolumes(claims);
  for (let set: u32 = 0; set < sets; set++) {
    const refusals = missedRequirements(cls, requirements, set) | refuseUnbound(claims, set);
    setU32(setRefusalRow(set), SetRefusalField.bits, refusals);
  }
}

/** Bound claims are looked at in the pod's order, and the first that refuses is the one that is named. */
function missedRequirements(cls: u32, count: u32, set: u32): u32 {
  const ofBound: u32 = VolumeRefusal.nodeConflict | VolumeRefusal.missingVolume;
  let refusals: u32 = 0;
  let requirement = requirementRows(cls);
  for (let i: u32 = 0; i < count; i++, requirement += RequirementField.bytes) {
    const refusal = getU32(requirement, RequirementField.refusal);
    if ((refusal & ofBound) != 0 && (refusals & ofBound) != 0) continue;
    if (!ruleHolds(getU32(requirement, RequirementField.rule), set)) refusals |= refusal;
  }
  return refusals;
}
