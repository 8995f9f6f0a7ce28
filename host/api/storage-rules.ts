import { duplicate, invalid, required } from "../apimachinery/field-error.ts";
import { isDns1123Subdomain, isQualifiedName } from "../apimachinery/names.ts";
import { ageColumn, column, integerColumn, nameColumn, UNSET } from "./columns.ts";
import { checked, immutable, named, nonNegative, oneOf, present } from "./field-checks.ts";
import type {
  V1CSIDriver,
  V1CSINode,
  V1CSIStorageCapacity,
  V1StorageClass,
  V1VolumeAttachment,
  V1VolumeAttributesClass,
} from "./generated/types.ts";
import type { Column, KindRules } from "./kind.ts";
import { validateAmount } from "./pod-spec/resources.ts";

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
  validate: ({ provisioner, parameters = {}, reclaimPolicy, volumeBindingMode }) => [
    ...present("provisioner", provisioner),
    ...("" in parameters ? [invalid("parameters", "", "field can not be empty.")] : []),
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
  validate: ({ spec }) => [
    ...oneOf("spec.fsGroupPolicy", spec.fsGroupPolicy, ["File", "None", "ReadWriteOnceWithFSType"]),
    ...(spec.volumeLifecycleModes ?? []).flatMap((mode) =>
      oneOf("spec.volumeLifecycleModes", mode, ["Ephemeral", "Persistent"]),
    ),
    ...(spec.tokenRequests ?? []).flatMap(({ audience }, index, all) =>
      all.findIndex((one) => one.audience === audience) < index
        ? [duplicate(`spec.tokenRequests[${index}].audience`, audience)]
        : [],
    ),
  ],
  validateUpdate: (next, old) => [
    ...immutable("spec.attachedRequired", next.spec.attachRequired, old.spec.attachRequired),
    ...immutable("spec.volumeLifecycleModes", next.spec.volumeLifecycleModes, old.spec.volumeLifecycleModes),
  ],
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
  validate: ({ spec }) =>
    (spec.drivers ?? []).flatMap(({ name, nodeID, topologyKeys = [], allocatable }, index, drivers) => {
      const field = `spec.drivers[${index}]`;
      const isTwice = name && drivers.findIndex((one) => one.name === name) < index;
      return [
        ...named(`${field}.name`, name, isDns1123Subdomain),
        ...(isTwice ? [duplicate(`${field}.name`, name)] : []),
        ...present(`${field}.nodeID`, nodeID),
        ...nonNegative(`${field}.allocatable.count`, allocatable?.count),
        ...topologyKeys.flatMap((key) => checked(field, key, isQualifiedName(key))),
      ];
    }),
  columns: [nameColumn, integerColumn("Drivers", ({ spec }) => spec.drivers?.length), ageColumn],
};

export const storageCapacityRules: KindRules<V1CSIStorageCapacity> = {
  validate: ({ storageClassName, capacity, maximumVolumeSize }) => [
    ...named("storageClassName", storageClassName, isDns1123Subdomain),
    ...(capacity ? validateAmount("capacity", "storage", capacity) : []),
    ...(maximumVolumeSize ? validateAmount("maximumVolumeSize", "storage", maximumVolumeSize) : []),
  ],
  validateUpdate: (next, old) => [
    ...immutable("nodeTopology", next.nodeTopology, old.nodeTopology),
    ...immutable("storageClassName", next.storageClassName, old.storageClassName),
  ],
};

export const volumeAttachmentRules: KindRules<V1VolumeAttachment> = {
  validate: ({ spec: { attacher, nodeName, source } }) => {
    const sources = [source?.inlineVolumeSpec, source?.persistentVolumeName].filter(Boolean).length;
    const why = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    return [
      ...present("spec.attacher", attacher),
      ...(sources === 1 ? [] : [required("spec.source", why)]),
      ...present("spec.nodeName", nodeName),
    ];
  },
  validateUpdate: (next, old) => immutable("spec", next.spec, old.spec),
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
  validate: ({ driverName, parameters = {} }) => [
    ...named("driverName", driverName, isDns1123Subdomain),
    ...(Object.keys(parameters).length === 0
      ? [required("parameters", "must have at least one key-value pair")]
      : []),
    ...("" in parameters ? [invalid("parameters", "", "field can not be empty.")] : []),
  ],
  validateUpdate: (next, old) => [
    ...immutable("driverName", next.driverName, old.driverName),
    ...immutable("parameters", next.parameters, old.parameters),
  ],
  columns: [nameColumn, column("DriverName", ({ driverName }) => driverName), ageColumn],
};
