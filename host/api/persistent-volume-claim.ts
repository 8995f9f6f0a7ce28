import { ageColumn, column, nameColumn, UNSET, wideColumn } from "./columns.ts";
import type { V1PersistentVolumeClaim, V1PersistentVolumeClaimTemplate } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { validateClaim, validateClaimUpdate } from "./volume-validation.ts";

const SHORT_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};

/** `RWO,ROX`, in the order Kubernetes knows them, each once. */
export function formatAccessModes(modes: readonly string[] | undefined): string {
  return Object.entries(SHORT_MODES)
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(",");
}

/** Of claims, and of the templates of claims in stateful sets and pods. */
export function defaultClaimSpec({
  spec,
}: Pick<V1PersistentVolumeClaim | V1PersistentVolumeClaimTemplate, "spec">): void {
  if (spec !== undefined) spec.volumeMode ??= "Filesystem";
}

/** Source: api-policy 5.5, 6.5; api-wire 13. */
export const persistentVolumeClaimRules: KindRules<V1PersistentVolumeClaim> = {
  defaults(claim) {
    defaultClaimSpec(claim);
    const { spec } = claim;
    if (spec === undefined) return;
    // The two data sources mirror each other; the older one cannot name another namespace.
    if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
    else if (spec.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace) {
      const { namespace: _namespace, ...dataSource } = spec.dataSourceRef;
      spec.dataSource = dataSource;
    }
  },
  prepareCreate(claim) {
    claim.status = { phase: "Pending" };
  },
  validate: validateClaim,
  validateUpdate: validateClaimUpdate,
  columns: [
    nameColumn,
    column("Status", ({ metadata, status }) =>
      metadata?.deletionTimestamp ? "Terminating" : (status?.phase ?? ""),
    ),
    column("Volume", ({ spec }) => spec?.volumeName ?? ""),
    column("Capacity", ({ spec, status }) =>
      spec?.volumeName ? (status?.capacity?.["storage"] ?? "0") : "",
    ),
    column("Access Modes", ({ spec, status }) =>
      spec?.volumeName ? formatAccessModes(status?.accessModes) : "",
    ),
    column(
      "StorageClass",
      ({ metadata, spec }) =>
        metadata?.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec?.storageClassName ?? "",
    ),
    column("VolumeAttributesClass", ({ spec }) => spec?.volumeAttributesClassName ?? UNSET),
    ageColumn,
    wideColumn("VolumeMode", ({ spec }) => spec?.volumeMode ?? UNSET),
  ],
};
