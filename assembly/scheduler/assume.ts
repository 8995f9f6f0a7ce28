import { ClassField, ClassPortsField, ExtendedRequestField } from "../layout/class";
import { ClassTrackField, TrackField } from "../layout/topology";
import { getF64, getI32, getU32, setF64, setI32, setU32 } from "../layout/field";
import { ExtendedField, NodeField, UsedPortsField } from "../layout/node";
import { classPortsRow, classRow, extendedRequestRows } from "../layout/class-rows";
import { extendedRow, nodeRow, usedPortsRow } from "../layout/node-rows";
import { Capacity, capacityOf } from "../layout/tables";
import { classTrackRows, trackRows } from "../layout/topology-rows";
import { classVolumeRows } from "../layout/volume-rows";
import { ClassVolumeField, VolumeFlag } from "../layout/volumes";
import { touch } from "./indexes/changes";
import { changeUse } from "./volumes/uses";

/** Counts a pod of the class on the node, as if it were bound. The host takes it off again if binding fails. */
export function assume(cls: u32, slot: u32): void {
  const node = nodeRow(slot);
  const row = classRow(cls);
  addI32(node, NodeField.podCount, 1.0);
  addI32(node, NodeField.requestedMilliCpu, getF64(row, ClassField.requestMilliCpu));
  addI32(node, NodeField.nonZeroMilliCpu, getF64(row, ClassField.nonZeroMilliCpu));
  addF64(node, NodeField.requestedMemory, getF64(row, ClassField.requestMemory));
  addF64(node, NodeField.nonZeroMemory, getF64(row, ClassField.nonZeroMemory));
  addF64(node, NodeField.requestedEphemeral, getF64(row, ClassField.requestEphemeral));

  const count = getU32(row, ClassField.extendedCount);
  let request = extendedRequestRows(cls);
  for (let i: u32 = 0; i < count; i++) {
    const resource = extendedRow(getU32(request, ExtendedRequestField.resource), slot);
    addF64(resource, ExtendedField.requested, getF64(request, ExtendedRequestField.amount));
    request += ExtendedRequestField.bytes;
  }
  if (getU32(row, ClassField.wantsPorts) != 0) occupyPorts(cls, slot);

  const tracks = getU32(row, ClassField.trackCount);
  let member = classTrackRows(cls);
  for (let i: u32 = 0; i < tracks; i++) {
    const count = trackRows(getU32(member, ClassTrackField.track)) + <usize>slot * TrackField.bytes;
    addI32(count, TrackField.count, 1.0);
    member += ClassTrackField.bytes;
  }
  if (getU32(row, ClassField.volumeCount) != 0) useVolumes(cls, slot);
  touch(slot);
}

function useVolumes(cls: u32, slot: u32): void {
  const count = getU32(classRow(cls), ClassField.volumeCount);
  let volume = classVolumeRows(cls);
  for (let i: u32 = 0; i < count; i++, volume += ClassVolumeField.bytes) {
    const isHeld = (getU32(volume, ClassVolumeField.flags) & VolumeFlag.held) != 0;
    if (isHeld) changeUse(getU32(volume, ClassVolumeField.volume), slot, 1, 0);
  }
}

function occupyPorts(cls: u32, slot: u32): void {
  const words = capacityOf(Capacity.portWords);
  let used = usedPortsRow(slot);
  let wanted = classPortsRow(cls);
  for (let word: u32 = 0; word < words; word++) {
    setU32(used, UsedPortsField.bits, getU32(used, UsedPortsField.bits) | getU32(wanted, ClassPortsField.wanted));
    used += UsedPortsField.bytes;
    wanted += ClassPortsField.bytes;
  }
}

function addI32(row: usize, field: i32, amount: f64): void {
  setI32(row, field, getI32(row, field) + <i32>amount);
}

function addF64(row: usize, field: i32, amount: f64): void {
  setF64(row, field, getF64(row, field) + amount);
}
