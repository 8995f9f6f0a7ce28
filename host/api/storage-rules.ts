import { ageColumn, column, integerColumn, nameColumn, UNSET } from "./columns.ts";
import { immutable, oneOf, present } from "./field-checks.ts";
import type {
  V1CSIDriver,
  V1CSINode,
  V1StorageClass,
  V1VolumeAttachment,
  V1VolumeAttributesClass,
} from "./generated/types.ts";
import type { Column, KindRules } from "./kind.ts";

const DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";

function booleanColumn<T>(name: string, cell: (object: T) => boolean | undefined): Column<T> {
  return column(name, (object: T) => cell(object) ?? false, { type: "boolean" });
}

/** Source: api-policy 5.5, 6.5; api-wire 13. */
export const storageClassRules: KindRules<V1StorageClass> = {
  defaults(storageClass) {
    storageClass.reclaimPolicy ??= "Delete";
    storageClass.volumeBindingMode ??= "Immediate";
  },
  validate: ({ provisioner, reclaimPolicy, volumeBindingMode }) => [
    ...present("provisioner", provisioner),
    ...oneOf("reclaimPolicy", reclaimPolicy, ["Delete", "Retain"]),
    ...oneOf("volumeBindingMode", volumeBindingMode, ["Immediate", "WaitForFirstConsumer"]),
  ],
  validateUpdate: (next, old) => [
    ...immutable("parameters", next.parameters, old.parameters),
    ...immutable("provisioner", next.provisioner, old.provisioner),
    ...immutable("reclaimPolicy", next.reclaimPolicy, old.reclaimPolicy),
    ...immutable("volumeBindingMode", next.volumeBindingMode, old.volumeBindingMode),
  ],
  columns: [
    column(
      "Name",
      ({ metadata }) =>
        metadata?.annotations?.[DEFAULT_CLASS] === "true"
          ? `${metadata.name} (default)`
          : (metadata?.name ?? ""),
      { format: "name" },
    ),
    column("Provisioner", ({ provisioner }) => provisioner),
    column("ReclaimPolicy", ({ reclaimPolicy }) => reclaimPolicy ?? "Delete"),
    column("VolumeBindingMode", ({ volumeBindingMode }) => volumeBindingMode ?? "Immediate"),
    column("AllowVolumeExpansion", ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false),
    ageColumn,
  ],
};

export const csiDriverRules: KindRules<V1CSIDriver> = {
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ["Persistent"];
    spec.fsGroupPolicy ??= "ReadWriteOnceWithFSType";
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  columns: [
    nameColumn,
    booleanColumn("AttachRequired", ({ spec }) => spec.attachRequired ?? true),
    booleanColumn("PodInfoOnMount", ({ spec }) => spec.podInfoOnMount),
    booleanColumn("StorageCapacity", ({ spec }) => spec.storageCapacity),
    column("TokenRequests", ({ spec }) => spec.tokenRequests?.map((one) => one.audience).join(",") || UNSET),
    booleanColumn("RequiresRepublish", ({ spec }) => spec.requiresRepublish),
    column("Modes", ({ spec }) => spec.volumeLifecycleModes?.join(",") || "<none>"),
    ageColumn,
  ],
};

export const csiNodeRules: KindRules<V1CSINode> = {
  columns: [nameColumn, integerColumn("Drivers", ({ spec }) => spec.drivers?.length), ageColumn],
};

export const volumeAttachmentRules: KindRules<V1VolumeAttachment> = {
  columns: [
    nameColumn,
    column("Attacher", ({ spec }) => spec.attacher),
    column("PV", ({ spec }) => spec.source.persistentVolumeName ?? ""),
    column("Node", ({ spec }) => spec.nodeName),
    booleanColumn("Attached", ({ status }) => status?.attached),
    ageColumn,
  ],
};

export const volumeAttributesClassRules: KindRules<V1VolumeAttributesClass> = {
  columns: [nameColumn, column("DriverName", ({ driverName }) => driverName), ageColumn],
};
