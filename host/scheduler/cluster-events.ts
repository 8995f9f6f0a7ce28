import type { V1Node, V1Pod } from "../api/generated/types.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { readPodRequests } from "./pod-requests.ts";

/** The kinds of objects whose changes may let a waiting pod fit. */
export type EventResource =
  | "Node"
  | "AssignedPod"
  | "UnschedulablePod"
  | "PersistentVolumeClaim"
  | "PersistentVolume"
  | "StorageClass"
  | "CSINode"
  | "CSIDriver"
  | "CSIStorageCapacity"
  | "VolumeAttachment"
  | "ResourceClaim"
  | "ResourceSlice"
  | "DeviceClass";

/** What happened to it. `Update` is a change of nothing that the narrower ones name. */
export type EventAction =
  | "Add"
  | "Delete"
  | "Update"
  | "UpdateNodeAllocatable"
  | "UpdateNodeLabel"
  | "UpdateNodeTaint"
  | "UpdateNodeCondition"
  | "UpdateNodeAnnotation"
  | "UpdateNodeDeclaredFeature"
  | "UpdatePodLabel"
  | "UpdatePodScaleDown"
  | "UpdatePodToleration"
  | "UpdatePodSchedulingGatesEliminated"
  | "UpdatePodGeneratedResourceClaim";

/** Something that happened in the cluster, as the queue is told of it. Source: scheduling sheet 5.6. */
export interface ClusterEvent {
  readonly resource: EventResource;
  readonly action: EventAction;
  /** Undefined: the object is new. */
  readonly old?: KubernetesObject | undefined;
  /** Undefined: it is gone. */
  readonly object?: KubernetesObject | undefined;
  /** Room that a nominated pod gave up is news only for pods of its priority or below. */
  readonly upToPriority?: number;
}

const GROUPS: Partial<Record<EventResource, string>> = {
  StorageClass: "storage.k8s.io/",
  CSINode: "storage.k8s.io/",
  CSIDriver: "storage.k8s.io/",
  CSIStorageCapacity: "storage.k8s.io/",
  VolumeAttachment: "storage.k8s.io/",
  ResourceClaim: "resource.k8s.io/",
  ResourceSlice: "resource.k8s.io/",
  DeviceClass: "resource.k8s.io/",
};

/** `AssignedPodDelete`, `storage.k8s.io/CSINodeUpdate`: kube-scheduler's name of an event, in metrics. */
export function eventLabel({ resource, action }: Pick<ClusterEvent, "resource" | "action">): string {
  return `${GROUPS[resource] ?? ""}${resource}${action}`;
}

/** What changed of a node, in the scheduler's eyes; empty for a heartbeat. */
export function nodeEvents(old: V1Node, object: V1Node): ClusterEvent[] {
  const event = (action: EventAction): ClusterEvent => ({ resource: "Node", action, old, object });
  const changed = (read: (node: V1Node) => unknown) => !deepEqual(read(old), read(object));
  const statuses = (node: V1Node) =>
    (node.status?.conditions ?? []).map(({ type, status }) => [type, status]);
  const uncordoned = old.spec?.unschedulable === true && object.spec?.unschedulable !== true;
  return [
    ...(changed((node) => node.status?.allocatable) ? [event("UpdateNodeAllocatable")] : []),
    ...(changed((node) => node.metadata?.labels) ? [event("UpdateNodeLabel")] : []),
    ...(uncordoned || changed((node) => node.spec?.taints) ? [event("UpdateNodeTaint")] : []),
    ...(changed(statuses) ? [event("UpdateNodeCondition")] : []),
    ...(changed((node) => node.metadata?.annotations) ? [event("UpdateNodeAnnotation")] : []),
    ...(changed((node) => node.status?.declaredFeatures) ? [event("UpdateNodeDeclaredFeature")] : []),
  ];
}

/** Whether a decision may read something of the node that has changed. */
export function concernsDecisions(old: V1Node, node: V1Node): boolean {
  const read = ({ metadata, spec, status }: V1Node) => [
    metadata?.labels,
    spec?.taints,
    spec?.unschedulable === true,
    status?.allocatable,
    status?.capacity,
    status?.declaredFeatures,
    status?.images,
  ];
  return !deepEqual(read(old), read(node));
}

/** What changed of a pod, bound or waiting: `Update` alone when it is nothing that the narrower actions name. */
export function podEvents(
  resource: "AssignedPod" | "UnschedulablePod",
  old: V1Pod,
  pod: V1Pod,
): ClusterEvent[] {
  const event = (action: EventAction): ClusterEvent => ({ resource, action, old, object: pod });
  const tolerations = (one: V1Pod) => one.spec?.tolerations?.length ?? 0;
  const gates = (one: V1Pod) => one.spec?.schedulingGates?.length ?? 0;
  const claims = (one: V1Pod) => one.status?.resourceClaimStatuses;
  const events = [
    ...(deepEqual(old.metadata?.labels, pod.metadata?.labels) ? [] : [event("UpdatePodLabel")]),
    ...(asksForLess(old, pod) ? [event("UpdatePodScaleDown")] : []),
    ...(gates(old) > 0 && gates(pod) === 0 ? [event("UpdatePodSchedulingGatesEliminated")] : []),
    ...(tolerations(old) === tolerations(pod) ? [] : [event("UpdatePodToleration")]),
    ...(deepEqual(claims(old), claims(pod)) ? [] : [event("UpdatePodGeneratedResourceClaim")]),
  ];
  return events.length > 0 ? events : [event("Update")];
}

/** Names of the resources of which the pod takes less than before. */
export function decreasedRequests(old: V1Pod, pod: V1Pod): string[] {
  if (!takesOtherRoom(old, pod)) return [];
  const before = readPodRequests(old, "status", []).requests;
  const now = readPodRequests(pod, "status", []).requests;
  return [...before].filter(([name, amount]) => (now.get(name) ?? 0) < amount).map(([name]) => name);
}

function asksForLess(old: V1Pod, pod: V1Pod): boolean {
  return decreasedRequests(old, pod).length > 0;
}

/** Whether a pod may take other room than before: everything that `readPodRequests` looks at, compared. */
export function takesOtherRoom(old: V1Pod, pod: V1Pod): boolean {
  const read = ({ spec, status }: V1Pod) => [
    [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map(({ resources }) => resources),
    spec?.resources,
    spec?.overhead,
    [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].map((one) => [
      one.name,
      one.resources,
      one.allocatedResources,
    ]),
    // What cannot be resized counts as it runs, not as it is asked.
    status?.conditions?.some(({ type, reason }) => type === "PodResizePending" && reason === "Infeasible"),
  ];
  return !deepEqual(read(old), read(pod));
}
