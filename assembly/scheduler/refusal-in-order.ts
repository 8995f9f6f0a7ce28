import { ClassField, Verdict } from "../layout/class";
import { Filter } from "../layout/evaluation";
import { getU32 } from "../layout/field";
import { NodeField } from "../layout/node";
import { ProfileField, ProfileFilterField } from "../layout/profile";
import { profileFilterRows, profileRow } from "../layout/profile-rows";
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
import { firstRefusal } from "./first-refusal";

/**
 * The first filter that refuses a node, in the order of the class's profile. Whether a node is refused does not depend on the
 * order, only who is named, so a scan has no use for this.
 */
export function refusalInOrder(node: usize, classRow: usize, cls: u32, slot: u32, refusals: u32): Filter {
  const profile = getU32(classRow, ClassField.profile);
  const count = getU32(profileRow(profile), ProfileField.filterCount);
  if (count == 0) return firstRefusal(node, classRow, cls, slot, refusals);
  if ((refusals & Verdict.absent) != 0) return Filter.absent;
  if (nodeAffinityPrefilter(refusals)) return Filter.prefilter;
  let row = profileFilterRows(profile);
  for (let i: u32 = 0; i < count; i++, row += ProfileFilterField.bytes) {
    const filter = refusalBy(getU32(row, ProfileFilterField.filter), node, classRow, cls, slot, refusals);
    if (filter != Filter.none) return filter;
  }
  return Filter.none;
}

/** One plugin's answer. */
function refusalBy(plugin: u32, node: usize, classRow: usize, cls: u32, slot: u32, refusals: u32): Filter {
  const terms = getU32(classRow, ClassField.filterTermCount);
  const set = getU32(node, NodeField.attributeSet);
  switch (plugin) {
    case Filter.NodeUnschedulable: return nodeUnschedulable(refusals) ? Filter.NodeUnschedulable : Filter.none;
    case Filter.NodeName: return nodeName(refusals) ? Filter.NodeName : Filter.none;
    case Filter.TaintToleration: return taintToleration(refusals) ? Filter.TaintToleration : Filter.none;
    case Filter.NodeAffinity:
      if (addedAffinity(refusals)) return Filter.addedAffinity;
      return nodeAffinity(refusals) ? Filter.NodeAffinity : Filter.none;
    case Filter.NodePorts: return nodePorts(classRow, cls, slot) ? Filter.NodePorts : Filter.none;
    case Filter.NodeResourcesFit:
      return nodeResourcesFit(node, classRow, cls, slot) != 0 ? Filter.NodeResourcesFit : Filter.none;
    case Filter.VolumeRestrictions: return volumeRestrictions(classRow, cls, slot);
    case Filter.NodeVolumeLimits:
      if (missingClaim(classRow, set)) return Filter.missingClaim;
      return nodeVolumeLimits(classRow, cls, slot) ? Filter.NodeVolumeLimits : Filter.none;
    case Filter.VolumeBinding: return volumeBinding(classRow, slot, set) != 0 ? Filter.VolumeBinding : Filter.none;
    case Filter.VolumeZone: return volumeZone(classRow, set) ? Filter.VolumeZone : Filter.none;
    case Filter.DynamicResources: return dynamicResources(classRow, slot, set);
    case Filter.PodTopologySpread: return podTopologySpread(cls, terms, slot);
    case Filter.InterPodAffinity: return interPodAffinity(cls, terms, slot);
    case Filter.NodeDeclaredFeatures: return nodeDeclaredFeatures(refusals) ? Filter.NodeDeclaredFeatures : Filter.none;
    default: return Filter.none;
  }
}
