import { ClassField, Verdict } from "../layout/class";
import { Filter } from "../layout/evaluation";
import { getI32, getU32 } from "../layout/field";
import { NodeField } from "../layout/node";
import { dynamicResources } from "./filters/dynamic-resources";
import { interPodAffinity } from "./filters/inter-pod-affinity";
import { addedAffinity, nodeAffinity, nodeAffinityPrefilter } from "./filters/node-affinity";
import { nodeDeclaredFeatures } from "./filters/node-declared-features";
import { nodeName } from "./filters/node-name";
import { nodePorts } from "./filters/node-ports";
import { nodeResourcesFit } from "./filters/node-resources-fit";
import { nodeUnschedulable } from "./filters/node-unschedulable";
import { missingClaim, nodeVolumeLimits } from "./filters/node-volume-limits";
import { podTopologySpread } from "./filters/pod-topology-spread";
import { taintToleration } from "./filters/taint-toleration";
import { volumeBinding } from "./filters/volume-binding";
import { volumeRestrictions } from "./filters/volume-restrictions";
import { volumeZone } from "./filters/volume-zone";

/**
 * The first filter that refuses a node, in kube-scheduler's order; `Filter.none` if the pod may run there. `prepareTopology`
 * and `prepareVolumes` have to have been called for the class.
 */
export function firstRefusal(node: usize, classRow: usize, cls: u32, slot: u32, refusals: u32): Filter {
  if (refusals != 0) return refusalByVerdict(node, classRow, cls, slot, refusals);
  if (nodePorts(classRow, cls, slot)) return Filter.NodePorts;
  // In this order, so that a node that fits is not asked whether that matters.
  if (refusedByFit(node, classRow, cls, slot)) return Filter.NodeResourcesFit;
  const terms = getU32(classRow, ClassField.filterTermCount);
  const volumes = getU32(classRow, ClassField.volumeFilters);
  // Most pods have neither, and pay for this one look.
  if ((terms | volumes) == 0) return Filter.none;
  const set = getU32(node, NodeField.attributeSet);
  const byVolumes = volumes != 0 ? refusalByVolumes(classRow, cls, slot, set) : Filter.none;
  if (byVolumes != Filter.none) return byVolumes;
  const byTerms = terms != 0 ? refusalByTerms(cls, terms, slot) : Filter.none;
  if (byTerms != Filter.none) return byTerms;
  return volumes != 0 ? dynamicResources(classRow, slot, set) : Filter.none;
}

/** Whether NodeResourcesFit refuses the node; a closed one is refused also where the profile does without that filter. */
export function refusedByFit(node: usize, classRow: usize, cls: u32, slot: u32): bool {
  if (nodeResourcesFit(node, classRow, cls, slot) == 0) return false;
  return getU32(classRow, ClassField.skipsFit) == 0 || isClosed(node);
}

/** The host has closed the node for one decision: see SchedulerCore in host/wasm. It then has less than no room for pods. */
function isClosed(node: usize): bool {
  return getI32(node, NodeField.allocatablePods) < 0;
}

/** Nearly all that is decided by attributes alone stands before what depends on usage; NodeDeclaredFeatures is asked last. */
function refusalByVerdict(node: usize, classRow: usize, cls: u32, slot: u32, refusals: u32): Filter {
  const filter = refusalByAttributes(refusals);
  if (filter != Filter.none) return filter;
  assert(nodeDeclaredFeatures(refusals));
  const byUsage = firstRefusal(node, classRow, cls, slot, 0);
  return byUsage != Filter.none ? byUsage : Filter.NodeDeclaredFeatures;
}

function refusalByVolumes(classRow: usize, cls: u32, slot: u32, set: u32): Filter {
  const restricted = volumeRestrictions(classRow, cls, slot);
  if (restricted != Filter.none) return restricted;
  if (missingClaim(classRow, set)) return Filter.missingClaim;
  if (nodeVolumeLimits(classRow, cls, slot)) return Filter.NodeVolumeLimits;
  if (volumeBinding(classRow, slot, set) != 0) return Filter.VolumeBinding;
  return volumeZone(classRow, set) ? Filter.VolumeZone : Filter.none;
}

function refusalByTerms(cls: u32, terms: u32, slot: u32): Filter {
  const spread = podTopologySpread(cls, terms, slot);
  return spread != Filter.none ? spread : interPodAffinity(cls, terms, slot);
}

function refusalByAttributes(refusals: u32): Filter {
  if ((refusals & Verdict.absent) != 0) return Filter.absent;
  if (nodeAffinityPrefilter(refusals)) return Filter.prefilter;
  if (nodeUnschedulable(refusals)) return Filter.NodeUnschedulable;
  if (nodeName(refusals)) return Filter.NodeName;
  if (taintToleration(refusals)) return Filter.TaintToleration;
  if (addedAffinity(refusals)) return Filter.addedAffinity;
  if (nodeAffinity(refusals)) return Filter.NodeAffinity;
  return Filter.none;
}
