import type { V1PodTemplate, V1PodTemplateSpec } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { defaultPodSpec } from "./pod-spec/defaults.ts";

/** A template has the defaults of a pod spec, but not those that only a pod gets. */
export function defaultTemplate(template: V1PodTemplateSpec | undefined): void {
  if (template?.spec !== undefined) defaultPodSpec(template.spec);
}

export const podTemplateRules: KindRules<V1PodTemplate> = {
  defaults(object) {
    defaultTemplate(object.template);
  },
};
