import { ageColumn, column, nameColumn, UNSET, wideColumn } from "./columns.ts";
import type { V1PersistentVolume } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { formatAccessModes } from "./persistent-volume-claim.ts";
import { defaultVolumeSource } from "./pod-spec/volume-defaults.ts";
import { validateVolume, validateVolumeUpdate } from "./volume-validation.ts";

/** Source: api-policy 5.5, 6.5; api-wire 13. */
export const persistentVolumeRules: KindRules<V1PersistentVolume> = {
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.persistentVolumeReclaimPolicy ||= "Retain";
    spec.volumeMode ??= "Filesystem";
    if (spec.hostPath) spec.hostPath.type ??= "";
    defaultVolumeSource(spec as Parameters<typeof defaultVolumeSource>[0]);
  },
  prepareCreate(volume) {
    volume.status = { phase: "Pending" };
  },
  warnings: ({ spec }) =>
    spec?.persistentVolumeReclaimPolicy === "Recycle"
      ? [
          "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
        ]
      : [],
  validate: validateVolume,
  validateUpdate: validateVolumeUpdate,
  columns: [
    nameColumn,
    column("Capacity", ({ spec }) => spec?.capacity?.["storage"] ?? "0"),
    column("Access Modes", ({ spec }) => formatAccessModes(spec?.accessModes)),
    column("Reclaim Policy", ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? ""),
    column("Status", ({ metadata, status }) =>
      metadata?.deletionTimestamp ? "Terminating" : (status?.phase ?? ""),
    ),
    column("Claim", ({ spec }) =>
      spec?.claimRef ? `${spec.claimRef.namespace ?? ""}/${spec.claimRef.name ?? ""}` : "",
    ),
    column(
      "StorageClass",
      ({ metadata, spec }) =>
        metadata?.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec?.storageClassName ?? "",
    ),
    column("VolumeAttributesClass", ({ spec }) => spec?.volumeAttributesClassName ?? UNSET),
    column("Reason", ({ status }) => status?.reason ?? ""),
    ageColumn,
    wideColumn("VolumeMode", ({ spec }) => spec?.volumeMode ?? UNSET),
  ],
};
