import type { Kind } from "../api/kind.ts";
import {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  DeviceClass,
  PersistentVolume,
  PersistentVolumeClaim,
  ResourceClaim,
  ResourceSlice,
  StorageClass,
  VolumeAttachment,
} from "../api/registry.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { ClusterEvent, EventResource } from "./cluster-events.ts";

const RESOURCES: ReadonlyMap<Kind, EventResource> = new Map<Kind, EventResource>([
  [PersistentVolume, "PersistentVolume"],
  [PersistentVolumeClaim, "PersistentVolumeClaim"],
  [StorageClass, "StorageClass"],
  [CSINode, "CSINode"],
  [CSIDriver, "CSIDriver"],
  [CSIStorageCapacity, "CSIStorageCapacity"],
  [VolumeAttachment, "VolumeAttachment"],
  [ResourceClaim, "ResourceClaim"],
  [ResourceSlice, "ResourceSlice"],
  [DeviceClass, "DeviceClass"],
]);

/** The objects of storage and devices that decisions read. */
export const STORAGE_KINDS: readonly Kind[] = [...RESOURCES.keys()];

/**
 * The appearance, change or end of an object of storage or devices, as an event; undefined for another kind.
 *
 * @param old     undefined: the object is new
 * @param object  undefined: it is gone
 */
export function storageEvent(
  kind: Kind,
  old: KubernetesObject | undefined,
  object: KubernetesObject | undefined,
): ClusterEvent | undefined {
  const resource = RESOURCES.get(kind);
  if (resource === undefined) return undefined;
  const action = old === undefined ? "Add" : object === undefined ? "Delete" : "Update";
  return { resource, action, old, object };
}
