import { ClassField, Verdict } from "../layout/class";
import { Filter } from "../layout/evaluation";
import { getU32 } from "../layout/field";
import { interPodAffinity } from "./filters/inter-pod-affinity";
import { nodeAffinity, nodeAffinityPrefilter } from "./filters/node-affinity";
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
    assert(filter != Filter.none);
    return filter;
  }
  if (nodePorts(classRow, cls, slot)) return Filter.NodePorts;
  if (nodeResourcesFit(node, classRow, cls, slot) != 0) return Filter.NodeResourcesFit;
  const filters = getU32(classRow, ClassField.filterTermCount);
  if (filters == 0) return Filter.none;
  const spread = podTopologySpread(cls, filters, slot);
  return spread != Filter.none ? spread : interPodAffinity(cls, filters, slot);
}

/** All that is decided by attributes alone stands before what depends on usage, so one look at the bits is enough. */
function refusalByAttributes(refusals: u32): Filter {
  if ((refusals & Verdict.absent) != 0) return Filter.absent;
  if (nodeAffinityPrefilter(refusals)) return Filter.prefilter;
  if (nodeUnschedulable(refusals)) return Filter.NodeUnschedulable;
  if (nodeName(refusals)) return Filter.NodeName;
  if (taintToleration(refusals)) return Filter.TaintToleration;
  if (nodeAffinity(refusals)) return Filter.NodeAffinity;
  return Filter.none;
}
