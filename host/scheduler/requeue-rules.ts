import type { V1Node, V1Pod } from "../api/generated/types.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import type { Decision } from "./library.ts";

/**
 * Which change of the cluster can help which waiting pod. A pod remembers the plugins that rejected it, as bits; an
 * event brings back the pods that have one of its plugins. Source: the events of scheduling sheet 5.6, without the
 * hints that then look at the object itself: a pod may come back for nothing, but never waits for nothing.
 */
export const REJECTOR = {
  NodeUnschedulable: 1,
  NodeName: 2,
  TaintToleration: 4,
  NodeAffinity: 8,
  NodePorts: 16,
  NodeResourcesFit: 32,
  PodTopologySpread: 64,
  InterPodAffinity: 128,
  VolumeRestrictions: 256,
  NodeVolumeLimits: 512,
  VolumeBinding: 1024,
  VolumeZone: 2048,
  /** Whatever has no rule here: every event brings such a pod back. */
  Other: 4096,
  DynamicResources: 8192,
} as const;

export type ClusterEvent =
  | "NodeAdd"
  | "NodeDelete"
  | "NodeUpdateAllocatable"
  | "NodeUpdateLabel"
  | "NodeUpdateTaint"
  | "NodeUpdateOther"
  | "AssignedPodAdd"
  | "AssignedPodUpdateLabel"
  | "AssignedPodScaleDown"
  | "AssignedPodDelete"
  | "PersistentVolumeClaimAdd"
  | "PersistentVolumeClaimUpdate"
  | "PersistentVolumeAdd"
  | "PersistentVolumeUpdate"
  | "StorageClassAdd"
  | "StorageClassUpdate"
  | "CSINodeAdd"
  | "CSINodeUpdate"
  | "CSIDriverUpdate"
  | "CSIStorageCapacityUpdate"
  | "VolumeAttachmentDelete"
  | "ResourceClaimUpdate"
  | "ResourceSliceUpdate"
  | "DeviceClassUpdate";

const R = REJECTOR;
const ALL = Object.values(REJECTOR).reduce((all, bit) => all | bit, 0);

/** Uncordoning or (un)tainting a node helps whatever listens to new nodes: Kubernetes' extra rule in 5.6. */
const HELPS: Readonly<Record<ClusterEvent, number>> = {
  NodeAdd: ALL,
  NodeDelete: R.PodTopologySpread | R.Other,
  NodeUpdateAllocatable: R.NodeResourcesFit | R.DynamicResources | R.Other,
  NodeUpdateLabel:
    R.NodeAffinity |
    R.PodTopologySpread |
    R.InterPodAffinity |
    R.VolumeBinding |
    R.VolumeZone |
    R.DynamicResources |
    R.Other,
  NodeUpdateTaint: ALL,
  NodeUpdateOther: R.Other,
  AssignedPodAdd: R.PodTopologySpread | R.InterPodAffinity | R.Other,
  AssignedPodUpdateLabel: R.PodTopologySpread | R.InterPodAffinity | R.Other,
  AssignedPodScaleDown: R.NodeResourcesFit | R.Other,
  AssignedPodDelete:
    R.NodePorts |
    R.NodeResourcesFit |
    R.VolumeRestrictions |
    R.NodeVolumeLimits |
    R.PodTopologySpread |
    R.InterPodAffinity |
    R.Other,
  PersistentVolumeClaimAdd:
    R.VolumeRestrictions | R.NodeVolumeLimits | R.VolumeBinding | R.VolumeZone | R.Other,
  PersistentVolumeClaimUpdate: R.VolumeBinding | R.VolumeZone | R.Other,
  PersistentVolumeAdd: R.VolumeBinding | R.VolumeZone | R.Other,
  PersistentVolumeUpdate: R.VolumeBinding | R.VolumeZone | R.Other,
  StorageClassAdd: R.VolumeBinding | R.VolumeZone | R.Other,
  StorageClassUpdate: R.VolumeBinding | R.Other,
  CSINodeAdd: R.NodeVolumeLimits | R.VolumeBinding | R.Other,
  CSINodeUpdate: R.NodeVolumeLimits | R.Other,
  CSIDriverUpdate: R.VolumeBinding | R.Other,
  CSIStorageCapacityUpdate: R.VolumeBinding | R.Other,
  VolumeAttachmentDelete: R.NodeVolumeLimits | R.Other,
  ResourceClaimUpdate: R.DynamicResources | R.Other,
  ResourceSliceUpdate: R.DynamicResources | R.Other,
  // A class may stand for an extended resource.
  DeviceClassUpdate: R.NodeResourcesFit | R.DynamicResources | R.Other,
};

