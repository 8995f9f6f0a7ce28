import { type FieldError, forbiddenField, invalid, notSupported } from "../apimachinery/field-error.ts";
import { labelSelectorFromObject, matches } from "../apimachinery/selectors.ts";
import type { V1LabelSelector, V1PodTemplate, V1PodTemplateSpec } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { validateAnnotations, validateLabels } from "./metadata.ts";
import { defaultPodSpec } from "./pod-spec/defaults.ts";
import { validatePodSpec } from "./pod-spec/validate.ts";

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

/** Also that the selector finds the pods made from it, and that they are restarted for ever. */
export function validateServingTemplate(
  field: string,
  template: V1PodTemplateSpec | undefined,
  selector: V1LabelSelector | undefined,
): FieldError[] {
  const labels = template?.metadata?.labels ?? {};
  const isFound =
    selector !== undefined &&
    !isEmptySelector(selector) &&
    matches(labelSelectorFromObject(selector), labels);
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {};
  return [
    ...(isFound
      ? []
      : [
          invalid(
            `${field}.metadata.labels`,
            Object.keys(labels).length > 0 ? labels : null,
            "`selector` does not match template `labels`",
          ),
        ]),
    ...validateTemplate(field, template),
    ...(restartPolicy !== undefined && restartPolicy !== "Always" && restartPolicy !== ""
      ? [notSupported(`${field}.spec.restartPolicy`, restartPolicy, ["Always"])]
      : []),
    ...(activeDeadlineSeconds !== undefined
      ? [
          forbiddenField(
            `${field}.spec.activeDeadlineSeconds`,
            "activeDeadlineSeconds in ReplicaSet is not Supported",
          ),
        ]
      : []),
  ];
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
  validate: ({ template }) => validateTemplate("template", template),
};
