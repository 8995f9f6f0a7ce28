import { required } from "../apimachinery/field-error.ts";
import {
  ageColumn,
  containerColumns,
  formatLabels,
  formatSelector,
  integerColumn,
  nameColumn,
  wideColumn,
} from "./columns.ts";
import { immutable, nonNegative } from "./field-checks.ts";
import type { V1ReplicaSet, V1ReplicationController } from "./generated/types.ts";
import type { Column, KindRules } from "./kind.ts";
import { nameWarnings, podSpecWarnings } from "./pod-spec/warnings.ts";
import { defaultTemplate, validateSelectorAndTemplate, validateServingTemplate } from "./pod-template.ts";

type Replicated = V1ReplicaSet | V1ReplicationController;

function replicaColumns<T extends Replicated>(): readonly Column<T>[] {
  return [
    nameColumn,
    integerColumn("Desired", ({ spec }) => spec?.replicas),
    integerColumn("Current", ({ status }) => status?.replicas),
    integerColumn("Ready", ({ status }) => status?.readyReplicas),
    ageColumn,
    ...containerColumns<T>(({ spec }) => spec?.template?.spec),
  ];
}

/** Source: api-policy 5.3, 6.5; api-wire 13. */
export const replicaSetRules: KindRules<V1ReplicaSet> = {
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.replicas ??= 1;
    defaultTemplate(spec.template);
  },
  prepareCreate: startStatus,
  warnings: (object, old) => [
    ...nameWarnings(object, old, "Pod names and hostnames"),
    ...podSpecWarnings("spec.template.spec", object.spec?.template?.spec),
  ],
  validate({ spec }) {
    if (spec === undefined) return [required("spec.selector")];
    const { selector, template } = spec;
    return [
      ...nonNegative("spec.replicas", spec.replicas),
      ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
      // Kubernetes says "deployment" here too.
      ...validateSelectorAndTemplate({ selector, template, kind: "ReplicaSet" }, "deployment"),
    ];
  },
  validateUpdate: (next, old) => immutable("spec.selector", next.spec?.selector, old.spec?.selector),
  columns: [
    ...replicaColumns<V1ReplicaSet>(),
    wideColumn("Selector", ({ spec }) => formatSelector(spec?.selector)),
  ],
};

/** The first of its line: a selector is labels only, and both selector and labels may come from the template. */
export const replicationControllerRules: KindRules<V1ReplicationController> = {
  defaults({ metadata, spec }) {
    if (spec === undefined) return;
    spec.replicas ??= 1;
    const labels = spec.template?.metadata?.labels;
    if (labels !== undefined) {
      if (isEmpty(spec.selector)) spec.selector = { ...labels };
      if (metadata !== undefined && isEmpty(metadata.labels)) metadata.labels = { ...labels };
    }
    defaultTemplate(spec.template);
  },
  prepareCreate: startStatus,
  warnings: (object, old) => [
    ...nameWarnings(object, old, "Pod names and hostnames"),
    ...podSpecWarnings("spec.template.spec", object.spec?.template?.spec),
  ],
  validate({ spec }) {
    const errors = [
      ...nonNegative("spec.minReadySeconds", spec?.minReadySeconds),
      ...(isEmpty(spec?.selector) ? [required("spec.selector")] : []),
      ...nonNegative("spec.replicas", spec?.replicas),
    ];
    if (spec?.template === undefined) return [...errors, required("spec.template")];
    const selector = { matchLabels: spec.selector };
    const serving = { selector, template: spec.template, kind: "ReplicationController" };
    return [...errors, ...validateServingTemplate("spec.template", serving)];
  },
  columns: [
    ...replicaColumns<V1ReplicationController>(),
    wideColumn("Selector", ({ spec }) => formatLabels(spec?.selector)),
  ],
  selectableFieldNames: ["status.replicas"],
  selectableFields: ({ status }) => ({ "status.replicas": String(status?.replicas ?? 0) }),
};

function startStatus(object: Replicated): void {
  object.status = { replicas: 0 };
}

function isEmpty(labels: Readonly<Record<string, string>> | undefined): boolean {
  return labels === undefined || Object.keys(labels).length === 0;
}