/** Whether a pod that these plugins rejected should be tried again after the event. */
export function helps(event: ClusterEvent, rejectors: number): boolean {
  return (HELPS[event] & rejectors) !== 0;
}

/** The reasons of scheduling sheet 2.0, by how they begin. */
const REASONS: readonly (readonly [prefix: string, rejector: number])[] = [
  ["Insufficient ", R.NodeResourcesFit],
  ["Too many pods", R.NodeResourcesFit],
  ["node(s) were unschedulable", R.NodeUnschedulable],
  ["node(s) didn't match the requested node name", R.NodeName],
  ["node(s) had untolerated taint", R.TaintToleration],
  ["node(s) didn't match Pod's node affinity", R.NodeAffinity],
  ["node(s) didn't match scheduler-enforced node affinity", R.NodeAffinity],
  ["node(s) didn't satisfy plugin(s) [NodeAffinity]", R.NodeAffinity],
  ["node(s) didn't have free ports", R.NodePorts],
  ["node(s) had no available disk", R.VolumeRestrictions],
  ["node(s) unavailable due to PersistentVolumeClaim", R.VolumeRestrictions],
  ["node(s) exceed max volume count", R.NodeVolumeLimits],
  ["node(s) didn't match PersistentVolume's node affinity", R.VolumeBinding],
  ["node(s) didn't find available persistent volumes to bind", R.VolumeBinding],
  ["node(s) did not have enough free storage", R.VolumeBinding],
  ["node(s) unavailable due to one or more pvc(s)", R.VolumeBinding],
  ["pod has unbound immediate PersistentVolumeClaims", R.VolumeBinding],
  ["waiting for ephemeral volume controller", R.VolumeBinding],
  // Not there, lost, or being deleted: of the two plugins that say so, one wants to see a new claim and one any change.
  ["persistentvolumeclaim ", R.VolumeRestrictions | R.VolumeBinding],
  ["PVC ", R.VolumeBinding],
  ["persistentvolume ", R.VolumeZone],
  ["node(s) had no available volume zone", R.VolumeZone],
  ["cannot allocate all claims", R.DynamicResources],
  ["resourceclaim", R.DynamicResources],
  ["resource claim ", R.DynamicResources],
  ["request ", R.DynamicResources],
  ["node(s) didn't match pod topology spread constraints", R.PodTopologySpread],
  ["node(s) didn't match pod affinity rules", R.InterPodAffinity],
  ["node(s) didn't match pod anti-affinity rules", R.InterPodAffinity],
  ["node(s) didn't satisfy existing pods anti-affinity rules", R.InterPodAffinity],
];

/** The plugins behind a refusal, from the reasons of its nodes; Other when no node gave one. */
export function rejectorsOf(refusal: Extract<Decision, { node: null }>): number {
  const seen = new Set<string>();
  let rejectors = 0;
  for (const reasons of Object.values(refusal.nodes)) {
    for (const reason of reasons) {
      if (seen.has(reason)) continue;
      seen.add(reason);
      rejectors |= REASONS.find(([prefix]) => reason.startsWith(prefix))?.[1] ?? R.Other;
    }
  }
  return rejectors === 0 ? R.Other : rejectors;
}

/** What changed of a node, in the scheduler's eyes; empty for a heartbeat. */
export function nodeEvents(old: V1Node, node: V1Node): ClusterEvent[] {
  const events: ClusterEvent[] = [];
  if (!deepEqual(old.status?.allocatable, node.status?.allocatable)) events.push("NodeUpdateAllocatable");
  if (!deepEqual(old.metadata?.labels, node.metadata?.labels)) events.push("NodeUpdateLabel");
  const tainted = !deepEqual(old.spec?.taints, node.spec?.taints);
  const cordoned = (old.spec?.unschedulable === true) !== (node.spec?.unschedulable === true);
  if (tainted || cordoned) events.push("NodeUpdateTaint");
  const others = (one: V1Node) => [
    one.status?.declaredFeatures,
    one.status?.images,
    one.metadata?.annotations,
  ];
  if (!deepEqual(others(old), others(node))) events.push("NodeUpdateOther");
  return events;
}

/** What changed of a bound pod. A changed spec counts as smaller requests: that brings back a few pods too many. */
export function podEvents(old: V1Pod, pod: V1Pod): ClusterEvent[] {
  const events: ClusterEvent[] = [];
  if (!deepEqual(old.metadata?.labels, pod.metadata?.labels)) events.push("AssignedPodUpdateLabel");
  if (!deepEqual(requests(old), requests(pod))) events.push("AssignedPodScaleDown");
  return events;
}

function requests(pod: V1Pod) {
  const { containers = [], initContainers = [], resources } = pod.spec ?? {};
  return [resources, [...containers, ...initContainers].map((container) => container.resources?.requests)];
}
