import type { Plugin } from "./cycle.ts";
import { dynamicResources } from "./devices.ts";
import { imageScore } from "./images.ts";
import { interPodAffinity } from "./inter-pod-affinity.ts";
import { nodeAffinity } from "./node-affinity.ts";
import {
  nodeDeclaredFeatures,
  nodeName,
  nodePorts,
  nodeUnschedulable,
  taintToleration,
} from "./node-filters.ts";
import { balancedAllocation, nodeResourcesFit } from "./resources.ts";
import { podTopologySpread } from "./spread.ts";
import { volumeBinding } from "./volume-binding.ts";
import { nodeVolumeLimits, volumeRestrictions, volumeZone } from "./volumes.ts";

/** Every plugin of the reference model by name. */
export const PLUGINS: Readonly<Record<string, Plugin>> = {
  NodeUnschedulable: nodeUnschedulable,
  NodeName: nodeName,
  TaintToleration: taintToleration,
  NodeAffinity: nodeAffinity,
  NodePorts: nodePorts,
  NodeResourcesFit: nodeResourcesFit,
  VolumeRestrictions: volumeRestrictions,
  NodeVolumeLimits: nodeVolumeLimits,
  VolumeBinding: volumeBinding,
  VolumeZone: volumeZone,
  PodTopologySpread: podTopologySpread,
  InterPodAffinity: interPodAffinity,
  DynamicResources: dynamicResources,
  NodeResourcesBalancedAllocation: balancedAllocation,
  ImageLocality: {
    score: (cycle, feasible) => {
      const raw = feasible.map((place) => imageScore(cycle, place));
      return [raw, raw];
    },
  },
  NodeDeclaredFeatures: nodeDeclaredFeatures,
};
