import { kindsOf } from "./define-kind.ts";
import { resourceClaimRules, resourceClaimTemplateRules, resourceSliceRules } from "./device-rules.ts";
import type * as t from "./generated/types.ts";
import { nameAndAge } from "./plain-columns.ts";
import {
  csiDriverRules,
  csiNodeRules,
  storageCapacityRules,
  storageClassRules,
  volumeAttachmentRules,
  volumeAttributesClassRules,
} from "./storage-rules.ts";

/** Storage classes, drivers and attachments, and the devices of dynamic resource allocation. */
const storage = kindsOf("storage.k8s.io", "v1");
const resource = kindsOf("resource.k8s.io", "v1");

export const CSIDriver = storage<t.V1CSIDriver>({
  kind: "CSIDriver",
  plural: "csidrivers",
  cluster: true,
  requiresResourceVersion: true,
  generation: true,
  ...csiDriverRules,
});

export const CSINode = storage<t.V1CSINode>({
  kind: "CSINode",
  plural: "csinodes",
  cluster: true,
  requiresResourceVersion: true,
  ...csiNodeRules,
});

export const CSIStorageCapacity = storage<t.V1CSIStorageCapacity>({
  kind: "CSIStorageCapacity",
  plural: "csistoragecapacities",
  requiresResourceVersion: true,
  ...storageCapacityRules,
});

export const StorageClass = storage<t.V1StorageClass>({
  kind: "StorageClass",
  plural: "storageclasses",
  cluster: true,
  shortNames: ["sc"],
  ...storageClassRules,
});

export const VolumeAttachment = storage<t.V1VolumeAttachment>({
  kind: "VolumeAttachment",
  plural: "volumeattachments",
  cluster: true,
  subresources: ["status"],
  requiresResourceVersion: true,
  generation: true,
  ...volumeAttachmentRules,
});

export const VolumeAttributesClass = storage<t.V1VolumeAttributesClass>({
  kind: "VolumeAttributesClass",
  plural: "volumeattributesclasses",
  cluster: true,
  shortNames: ["vac"],
  ...volumeAttributesClassRules,
});

export const DeviceClass = resource<t.V1DeviceClass>({
  kind: "DeviceClass",
  plural: "deviceclasses",
  cluster: true,
  generation: true,
  ...nameAndAge,
});

export const ResourceClaim = resource<t.ResourceV1ResourceClaim>({
  kind: "ResourceClaim",
  plural: "resourceclaims",
  subresources: ["status"],
  ...resourceClaimRules,
});

export const ResourceClaimTemplate = resource<t.V1ResourceClaimTemplate>({
  kind: "ResourceClaimTemplate",
  plural: "resourceclaimtemplates",
  ...resourceClaimTemplateRules,
});

export const ResourceSlice = resource<t.V1ResourceSlice>({
  kind: "ResourceSlice",
  plural: "resourceslices",
  cluster: true,
  generation: true,
  ...resourceSliceRules,
});
