import type { ClusterEvent } from "../cluster-events.ts";
import type { PluginName } from "../configuration/plugins.ts";
import {
  declaresOthers,
  freesPort,
  freesRoom,
  matchesNow,
  offersRoom,
  takesLess,
  takesPodsNow,
  toleratesNow,
  toleratesUnschedulable,
} from "./node-hints.ts";
import { always, listensTo, never, on, type Registration, type WaitingPod } from "./registration.ts";
import {
  changesDomains,
  changesNeighbours,
  countsForSpread,
  countsOtherwise,
  isWantedNear,
  isWantedOtherwise,
  leavesRoomApart,
  spreadsByTaints,
} from "./topology-hints.ts";
import {
  allowsOtherTopologies,
  changesClaim,
  changesZones,
  detaches,
  dropsCapacity,
  freesDisk,
  hasClaimsNow,
  isDetached,
  isOwnClaim,
  mayStandForResource,
  migratesOthers,
  raisesCapacity,
  raisesLimit,
  waitsForConsumer,
} from "./volume-hints.ts";

/**
 * Which events may let a pod fit that a plugin rejected. UnschedulablePod is the waiting pod itself: its changes are held
 * against no other. Source: EventsToRegister of kube-scheduler's plugins, in scheduling sheet 5.6.
 */
const TABLE: Partial<Record<PluginName, readonly Registration[]>> = {
  SchedulingGates: [on("UnschedulablePod", ["UpdatePodSchedulingGatesEliminated"])],
  NodeUnschedulable: [
    on("Node", ["Add", "UpdateNodeTaint"], takesPodsNow),
    on("UnschedulablePod", ["UpdatePodToleration"], toleratesUnschedulable),
  ],
  NodeName: [on("Node", ["Add"])],
  TaintToleration: [
    on("Node", ["Add", "UpdateNodeTaint"], toleratesNow),
    on("UnschedulablePod", ["UpdatePodToleration"]),
  ],
  NodeAffinity: [on("Node", ["Add", "UpdateNodeLabel"], matchesNow)],
  NodePorts: [on("AssignedPod", ["Delete"], freesPort), on("Node", ["Add"])],
  NodeResourcesFit: [
    on("AssignedPod", ["Delete"], freesRoom),
    on("AssignedPod", ["UpdatePodScaleDown"], takesLess),
    on("UnschedulablePod", ["UpdatePodScaleDown"]),
    on("Node", ["Add", "UpdateNodeAllocatable"], offersRoom),
    on("DeviceClass", ["Add", "Update"], mayStandForResource),
  ],
  VolumeRestrictions: [
    on("AssignedPod", ["Delete"], freesDisk),
    on("Node", ["Add"]),
    on("PersistentVolumeClaim", ["Add"], isOwnClaim),
  ],
  NodeVolumeLimits: [
    on("CSINode", ["Add"]),
    on("CSINode", ["Update"], raisesLimit),
    on("AssignedPod", ["Delete"], detaches),
    on("PersistentVolumeClaim", ["Add"], isOwnClaim),
    on("VolumeAttachment", ["Delete"], isDetached),
  ],
  VolumeBinding: [
    on("StorageClass", ["Add"]),
    on("StorageClass", ["Update"], allowsOtherTopologies),
    on("PersistentVolumeClaim", ["Add", "Update"], isOwnClaim),
    on("PersistentVolume", ["Add", "Update"]),
    on("Node", ["Add", "UpdateNodeLabel"]),
    on("CSINode", ["Add"]),
    on("CSINode", ["Update"], migratesOthers),
    on("CSIDriver", ["Update"], dropsCapacity),
    on("CSIStorageCapacity", ["Add"]),
    on("CSIStorageCapacity", ["Update"], raisesCapacity),
  ],
  VolumeZone: [
    on("StorageClass", ["Add"], waitsForConsumer),
    on("Node", ["Add", "UpdateNodeLabel"]),
    on("PersistentVolumeClaim", ["Add", "Update"], isOwnClaim),
    on("PersistentVolume", ["Add"]),
    on("PersistentVolume", ["Update"], changesZones),
  ],
  PodTopologySpread: [
    on("AssignedPod", ["Add", "Delete"], countsForSpread),
    on("AssignedPod", ["UpdatePodLabel"], countsOtherwise),
    on("UnschedulablePod", ["UpdatePodLabel"]),
    on("UnschedulablePod", ["UpdatePodToleration"], spreadsByTaints),
    on("Node", ["Add", "Delete", "UpdateNodeLabel", "UpdateNodeTaint"], changesDomains),
  ],
  InterPodAffinity: [
    on("AssignedPod", ["Add"], isWantedNear),
    on("AssignedPod", ["UpdatePodLabel"], isWantedOtherwise),
    on("UnschedulablePod", ["UpdatePodLabel"]),
    on("AssignedPod", ["Delete"], leavesRoomApart),
    on("Node", ["Add", "UpdateNodeLabel"], changesNeighbours),
  ],
  DynamicResources: [
    on("Node", ["Add", "UpdateNodeLabel", "UpdateNodeAllocatable"]),
    // Kubernetes deallocates a claim before it deletes it; somebody else may not.
    on("ResourceClaim", ["Add", "Update", "Delete"], changesClaim),
    on("UnschedulablePod", ["UpdatePodGeneratedResourceClaim"], hasClaimsNow),
    on("DeviceClass", ["Add", "Update"]),
    on("ResourceSlice", ["Add", "Update"]),
  ],
  DefaultPreemption: [on("AssignedPod", ["Delete"], never)],
  // What its pods wait for is counted in groups/pod-groups.ts, which lets them go itself.
  GangScheduling: [],
  NodeDeclaredFeatures: [
    on("Node", ["Add", "UpdateNodeDeclaredFeature"], declaresOthers),
    on("UnschedulablePod", ["Update"]),
  ],
};

/** A plugin that listens to new nodes but not to taints hears of these too: Kubernetes' extra rule. */
function withTaints(registrations: readonly Registration[]): readonly Registration[] {
  const hears = (action: "Add" | "UpdateNodeTaint") =>
    registrations.some(({ resource, actions }) => resource === "Node" && actions.includes(action));
  return hears("Add") && !hears("UpdateNodeTaint")
    ? [...registrations, on("Node", ["UpdateNodeTaint"])]
    : registrations;
}

const REGISTRATIONS: ReadonlyMap<string, readonly Registration[]> = new Map(
  Object.entries(TABLE).map(([plugin, registrations]) => [plugin, withTaints(registrations)]),
);

/** Whether the plugin listens to such an event at all. */
export function isRegistered(plugin: string, event: ClusterEvent): boolean {
  const registrations = REGISTRATIONS.get(plugin);
  return registrations === undefined || registrations.some((one) => listensTo(one, event));
}

/**
 * Whether a pod that these plugins rejected is to be tried again after the event. One plugin that hopes is enough; of a
 * plugin that is not in the table nothing is known, and every event may help.
 */
export function helps(plugins: readonly string[], waiting: WaitingPod, event: ClusterEvent): boolean {
  return plugins.some((plugin) => {
    const registrations = REGISTRATIONS.get(plugin);
    if (registrations === undefined) return true;
    return registrations.some((one) => listensTo(one, event) && hopes(one, waiting, event));
  });
}

/** A hint that fails is a reason to look: so Kubernetes takes it. */
function hopes({ hint }: Registration, waiting: WaitingPod, event: ClusterEvent): boolean {
  if (hint === always) return true;
  try {
    return hint(waiting, event);
  } catch {
    return true;
  }
}
