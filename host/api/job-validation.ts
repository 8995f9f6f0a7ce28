import { deepEqual } from "../apimachinery/copy.ts";
import { type FieldError, invalid, notSupported, required } from "../apimachinery/field-error.ts";
import { isDns1123Subdomain } from "../apimachinery/names.ts";
import { labelSelectorFromObject, matches } from "../apimachinery/selectors.ts";
import { checked, immutable, nonNegative, oneOf, validateLabelSelector } from "./field-checks.ts";
import type { V1Job, V1JobSpec, V1PodFailurePolicyRule } from "./generated/types.ts";
import { validateTemplate } from "./pod-template.ts";

const MAX_INDEXED_PARALLELISM = 100_000;
const MAX_FAILURE_RULES = 20;
const MAX_LABEL_BYTES = 63;

/** Source: api-policy 6.5 (k8s.io/kubernetes/pkg/apis/batch/validation). */
export function validateJob({ metadata, spec }: V1Job): FieldError[] {
  if (spec === undefined) return [required("spec.template")];
  const errors = validateJobSpec("spec", spec);
  const labels = spec.template?.metadata?.labels;
  if (spec.selector === undefined) errors.push(required("spec.selector"));
  else {
    errors.push(...validateLabelSelector("spec.selector", spec.selector));
    if (errors.length === 0 && !matches(labelSelectorFromObject(spec.selector), labels)) {
      const why = "`selector` does not match template `labels`";
      errors.push(invalid("spec.template.metadata.labels", labels, why));
    }
  }
  // The name becomes the value of a label of the pods, which is shorter than a name may be.
  const name = metadata?.name ?? "";
  if (name.length > MAX_LABEL_BYTES)
    errors.push(invalid("spec.template.labels", name, "must be no more than 63 bytes"));
  return errors;
}

/** Also of the Jobs that a CronJob makes, whose selector does not exist yet. */
export function validateJobSpec(field: string, spec: V1JobSpec): FieldError[] {
  const counters = [
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "maxFailedIndexes",
    "backoffLimitPerIndex",
  ] as const;
  return [
    ...counters.flatMap((name) => nonNegative(`${field}.${name}`, spec[name])),
    ...validateIndexing(field, spec),
    ...validateFailurePolicy(field, spec),
    ...(spec.managedBy === undefined ? [] : validateManager(`${field}.managedBy`, spec.managedBy)),
    ...validateTemplate(`${field}.template`, spec.template),
    ...validateRestartPolicy(field, spec),
  ];
}

function validateIndexing(field: string, spec: V1JobSpec): FieldError[] {
  const { completionMode, completions, parallelism = 0, backoffLimitPerIndex, successPolicy } = spec;
  const errors = oneOf(`${field}.completionMode`, completionMode, ["NonIndexed", "Indexed"]);
  if (completionMode === "Indexed") {
    if (completions === undefined)
      errors.push(required(`${field}.completions`, "when completion mode is Indexed"));
    if (parallelism > MAX_INDEXED_PARALLELISM) {
      const why = "must be less than or equal to 100000 when completion mode is Indexed";
      errors.push(invalid(`${field}.parallelism`, parallelism, why));
    }
    return errors;
  }
  const why = "requires indexed completion mode";
  if (backoffLimitPerIndex !== undefined)
    errors.push(invalid(`${field}.backoffLimitPerIndex`, backoffLimitPerIndex, why));
  if (successPolicy !== undefined) errors.push(invalid(`${field}.successPolicy`, successPolicy, why));
  return errors;
}

function validateFailurePolicy(field: string, spec: V1JobSpec): FieldError[] {
  const policies = spec.podFailurePolicy ? ["Failed"] : ["Failed", "TerminatingOrFailed"];
  const errors = oneOf(`${field}.podReplacementPolicy`, spec.podReplacementPolicy, policies);
  const rules = spec.podFailurePolicy?.rules ?? [];
  if (rules.length > MAX_FAILURE_RULES) {
    const message = `Too many: ${rules.length}: must have at most ${MAX_FAILURE_RULES} items`;
    errors.push({ reason: "FieldValueTooMany", field: `${field}.podFailurePolicy.rules`, message });
  }
  return [
    ...errors,
    ...rules.flatMap((rule, index) =>
      validateFailureRule(`${field}.podFailurePolicy.rules[${index}]`, rule, spec),
    ),
  ];
}

