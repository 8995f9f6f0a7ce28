import { ClassField, ExtendedRequestField } from "../../layout/class";
import { Insufficient } from "../../layout/evaluation";
import { getF64, getI32, getU32 } from "../../layout/field";
import { ExtendedField, NodeField } from "../../layout/node";
import { extendedRequestRows } from "../../layout/class-rows";
import { extendedRow } from "../../layout/node-rows";

/**
 * Which requests of a class do not fit on a node: bits of `Insufficient`, 0 if all fit. Every request is looked at, because
 * each that does not fit is a reason of its own. A request of 0 fits an overcommitted node.
 *
 * Whole numbers below 2^53 in f64 subtract exactly, and what a class asks for beyond that is more than any node has, so
 * every comparison is exact. Source: kube-scheduler NodeResourcesFit, fitsRequest.
 */
export function nodeResourcesFit(node: usize, classRow: usize, cls: u32, slot: u32): u32 {
  let missing: u32 = 0;
  if (getI32(node, NodeField.podCount) >= getI32(node, NodeField.allocatablePods)) missing |= 1 << Insufficient.pods;

  missing |= lacks(
    getF64(classRow, ClassField.requestMilliCpu),
    <f64>getI32(node, NodeField.allocatableMilliCpu),
    <f64>getI32(node, NodeField.requestedMilliCpu),
    Insufficient.cpu,
  );
  missing |= lacks(
    getF64(classRow, ClassField.requestMemory),
    getF64(node, NodeField.allocatableMemory),
    getF64(node, NodeField.requestedMemory),
    Insufficient.memory,
  );
  missing |= lacks(
    getF64(classRow, ClassField.requestEphemeral),
    getF64(node, NodeField.allocatableEphemeral),
    getF64(node, NodeField.requestedEphemeral),
    Insufficient.ephemeralStorage,
  );

  const extended = getU32(classRow, ClassField.extendedCount);
  if (extended == 0) return missing;
  const count = extended - getU32(classRow, ClassField.uncheckedExtended);
  let request = extendedRequestRows(cls);
  for (let i: u32 = 0; i < count; i++) {
    const resource = extendedRow(getU32(request, ExtendedRequestField.resource), slot);
    const offered = getF64(resource, ExtendedField.allocatable);
    const short = lacks(
      getF64(request, ExtendedRequestField.amount),
      offered,
      getF64(resource, ExtendedField.requested),
      Insufficient.extended + i,
    );
    if (short != 0 && (offered != 0.0 || getU32(request, ExtendedRequestField.byDevices) == 0)) missing |= short;
    request += ExtendedRequestField.bytes;
  }
  return missing;
}

/** The same as `nodeResourcesFit(…) == 0` for a class without extended resources, where nobody asks why. */
export function fitsPlainly(node: usize, classRow: usize): bool {
  if (getI32(node, NodeField.podCount) >= getI32(node, NodeField.allocatablePods)) return false;
  const milliCpu = getF64(classRow, ClassField.requestMilliCpu);
  const freeMilliCpu = <f64>(getI32(node, NodeField.allocatableMilliCpu) - getI32(node, NodeField.requestedMilliCpu));
  if (milliCpu != 0.0 && milliCpu > freeMilliCpu) return false;
  const memory = getF64(classRow, ClassField.requestMemory);
  const freeMemory = getF64(node, NodeField.allocatableMemory) - getF64(node, NodeField.requestedMemory);
  if (memory != 0.0 && memory > freeMemory) return false;
  const ephemeral = getF64(classRow, ClassField.requestEphemeral);
  const freeEphemeral = getF64(node, NodeField.allocatableEphemeral) - getF64(node, NodeField.requestedEphemeral);
  return ephemeral == 0.0 || ephemeral <= freeEphemeral;
}

/** The resource's bit if the request does not fit, with the bit `unresolvable` if it would not even fit an empty node. */
function lacks(request: f64, allocatable: f64, requested: f64, resource: u32): u32 {
  if (request == 0.0 || request <= allocatable - requested) return 0;
  return request > allocatable ? (1 << resource) | (1 << Insufficient.unresolvable) : 1 << resource;
}
