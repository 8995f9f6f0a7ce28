import type {
  V1CSIDriver,
  V1CSINode,
  V1CSIStorageCapacity,
  V1PersistentVolume,
  V1StorageClass,
} from "../api/generated/types.ts";
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
import { deepEqual } from "../apimachinery/copy.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { ClusterEvent } from "./requeue-rules.ts";

/** The objects of storage and devices that decisions read. */
export const STORAGE_KINDS: readonly Kind[] = [
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
  CSINode,
  CSIDriver,
  CSIStorageCapacity,
  VolumeAttachment,
  ResourceClaim,
  ResourceSlice,
  DeviceClass,
];

/**
 * What the appearance, change or end of a storage object or of devices is to waiting pods: nothing, for what cannot help any. Source:
 * scheduling sheet 5.6.
 *
 * @param old     undefined: the object is new
 * @param object  undefined: it is gone
 */
export function storageEvents(
  kind: Kind,
  old: KubernetesObject | undefined,
  object: KubernetesObject | undefined,
): ClusterEvent[] {
  const ofDevices = DEVICES.get(kind);
  // Also what goes: a claim leaves its devices to others.
  if (ofDevices !== undefined) return ofDevices;
  if (object === undefined) return kind === VolumeAttachment ? ["VolumeAttachmentDelete"] : [];
  if (old === undefined) return ADDED.get(kind) ?? [];
  const changed = (read: (one: KubernetesObject) => unknown) => !deepEqual(read(old), read(object));
  switch (kind) {
    case PersistentVolumeClaim:
      return ["PersistentVolumeClaimUpdate"];
    case PersistentVolume:
      return changed((one) => [
        one.metadata?.labels,
        (one as V1PersistentVolume).spec,
        (one as V1PersistentVolume).status,
      ])
        ? ["PersistentVolumeUpdate"]
        : [];
    case StorageClass:
      return changed((one) => (one as V1StorageClass).allowedTopologies) ? ["StorageClassUpdate"] : [];
    case CSINode:
      return changed((one) => (one as V1CSINode).spec) ? ["CSINodeUpdate"] : [];
    case CSIDriver:
      return changed((one) => (one as V1CSIDriver).spec?.storageCapacity) ? ["CSIDriverUpdate"] : [];
    case CSIStorageCapacity:
      return changed((one) => {
        const { capacity, maximumVolumeSize, nodeTopology } = one as V1CSIStorageCapacity;
        return [capacity, maximumVolumeSize, nodeTopology];
      })
        ? ["CSIStorageCapacityUpdate"]
        : [];
    default:
      return [];
  }
}

const DEVICES: ReadonlyMap<Kind, ClusterEvent[]> = new Map<Kind, ClusterEvent[]>([
  [ResourceClaim, ["ResourceClaimUpdate"]],
  [ResourceSlice, ["ResourceSliceUpdate"]],
  [DeviceClass, ["DeviceClassUpdate"]],
]);

const ADDED: ReadonlyMap<Kind, ClusterEvent[]> = new Map<Kind, ClusterEvent[]>([
  [PersistentVolumeClaim, ["PersistentVolumeClaimAdd"]],
  [PersistentVolume, ["PersistentVolumeAdd"]],
  [StorageClass, ["StorageClassAdd"]],
  [CSINode, ["CSINodeAdd"]],
  [CSIStorageCapacity, ["CSIStorageCapacityUpdate"]],
]);
