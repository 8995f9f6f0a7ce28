import type { Environment } from "@marcbachmann/cel-js";
import {
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
  tooMany,
} from "../apimachinery/field-error.ts";
import { isDns1123Subdomain, isQualifiedName } from "../apimachinery/names.ts";
import { expressionErrors, matchConditionErrors } from "./cel/match-conditions.ts";
import {
  conditionEnvironment,
  isCelIdentifier,
  mutationEnvironment,
  policyEnvironment,
} from "./cel/policy-environment.ts";
import { checked, oneOf, validateLabelSelector } from "./field-checks.ts";
import type * as t from "./generated/types.ts";
import { ruleErrors } from "./webhook-validation.ts";

/** What the specs of validating and of mutating policies have in common. */
interface PolicySpec {
  readonly paramKind?: t.V1ParamKind;
  readonly matchConstraints?: t.V1MatchResources;
  readonly matchConditions?: t.V1MatchCondition[];
  readonly variables?: t.V1Variable[];
  readonly failurePolicy?: string;
}

const REASONS = ["Forbidden", "Invalid", "RequestEntityTooLarge"];
const ACTIONS = ["Audit", "Deny", "Warn"];
const MAX_ANNOTATIONS = 20;
const MAX_ANNOTATION_EXPRESSION_BYTES = 5 * 1024;

/** Source: k8s.io/kubernetes/pkg/apis/admissionregistration/validation; api-policy 4.8. */
export function validatingPolicyErrors({ spec = {} }: t.V1ValidatingAdmissionPolicy): FieldError[] {
  const { validations = [], auditAnnotations = [] } = spec;
  const errors = policyErrors(spec);
  const plain = lazily(() => policyEnvironment(spec));
  const texts = lazily(() => policyEnvironment(spec, undefined, false));
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const why = "validations or auditAnnotations must contain at least one item";
    errors.push(required("spec.validations", why), required("spec.auditAnnotations", why));
  }
  for (const [index, validation] of validations.entries())
    errors.push(...validationErrors(`spec.validations[${index}]`, validation, plain, texts));
  if (auditAnnotations.length > MAX_ANNOTATIONS)
    errors.push(tooMany("spec.auditAnnotations", auditAnnotations.length, MAX_ANNOTATIONS));
  const keys = auditAnnotations.map(({ key }) => key);
  for (const [index, annotation] of auditAnnotations.entries()) {
    const at = `spec.auditAnnotations[${index}]`;
    errors.push(...annotationErrors(at, annotation, texts));
    if (keys.indexOf(annotation.key) < index) errors.push(duplicate(`${at}.key`, annotation.key));
  }
  return errors;
}

function validationErrors(
  at: string,
  { expression, message, messageExpression, reason }: t.V1Validation,
  plain: () => Environment,
  texts: () => Environment,
): FieldError[] {
  const errors = expressionErrors(`${at}.expression`, expression, ["bool"], plain);
  const text = message?.trim() ?? "";
  if (message !== undefined && message !== "" && text === "")
    errors.push(invalid(`${at}.message`, message, "message must be non-empty if specified"));
  else if (text.includes("\n"))
    errors.push(invalid(`${at}.message`, message, "message must not contain line breaks"));
  else if (expression?.trim().includes("\n") && text === "")
    errors.push(required(`${at}.message`, "message must be specified if expression contains line breaks"));
  if (messageExpression?.trim())
    errors.push(...expressionErrors(`${at}.messageExpression`, messageExpression, ["string"], texts));
  if (reason && !REASONS.includes(reason)) errors.push(notSupported(`${at}.reason`, reason, REASONS));
  return errors;
}

function annotationErrors(
  at: string,
  { key, valueExpression }: t.V1AuditAnnotation,
  texts: () => Environment,
): FieldError[] {
  const errors = key ? checked(`${at}.key`, key, isQualifiedName(key)) : [required(`${at}.key`)];
  const field = `${at}.valueExpression`;
  if (Buffer.byteLength(valueExpression ?? "") > MAX_ANNOTATION_EXPRESSION_BYTES)
    return [
      ...errors,
      invalid(field, "", `must not exceed ${MAX_ANNOTATION_EXPRESSION_BYTES} bytes in length`),
    ];
  return [...errors, ...expressionErrors(field, valueExpression, ["string", "null_type"], texts)];
}

export function mutatingPolicyErrors({ spec = {} }: t.V1MutatingAdmissionPolicy): FieldError[] {
  const { mutations = [], reinvocationPolicy } = spec;
  const errors = policyErrors(spec);
  const environment = lazily(() => mutationEnvironment(spec));
  if (mutations.length === 0)
    errors.push(required("spec.mutations", "mutations must contain at least one item"));
  for (const [index, mutation] of mutations.entries())
    errors.push(...mutationErrors(`spec.mutations[${index}]`, mutation, environment));
  if (!reinvocationPolicy) errors.push(required("spec.reinvocationPolicy"));
  else errors.push(...oneOf("spec.reinvocationPolicy", reinvocationPolicy, ["Never", "IfNeeded"]));
  return errors;
}

