import { deepEqual } from "../apimachinery/copy.ts";
import { type FieldError, forbiddenField, invalid, required } from "../apimachinery/field-error.ts";
import { isDns1123Label } from "../apimachinery/names.ts";
import { ageColumn, column, containerColumns, nameColumn } from "./columns.ts";
import { atMostAll, countOrPercent, isZero } from "./count-or-percent.ts";
import { checked, nonNegative, oneOf } from "./field-checks.ts";
import type { V1StatefulSet, V1StatefulSetSpec, V1StatefulSetUpdateStrategy } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { defaultClaimSpec } from "./persistent-volume-claim.ts";
import { podSpecWarnings } from "./pod-spec/warnings.ts";
import { defaultTemplate, validateSelectorAndTemplate } from "./pod-template.ts";

const CHANGEABLE = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
] as const satisfies readonly (keyof V1StatefulSetSpec)[];

const ONLY_THESE =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', " +
  "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

function present(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function validateUpdateStrategy({ type, rollingUpdate }: V1StatefulSetUpdateStrategy): FieldError[] {
  const field = "spec.updateStrategy";
  const { partition, maxUnavailable } = rollingUpdate ?? {};
  const shown = { Partition: partition ?? 0, MaxUnavailable: maxUnavailable ?? null };
  if (type === "OnDelete") {
    const why = "only allowed for updateStrategy 'RollingUpdate'";
    return rollingUpdate === undefined ? [] : [invalid(`${field}.rollingUpdate`, shown, why)];
  }
  if (type !== "RollingUpdate") {
    const whole = { Type: type ?? "", RollingUpdate: rollingUpdate === undefined ? null : shown };
    return [invalid(field, whole, "must be 'RollingUpdate' or 'OnDelete'")];
  }
  const none = isZero(maxUnavailable) && maxUnavailable !== undefined;
  return [
    ...nonNegative(`${field}.rollingUpdate.partition`, partition),
    ...countOrPercent(`${field}.rollingUpdate.maxUnavailable`, maxUnavailable),
    ...(none ? [invalid(`${field}.rollingUpdate.maxUnavailable`, maxUnavailable, "cannot be 0")] : []),
    ...atMostAll(`${field}.rollingUpdate.maxUnavailable`, maxUnavailable),
  ];
}

function validateRetention(policy: { whenDeleted?: string; whenScaled?: string }): FieldError[] {
  const field = "spec.persistentVolumeClaimRetentionPolicy";
  return [
    ...oneOf(`${field}.whenDeleted`, policy.whenDeleted, ["Retain", "Delete"]),
    ...oneOf(`${field}.whenScaled`, policy.whenScaled, ["Retain", "Delete"]),
  ];
}

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
  warnings: ({ spec }) => podSpecWarnings("spec.template.spec", spec?.template?.spec),
  validate({ spec }) {
    if (spec === undefined) return [required("spec.selector")];
    const { podManagementPolicy, selector, template, ordinals, serviceName } = spec;
    const known = podManagementPolicy === "OrderedReady" || podManagementPolicy === "Parallel";
    const why = "must be 'OrderedReady' or 'Parallel'";
    return [
      ...(known ? [] : [invalid("spec.podManagementPolicy", podManagementPolicy, why)]),
      ...validateUpdateStrategy(spec.updateStrategy ?? {}),
      ...validateRetention(spec.persistentVolumeClaimRetentionPolicy ?? {}),
      ...nonNegative("spec.replicas", spec.replicas),
      ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
      ...nonNegative("spec.ordinals.start", ordinals?.start),
      ...validateSelectorAndTemplate({ selector, template, kind: "StatefulSet" }, "statefulset"),
      ...(serviceName ? checked("spec.serviceName", serviceName, isDns1123Label(serviceName)) : []),
      ...nonNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit),
    ];
  },
  validateUpdate(next, old) {
    const kept: Partial<V1StatefulSetSpec> = { ...next.spec };
    for (const name of CHANGEABLE) Object.assign(kept, { [name]: old.spec?.[name] });
    return deepEqual(present(kept), present({ ...old.spec })) ? [] : [forbiddenField("spec", ONLY_THESE)];
  },
  columns: [
    nameColumn,
    column("Ready", ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    ageColumn,
    ...containerColumns<V1StatefulSet>(({ spec }) => spec?.template?.spec),
  ],
};
