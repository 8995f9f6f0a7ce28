import { deepEqual } from "../apimachinery/copy.ts";
import { type FieldError, invalid, notSupported, required } from "../apimachinery/field-error.ts";
import {
  ageColumn,
  column,
  containerColumns,
  formatLabels,
  formatSelector,
  integerColumn,
  nameColumn,
  wideColumn,
} from "./columns.ts";
import { atMostAll, countOrPercent, isZero } from "./count-or-percent.ts";
import { immutable, nonNegative, validateLabelSelector } from "./field-checks.ts";
import type { V1DaemonSet, V1DaemonSetUpdateStrategy } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { podSpecWarnings } from "./pod-spec/warnings.ts";
import {
  defaultTemplate,
  isEmptySelector,
  validateServingTemplate,
  validateTemplate,
} from "./pod-template.ts";

/** Counts the changes of the template; a leftover of extensions/v1beta1 that the API server still keeps. */
const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

function validateUpdateStrategy({ type, rollingUpdate }: V1DaemonSetUpdateStrategy): FieldError[] {
  const field = "spec.updateStrategy";
  if (type === "OnDelete") return [];
  if (type !== "RollingUpdate") {
    const shown = { Type: type ?? "", RollingUpdate: rollingUpdate ?? null };
    return [notSupported(field, shown, ["RollingUpdate", "OnDelete"])];
  }
  const { maxUnavailable, maxSurge } = rollingUpdate ?? {};
  const errors: FieldError[] = [];
  if (!isZero(maxUnavailable) && !isZero(maxSurge)) {
    const why = "may not be set when maxUnavailable is non-zero";
    errors.push(invalid(`${field}.rollingUpdate.maxSurge`, maxSurge, why));
  } else if (isZero(maxUnavailable) && isZero(maxSurge))
    errors.push(required(`${field}.rollingUpdate.maxUnavailable`, "cannot be 0 when maxSurge is 0"));
  for (const [name, value] of Object.entries({ maxUnavailable, maxSurge }))
    errors.push(
      ...countOrPercent(`${field}.rollingUpdate.${name}`, value),
      ...atMostAll(`${field}.rollingUpdate.${name}`, value),
    );
  return errors;
}

/** Source: api-policy 5.3, 6.5; api-wire 13. */
export const daemonSetRules: KindRules<V1DaemonSet> = {
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.updateStrategy ??= {};
    const strategy = spec.updateStrategy;
    strategy.type ||= "RollingUpdate";
    if (strategy.type === "RollingUpdate") {
      strategy.rollingUpdate ??= {};
      const rolling = strategy.rollingUpdate;
      rolling.maxUnavailable ??= 1;
      rolling.maxSurge ??= 0;
    }
    spec.revisionHistoryLimit ??= 10;
    defaultTemplate(spec.template);
  },
  prepareCreate(daemonSet) {
    setTemplateGeneration(daemonSet, 1);
    daemonSet.status = {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    };
  },
  prepareUpdate(daemonSet, old) {
    const before = Number(old.metadata?.annotations?.[TEMPLATE_GENERATION] ?? 0);
    const changed = !deepEqual(daemonSet.spec?.template, old.spec?.template);
    setTemplateGeneration(daemonSet, changed ? before + 1 : before);
  },
  warnings: ({ spec }) => podSpecWarnings("spec.template.spec", spec?.template?.spec),
  validate({ spec }) {
    const { selector, template, updateStrategy } = spec ?? {};
    const errors = validateLabelSelector("spec.selector", selector);
    if (selector !== undefined && isEmptySelector(selector))
      errors.push(invalid("spec.selector", selector, "empty selector is invalid for daemonset"));
    if (errors.length > 0) return [...errors, ...validateTemplate("spec.template", template)];
    return [
      ...validateServingTemplate("spec.template", { selector, template, kind: "DaemonSet" }),
      ...nonNegative("spec.minReadySeconds", spec?.minReadySeconds),
      ...validateUpdateStrategy(updateStrategy ?? {}),
      ...nonNegative("spec.revisionHistoryLimit", spec?.revisionHistoryLimit),
    ];
  },
  validateUpdate: (next, old) => immutable("spec.selector", next.spec?.selector, old.spec?.selector),
  columns: [
    nameColumn,
    integerColumn("Desired", ({ status }) => status?.desiredNumberScheduled),
    integerColumn("Current", ({ status }) => status?.currentNumberScheduled),
    integerColumn("Ready", ({ status }) => status?.numberReady),
    integerColumn("Up-to-date", ({ status }) => status?.updatedNumberScheduled),
    integerColumn("Available", ({ status }) => status?.numberAvailable),
    column("Node Selector", ({ spec }) => formatLabels(spec?.template?.spec?.nodeSelector)),
    ageColumn,
    ...containerColumns<V1DaemonSet>(({ spec }) => spec?.template?.spec),
    wideColumn("Selector", ({ spec }) => formatSelector(spec?.selector)),
  ],
};

function setTemplateGeneration(daemonSet: V1DaemonSet, generation: number): void {
  daemonSet.metadata ??= {};
  const metadata = daemonSet.metadata;
  metadata.annotations = { ...metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
}
