import {
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from "../apimachinery/field-error.ts";
import { ageColumn, column, containerColumns, formatSelector, nameColumn, wideColumn } from "./columns.ts";
import { atMostAll, countOrPercent, isZero } from "./count-or-percent.ts";
import { immutable, nonNegative } from "./field-checks.ts";
import type { V1Deployment, V1DeploymentStrategy } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { nameWarnings, podSpecWarnings } from "./pod-spec/warnings.ts";
import { defaultTemplate, validateSelectorAndTemplate } from "./pod-template.ts";

function validateStrategy({ type, rollingUpdate }: V1DeploymentStrategy): FieldError[] {
  const field = "spec.strategy";
  if (type === "Recreate") {
    const why = "may not be specified when strategy `type` is 'Recreate'";
    return rollingUpdate === undefined ? [] : [forbiddenField(`${field}.rollingUpdate`, why)];
  }
  if (type !== "RollingUpdate") {
    const shown = { Type: type ?? "", RollingUpdate: rollingUpdate ?? null };
    return [notSupported(field, shown, ["Recreate", "RollingUpdate"])];
  }
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate ?? {};
  const errors = [
    ...countOrPercent(`${field}.rollingUpdate.maxUnavailable`, maxUnavailable),
    ...countOrPercent(`${field}.rollingUpdate.maxSurge`, maxSurge),
  ];
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    const why = "may not be 0 when `maxSurge` is 0";
    errors.push(invalid(`${field}.rollingUpdate.maxUnavailable`, maxUnavailable, why));
  }
  return [...errors, ...atMostAll(`${field}.rollingUpdate.maxUnavailable`, maxUnavailable)];
}

/** Source: api-policy 5.3, 6.5; api-wire 13. */
export const deploymentRules: KindRules<V1Deployment> = {
  defaults(deployment) {
    const spec = deployment.spec;
    if (spec === undefined) return;
    spec.replicas ??= 1;
    spec.strategy ??= {};
    const strategy = spec.strategy;
    strategy.type ||= "RollingUpdate";
    if (strategy.type === "RollingUpdate") {
      strategy.rollingUpdate ??= {};
      const rolling = strategy.rollingUpdate;
      rolling.maxUnavailable ??= "25%";
      rolling.maxSurge ??= "25%";
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    defaultTemplate(spec.template);
  },
  prepareStatusUpdate(deployment, { metadata: old }) {
    deployment.metadata ??= {};
    const { metadata } = deployment;
    if (old?.labels === undefined) delete metadata.labels;
    else metadata.labels = old.labels;
  },
  validate: ({ spec }) => {
    if (spec === undefined) return [required("spec.selector")];
    const { replicas, selector, template, strategy, minReadySeconds, progressDeadlineSeconds } = spec;
    const errors = [
      ...nonNegative("spec.replicas", replicas),
      ...validateSelectorAndTemplate({ selector, template, kind: "ReplicaSet" }, "deployment"),
      ...validateStrategy(strategy ?? {}),
      ...nonNegative("spec.minReadySeconds", minReadySeconds),
      ...nonNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit),
      ...nonNegative("spec.progressDeadlineSeconds", progressDeadlineSeconds),
    ];
    if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= (minReadySeconds ?? 0)) {
      const why = "must be greater than minReadySeconds";
      errors.push(invalid("spec.progressDeadlineSeconds", progressDeadlineSeconds, why));
    }
    return errors;
  },
  warnings: (object, old) => [
    ...nameWarnings(object, old, "Pod names and hostnames"),
    ...podSpecWarnings("spec.template.spec", object.spec?.template?.spec),
  ],
  validateUpdate: (next, old) => immutable("spec.selector", next.spec?.selector, old.spec?.selector),
  columns: [
    nameColumn,
    column("Ready", ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    column("Up-to-date", ({ status }) => status?.updatedReplicas ?? 0),
    column("Available", ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    ...containerColumns<V1Deployment>(({ spec }) => spec?.template?.spec),
    wideColumn("Selector", ({ spec }) => formatSelector(spec?.selector)),
  ],
};