function validateFailureRule(field: string, rule: V1PodFailurePolicyRule, spec: V1JobSpec): FieldError[] {
  const errors = oneOf(`${field}.action`, rule.action ?? "", ["Count", "FailIndex", "FailJob", "Ignore"]);
  if (rule.action === "FailIndex" && spec.backoffLimitPerIndex === undefined)
    errors.push(invalid(`${field}.action`, rule.action, "requires the backoffLimitPerIndex to be set"));
  const { onExitCodes, onPodConditions } = rule;
  if (!onExitCodes && !onPodConditions?.length) {
    const why = "specifying one of OnExitCodes and OnPodConditions is required";
    errors.push(invalid(field, rule, why));
  }
  const { operator, values = [] } = onExitCodes ?? {};
  errors.push(...oneOf(`${field}.onExitCodes.operator`, operator, ["In", "NotIn"]));
  if (operator === "In")
    for (const [index, value] of values.entries())
      if (value === 0) {
        const path = `${field}.onExitCodes.values[${index}]`;
        errors.push(invalid(path, value, "must not be 0 for the In operator"));
      }
  return errors;
}

/** `acme.io/foo` */
export function validateManager(field: string, name: string): FieldError[] {
  const [domain = "", path = ""] = [name.slice(0, name.indexOf("/")), name.slice(name.indexOf("/") + 1)];
  if (!name.includes("/") || path === "")
    return [invalid(field, name, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  return checked(field, domain, isDns1123Subdomain(domain));
}

function validateRestartPolicy(field: string, { template, podFailurePolicy }: V1JobSpec): FieldError[] {
  const path = `${field}.template.spec.restartPolicy`;
  const policy = template?.spec?.restartPolicy;
  if (!policy || policy === "Always") return [required(path, 'valid values: "OnFailure", "Never"')];
  if (policy !== "OnFailure" && policy !== "Never")
    return [notSupported(path, policy, ["OnFailure", "Never"])];
  if (podFailurePolicy && policy !== "Never")
    return [invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')];
  return [];
}

const IMMUTABLE = [
  "completionMode",
  "podFailurePolicy",
  "backoffLimitPerIndex",
  "managedBy",
  "successPolicy",
] as const satisfies readonly (keyof V1JobSpec)[];

export function validateJobUpdate(job: V1Job, old: V1Job): FieldError[] {
  const next = job.spec ?? old.spec!;
  const before = old.spec!;
  // An indexed Job may grow or shrink as a whole.
  const resized = next.completionMode === "Indexed" && next.completions === next.parallelism;
  return [
    ...(resized ? [] : immutable("spec.completions", next.completions, before.completions)),
    ...immutable("spec.selector", next.selector, before.selector),
    ...(mayReschedule(old) && sameButScheduling(next, before)
      ? []
      : immutable("spec.template", next.template, before.template)),
    ...IMMUTABLE.flatMap((name) => immutable(`spec.${name}`, next[name], before[name])),
  ];
}

/** A Job that is suspended and never ran can still be told where to run. */
function mayReschedule({ spec, status }: V1Job): boolean {
  return spec?.suspend === true && status?.startTime === undefined;
}

function sameButScheduling(next: V1JobSpec, old: V1JobSpec): boolean {
  const rest = ({ template }: V1JobSpec) => {
    const { nodeSelector, affinity, tolerations, schedulingGates, containers, ...spec } = template.spec!;
    const { labels, annotations, ...metadata } = template.metadata ?? {};
    const plain = containers.map(({ resources: _resources, ...container }) => container);
    return { spec: { ...spec, containers: plain }, metadata };
  };
  return deepEqual(rest(next), rest(old));
}
