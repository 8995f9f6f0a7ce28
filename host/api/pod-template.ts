import {
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from "../apimachinery/field-error.ts";
import { labelSelectorFromObject, matches } from "../apimachinery/selectors.ts";
import { validateLabelSelector } from "./field-checks.ts";
import type { V1LabelSelector, V1PodTemplate, V1PodTemplateSpec } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { validateAnnotations, validateLabels } from "./metadata.ts";
import { defaultPodSpec } from "./pod-spec/defaults.ts";
import { validatePodSpec } from "./pod-spec/validate.ts";
import { podSpecWarnings } from "./pod-spec/warnings.ts";

/** A template has the defaults of a pod spec, but not those that only a pod gets. */
export function defaultTemplate(template: V1PodTemplateSpec | undefined): void {
  if (template?.spec !== undefined) defaultPodSpec(template.spec);
}

/** Everything wrong with the template of a pod, as a thing of its own. */
export function validateTemplate(field: string, template: V1PodTemplateSpec | undefined): FieldError[] {
  const { metadata, spec } = template ?? {};
  return [
    ...validateLabels(`${field}.metadata.labels`, metadata?.labels),
    ...validateAnnotations(`${field}.metadata.annotations`, metadata?.annotations),
    ...validatePodSpec(`${field}.spec`, spec ?? { containers: [] }),
    ...((spec?.ephemeralContainers ?? []).length > 0
      ? [
          forbiddenField(
            `${field}.spec.ephemeralContainers`,
            "ephemeral containers not allowed in pod template",
          ),
        ]
      : []),
  ];
}

/** How a workload speaks of its template and of the selector that finds the pods made from it. */
export interface ServingTemplate {
  readonly selector: V1LabelSelector | undefined;
  readonly template: V1PodTemplateSpec | undefined;
  /** In the texts: `ReplicaSet`, `StatefulSet`, … */
  readonly kind: string;
}

/** The template of pods that run for ever: found by the selector, always restarted. */
export function validateServingTemplate(
  field: string,
  { selector, template, kind }: ServingTemplate,
): FieldError[] {
  const labels = template?.metadata?.labels;
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {};
  const errors = matches(labelSelectorFromObject(selector), labels)
    ? []
    : [invalid(`${field}.metadata.labels`, labels, "`selector` does not match template `labels`")];
  errors.push(...validateTemplate(field, template));
  if (restartPolicy && restartPolicy !== "Always")
    errors.push(notSupported(`${field}.spec.restartPolicy`, restartPolicy, ["Always"]));
  if (activeDeadlineSeconds !== undefined) {
    const why = `activeDeadlineSeconds in ${kind} is not Supported`;
    errors.push(forbiddenField(`${field}.spec.activeDeadlineSeconds`, why));
  }
  return errors;
}

/**
 * Selector and template of a Deployment and its like under `spec`. A selector that cannot be read hides what is wrong
 * with the template, as in Kubernetes. `emptyText` ends `empty selector is invalid for …`.
 */
export function validateSelectorAndTemplate(serving: ServingTemplate, emptyText: string): FieldError[] {
  const { selector } = serving;
  const unreadable = validateLabelSelector("spec.selector", selector);
  const errors = selector === undefined ? [required("spec.selector")] : [...unreadable];
  if (selector !== undefined && isEmptySelector(selector))
    errors.push(invalid("spec.selector", selector, `empty selector is invalid for ${emptyText}`));
  if (unreadable.length > 0) return [...errors, invalid("spec.selector", selector, "invalid label selector")];
  return [...errors, ...validateServingTemplate("spec.template", serving)];
}

export function isEmptySelector(selector: V1LabelSelector): boolean {
  return (
    Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0
  );
}

export const podTemplateRules: KindRules<V1PodTemplate> = {
  defaults(object) {
    defaultTemplate(object.template);
  },
  warnings: ({ template }) => podSpecWarnings("template.spec", template?.spec),
  validate: ({ template }) => validateTemplate("template", template),
};
