import { isDns1123Label } from "../apimachinery/names.ts";
import { ageColumn, column, containerColumns, nameColumn } from "./columns.ts";
import type { V1StatefulSet } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { defaultClaimSpec } from "./persistent-volume-claim.ts";
import { defaultTemplate } from "./pod-template.ts";

/** Source: api-policy 5.3, 6.5; api-wire 13. */
export const statefulSetRules: KindRules<V1StatefulSet> = {
  nameErrors: isDns1123Label,
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.podManagementPolicy ||= "OrderedReady";
    spec.updateStrategy ??= {};
    const strategy = spec.updateStrategy;
    if (!strategy.type) {
      strategy.type = "RollingUpdate";
      strategy.rollingUpdate ??= {};
    }
    if (strategy.type === "RollingUpdate" && strategy.rollingUpdate) strategy.rollingUpdate.partition ??= 0;
    spec.persistentVolumeClaimRetentionPolicy ??= {};
    const retention = spec.persistentVolumeClaimRetentionPolicy;
    retention.whenDeleted ||= "Retain";
    retention.whenScaled ||= "Retain";
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    defaultTemplate(spec.template);
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion ??= "v1";
      claim.kind ??= "PersistentVolumeClaim";
      defaultClaimSpec(claim);
      claim.status ??= {};
      claim.status.phase ||= "Pending";
    }
  },
  prepareCreate(statefulSet) {
    statefulSet.status = { replicas: 0, availableReplicas: 0 };
  },
  columns: [
    nameColumn,
    column("Ready", ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    ageColumn,
    ...containerColumns<V1StatefulSet>(({ spec }) => spec?.template?.spec),
  ],
};
