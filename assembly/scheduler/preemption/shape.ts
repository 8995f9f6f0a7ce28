import { ClassField } from "../../layout/class";
import { getF64, getI32, getU32, setF64, setI32, setU32 } from "../../layout/field";
import { ExtendedField, NodeField, UsedPortsField } from "../../layout/node";
import { ShapeField, ShapePart, ShapePartField } from "../../layout/preemption";
import { shapePartRow, shapeRow } from "../../layout/preemption-rows";
import { classRow } from "../../layout/class-rows";
import { extendedRow, nodeRow, usedPortsRow } from "../../layout/node-rows";
import { termStateRow, trackRows } from "../../layout/topology-rows";
import { TermField, TermKind, TermStateField, TrackField } from "../../layout/topology";
import { kindOf, termRow } from "../topology/term";
import { changeUse } from "../volumes/uses";

/** No class. */
export const NOBODY: u32 = 0xffffffff;

/**
 * Puts a pod of this shape on the node (1), or takes it off (-1). No index is told: whoever does this undoes it.
 *
 * @param strangers  a class that takes no notice of the pod's anti-affinity; see `ignoresOthers`. NOBODY: none
 */
export function changeShape(shape: u32, slot: u32, sign: i32, strangers: u32): void {
  const row = shapeRow(shape);
  const node = nodeRow(slot);
  setI32(node, NodeField.podCount, getI32(node, NodeField.podCount) + sign);
  addI32(node, NodeField.requestedMilliCpu, row, ShapeField.requestMilliCpu, sign);
  addI32(node, NodeField.nonZeroMilliCpu, row, ShapeField.nonZeroMilliCpu, sign);
  addF64(node, NodeField.requestedMemory, row, ShapeField.requestMemory, sign);
  addF64(node, NodeField.nonZeroMemory, row, ShapeField.nonZeroMemory, sign);
  addF64(node, NodeField.requestedEphemeral, row, ShapeField.requestEphemeral, sign);
  const first = getU32(row, ShapeField.firstPart);
  const end = first + getU32(row, ShapeField.partCount);
  for (let part = first; part < end; part++) changePart(shapePartRow(part), slot, sign, strangers);
}

function changePart(part: usize, slot: u32, sign: i32, strangers: u32): void {
  const id = getU32(part, ShapePartField.id);
  switch (getU32(part, ShapePartField.kind)) {
    case ShapePart.extended:
      addF64(extendedRow(id, slot), ExtendedField.requested, part, ShapePartField.amount, sign);
      break;
    case ShapePart.port:
      changePort(id, slot, sign);
      break;
    case ShapePart.track: {
      if (strangers != NOBODY && keepsApart(strangers, id)) break;
      const count = trackRows(id) + <usize>slot * TrackField.bytes;
      setI32(count, TrackField.count, getI32(count, TrackField.count) + sign);
      break;
    }
    default:
      changeUse(id, slot, sign, 0);
  }
}

/**
 * Whether InterPodAffinity has nothing to do with the class: it has no such terms, and no pod that is there keeps it away.
 * kube-scheduler then leaves the filter out, and with it the terms of pods that are nominated.
 */
export function ignoresOthers(cls: u32): bool {
  const filters = getU32(classRow(cls), ClassField.filterTermCount);
  for (let i: u32 = 0; i < filters; i++) {
    const term = termRow(cls, i);
    const kind = kindOf(term);
    if (kind == TermKind.affinity || kind == TermKind.antiAffinity) return false;
    if (kind != TermKind.othersAntiAffinity) continue;
    if (getF64(termStateRow(getU32(term, TermField.row)), TermStateField.value) != 0.0) return false;
  }
  return true;
}

/** Whether the pods of a track are those that keep the class away. */
function keepsApart(cls: u32, track: u32): bool {
  const filters = getU32(classRow(cls), ClassField.filterTermCount);
  for (let i: u32 = 0; i < filters; i++) {
    const term = termRow(cls, i);
    if (kindOf(term) == TermKind.othersAntiAffinity && getU32(term, TermField.track) == track) return true;
  }
  return false;
}

/** A set, not a count: taking one of two pods with the same port off frees it, as in kube-scheduler. */
function changePort(port: u32, slot: u32, sign: i32): void {
  const word = usedPortsRow(slot) + <usize>(port >>> 5) * UsedPortsField.bytes;
  const bit: u32 = 1 << (port & 31);
  const bits = getU32(word, UsedPortsField.bits);
  setU32(word, UsedPortsField.bits, sign > 0 ? bits | bit : bits & ~bit);
}

function addI32(row: usize, field: i32, shape: usize, amount: i32, sign: i32): void {
  setI32(row, field, getI32(row, field) + sign * <i32>getF64(shape, amount));
}

function addF64(row: usize, field: i32, shape: usize, amount: i32, sign: i32): void {
  setF64(row, field, getF64(row, field) + <f64>sign * getF64(shape, amount));
}
