import { ClassField, Verdict } from "../layout/class";
import { Filter } from "../layout/evaluation";
import { getU32 } from "../layout/field";
import { interPodAffinity } from "./filters/inter-pod-affinity";
import { addedAffinity, nodeAffinity, nodeAffinityPrefilter } from "./filters/node-affinity";
import { nodeDeclaredFeatures } from "./filters/node-declared-features";
import { nodeName } from "./filters/node-name";
import { nodePorts } from "./filters/node-ports";
import { nodeResourcesFit } from "./filters/node-resources-fit";
import { nodeUnschedulable } from "./filters/node-unschedulable";
import { podTopologySpread } from "./filters/pod-topology-spread";
import { taintToleration } from "./filters/taint-toleration";

/**
 * The first filter that refuses a node, in kube-scheduler's order; `Filter.none` if the pod may run there. `prepareTopology`
 * has to have been called for the class.
 */
export function firstRefusal(node: usize, classRow: usize, cls: u32, slot: u32, refusals: u32): Filter {
  if (refusals != 0) {
    const filter = refusalByAttributes(refusals);
    if (filter != Filter.none) return filter;
  }
  if (nodePorts(classRow, cls, slot)) return Filter.NodePorts;
  if (getU32(classRow, ClassField.skipsFit) == 0 && nodeResourcesFit(node, classRow, cls, slot) != 0)
    return Filter.NodeResourcesFit;
  const filters = getU32(classRow, ClassField.filterTermCount);
  if (filters != 0) {
    const spread = podTopologySpread(cls, filters, slot);
    if (spread != Filter.none) return spread;
    const affinity = interPodAffinity(cls, filters, slot);
    if (affinity != Filter.none) return affinity;
  }
  return nodeDeclaredFeatures(refusals) ? Filter.NodeDeclaredFeatures : Filter.none;
}

/** Nearly all that is decided by attributes alone stands before what depends on usage, so one look at the bits is enough. */
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
