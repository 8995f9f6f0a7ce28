import { duplicate, type FieldError, invalid, required, tooMany } from "../apimachinery/field-error.ts";
import { isDns1123Label, isDns1123Subdomain, isPathSegmentName } from "../apimachinery/names.ts";
import { checked, immutable, named } from "./field-checks.ts";
import type {
  V1alpha2PodGroup,
  V1alpha2PodGroupSchedulingPolicy,
  V1alpha2PodGroupTemplate,
  V1alpha2PodGroupTemplateReference,
  V1alpha2TypedLocalObjectReference,
  V1alpha2Workload,
} from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** Pod groups that one Workload may be the pattern of. */
const MAX_TEMPLATES = 8;

/** Fields of features that this server has not got: as with their gates off, they are dropped, and nobody is told. */
const DISABLED = [
  "schedulingConstraints",
  "resourceClaims",
  "disruptionMode",
  "priorityClassName",
  "priority",
] as const;

/** Source: scheduling sheet 7.1; the rules that the types of scheduling.k8s.io/v1alpha2 declare. */
export const workloadRules: KindRules<V1alpha2Workload> = {
  prepareCreate: (workload) => dropFromTemplates(workload),
  prepareUpdate: (workload) => dropFromTemplates(workload),
  validate: ({ spec }) => [
    ...(spec?.controllerRef ? validateController("spec.controllerRef", spec.controllerRef) : []),
    ...validateTemplates("spec.podGroupTemplates", spec?.podGroupTemplates ?? []),
  ],
  validateUpdate: ({ spec }, { spec: old }) => [
    ...immutable("spec.controllerRef", spec?.controllerRef, old?.controllerRef),
    ...immutable("spec.podGroupTemplates", spec?.podGroupTemplates, old?.podGroupTemplates),
  ],
};

export const podGroupRules: KindRules<V1alpha2PodGroup> = {
  prepareCreate: ({ spec }) => dropDisabled(spec),
  prepareUpdate: ({ spec }) => dropDisabled(spec),
  prepareStatusUpdate({ status }) {
    delete status?.resourceClaimStatuses;
  },
  validate: ({ spec }) => [
    ...validateTemplateReference("spec.podGroupTemplateRef", spec?.podGroupTemplateRef),
    ...validatePolicy("spec.schedulingPolicy", spec?.schedulingPolicy),
  ],
  validateUpdate: ({ spec }, { spec: old }) => [
    ...immutable("spec.podGroupTemplateRef", spec?.podGroupTemplateRef, old?.podGroupTemplateRef),
    ...immutable("spec.schedulingPolicy", spec?.schedulingPolicy, old?.schedulingPolicy),
  ],
};

function dropFromTemplates({ spec }: V1alpha2Workload): void {
  for (const template of spec?.podGroupTemplates ?? []) dropDisabled(template);
}

function dropDisabled(spec: Partial<Record<(typeof DISABLED)[number], unknown>> | undefined): void {
  if (spec !== undefined) for (const field of DISABLED) delete spec[field];
}

function validateController(
  field: string,
  { apiGroup, kind, name }: V1alpha2TypedLocalObjectReference,
): FieldError[] {
  return [
    ...(apiGroup ? checked(`${field}.apiGroup`, apiGroup, isDns1123Subdomain(apiGroup)) : []),
    ...named(`${field}.kind`, kind, isPathSegmentName),
    ...named(`${field}.name`, name, isPathSegmentName),
  ];
}

function validateTemplates(field: string, templates: readonly V1alpha2PodGroupTemplate[]): FieldError[] {
  if (templates.length === 0) return [required(field)];
  if (templates.length > MAX_TEMPLATES) return [tooMany(field, templates.length, MAX_TEMPLATES)];
  const names = templates.map(({ name }) => name);
  return templates.flatMap((template, index) => {
    const path = `${field}[${index}]`;
    return [
      ...(names.indexOf(template.name) < index ? [duplicate(path, { name: template.name })] : []),
      ...named(`${path}.name`, template.name, isDns1123Label),
      ...validatePolicy(`${path}.schedulingPolicy`, template.schedulingPolicy),
    ];
  });
}

function validatePolicy(field: string, policy: V1alpha2PodGroupSchedulingPolicy | undefined): FieldError[] {
  const { basic, gang } = policy ?? {};
  if (basic !== undefined && gang !== undefined)
    return [invalid(field, "{basic, gang}", "must specify exactly one of: `basic`, `gang`")];
  if (gang === undefined)
    return basic === undefined ? [invalid(field, "", "must specify one of: `basic`, `gang`")] : [];
  const minCount = gang.minCount ?? 0;
  // Zero is what Go reads where nothing stands.
  if (minCount === 0) return [required(`${field}.gang.minCount`)];
  return minCount < 0
    ? [invalid(`${field}.gang.minCount`, minCount, "must be greater than or equal to 1")]
    : [];
}

function validateTemplateReference(
  field: string,
  reference: V1alpha2PodGroupTemplateReference | undefined,
): FieldError[] {
  if (reference === undefined) return [];
  const { workload } = reference;
  if (workload === undefined) return [invalid(field, "", "must specify one of: `workload`")];
  return [
    ...named(`${field}.workload.workloadName`, workload.workloadName, isDns1123Subdomain),
    ...named(`${field}.workload.podGroupTemplateName`, workload.podGroupTemplateName, isDns1123Label),
  ];
}