function mutationErrors(
  at: string,
  { patchType, applyConfiguration, jsonPatch }: t.V1Mutation,
  environment: () => Environment,
): FieldError[] {
  switch (patchType) {
    case "ApplyConfiguration": {
      if (applyConfiguration === undefined)
        return [
          required(`${at}.applyConfiguration`, "must be specified when patchType is ApplyConfiguration"),
        ];
      const { expression } = applyConfiguration;
      return expressionErrors(`${at}.applyConfiguration.expression`, expression, ["Object"], environment);
    }
    case "JSONPatch": {
      if (jsonPatch === undefined)
        return [required(`${at}.jsonPatch`, "must be specified when patchType is JSONPatch")];
      const { expression } = jsonPatch;
      return expressionErrors(`${at}.jsonPatch.expression`, expression, ["list(JSONPatch)"], environment);
    }
    default: {
      const types = ["ApplyConfiguration", "JSONPatch"];
      return [patchType ? notSupported(`${at}.patchType`, patchType, types) : required(`${at}.patchType`)];
    }
  }
}

/** What both sorts of policies are checked for. */
export function policyErrors(spec: PolicySpec): FieldError[] {
  const errors = oneOf("spec.failurePolicy", spec.failurePolicy, ["Fail", "Ignore"]);
  if (spec.paramKind) {
    const { apiVersion, kind } = spec.paramKind;
    if (!apiVersion) errors.push(required("spec.paramKind.apiVersion"));
    if (!kind) errors.push(required("spec.paramKind.kind"));
  }
  const field = "spec.matchConstraints";
  if (spec.matchConstraints === undefined) errors.push(required(field));
  else if (!spec.matchConstraints.resourceRules?.length) errors.push(required(`${field}.resourceRules`));
  errors.push(...matchErrors(field, spec.matchConstraints));
  const conditions = lazily(() => conditionEnvironment(spec));
  errors.push(...matchConditionErrors("spec.matchConditions", spec.matchConditions, conditions));
  const names = (spec.variables ?? []).map(({ name }) => name);
  for (const [index, { name, expression }] of (spec.variables ?? []).entries()) {
    const at = `spec.variables[${index}]`;
    if (!name) errors.push(required(`${at}.name`, "name is not specified"));
    else if (!isCelIdentifier(name)) {
      errors.push(invalid(`${at}.name`, name, "must be a valid CEL identifier"));
      continue;
    } else if (names.indexOf(name) < index) errors.push(duplicate(`${at}.name`, name));
    const before = lazily(() => policyEnvironment(withIdentifiers(spec), index));
    errors.push(...expressionErrors(`${at}.expression`, expression, undefined, before));
  }
  return errors;
}

/** A name that is none is told once, where it stands. */
function withIdentifiers(spec: PolicySpec): PolicySpec {
  return { ...spec, variables: (spec.variables ?? []).filter(({ name }) => isCelIdentifier(name)) };
}

function matchErrors(field: string, matching: t.V1MatchResources = {}): FieldError[] {
  const { resourceRules = [], excludeResourceRules = [] } = matching;
  return [
    ...oneOf(`${field}.matchPolicy`, matching.matchPolicy, ["Equivalent", "Exact"]),
    ...validateLabelSelector(`${field}.namespaceSelector`, matching.namespaceSelector),
    ...validateLabelSelector(`${field}.objectSelector`, matching.objectSelector),
    ...resourceRules.flatMap((rule, index) => ruleErrors(`${field}.resourceRules[${index}]`, rule)),
    ...excludeResourceRules.flatMap((rule, index) =>
      ruleErrors(`${field}.excludeResourceRules[${index}]`, rule),
    ),
  ];
}

/** What both sorts of bindings are checked for. */
export function bindingErrors(spec: t.V1MutatingAdmissionPolicyBindingSpec = {}): FieldError[] {
  const { policyName, paramRef, matchResources } = spec;
  const errors: FieldError[] = [];
  if (!policyName) errors.push(required("spec.policyName"));
  else errors.push(...checked("spec.policyName", policyName, isDns1123Subdomain(policyName)));
  if (paramRef) errors.push(...paramRefErrors("spec.paramRef", paramRef));
  return [...errors, ...matchErrors("spec.matchResources", matchResources)];
}

function paramRefErrors(field: string, paramRef: t.V1ParamRef): FieldError[] {
  const { name, selector, parameterNotFoundAction } = paramRef;
  const errors: FieldError[] = [];
  const both = "name and selector are mutually exclusive";
  const forbidden = (at: string): FieldError => ({
    reason: "FieldValueForbidden",
    field: `${field}.${at}`,
    message: `Forbidden: ${both}`,
  });
  if (name && selector !== undefined) errors.push(forbidden("name"), forbidden("selector"));
  if (!name && selector === undefined)
    errors.push(required(field, "one of name or selector must be specified"));
  errors.push(...validateLabelSelector(`${field}.selector`, selector));
  if (!parameterNotFoundAction) errors.push(required(`${field}.parameterNotFoundAction`));
  else errors.push(...oneOf(`${field}.parameterNotFoundAction`, parameterNotFoundAction, ["Deny", "Allow"]));
  return errors;
}

export function validatingBindingErrors({ spec }: t.V1ValidatingAdmissionPolicyBinding): FieldError[] {
  const { validationActions = [] } = spec ?? {};
  const field = "spec.validationActions";
  const errors = bindingErrors(spec);
  if (validationActions.length === 0)
    errors.push(required(field, "at least one validation action is required"));
  for (const [index, action] of validationActions.entries()) {
    if (!ACTIONS.includes(action)) errors.push(notSupported(`${field}[${index}]`, action, ACTIONS));
    if (validationActions.indexOf(action) < index) errors.push(duplicate(`${field}[${index}]`, action));
  }
  if (validationActions.includes("Deny") && validationActions.includes("Warn")) {
    const why =
      "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
    errors.push(invalid(field, validationActions, why));
  }
  return errors;
}

/** Made when first needed: most specs have few sorts of expressions. */
function lazily(make: () => Environment): () => Environment {
  let made: Environment | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
