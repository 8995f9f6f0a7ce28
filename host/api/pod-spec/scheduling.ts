import { duplicate, type FieldError, invalid, required } from "../../apimachinery/field-error.ts";
import { isDns1123Label, isLabelValue, isQualifiedName } from "../../apimachinery/names.ts";
import { checked, oneOf, validateLabelSelector, validateOperatorValues } from "../field-checks.ts";
import type {
  V1Affinity,
  V1NodeSelector,
  V1NodeSelectorTerm,
  V1PodAffinity,
  V1PodAffinityTerm,
  V1Toleration,
  V1TopologySpreadConstraint,
} from "../generated/types.ts";

export const TAINT_EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution";

export function validateTolerations(field: string, tolerations: readonly V1Toleration[]): FieldError[] {
  return tolerations.flatMap((one, index) => validateToleration(`${field}[${index}]`, one));
}

function validateToleration(field: string, toleration: V1Toleration): FieldError[] {
  const { key = "", operator = "", value = "", effect, tolerationSeconds } = toleration;
  const errors = key === "" ? [] : checked(`${field}.key`, key, isQualifiedName(key));
  if (key === "" && operator !== "Exists") {
    const why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.push(invalid(`${field}.operator`, operator, why));
  }
  if (tolerationSeconds !== undefined && effect !== "NoExecute") {
    const why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    errors.push(invalid(`${field}.effect`, effect ?? "", why));
  }
  if (operator === "Exists") {
    const why = "value must be empty when `operator` is 'Exists'";
    if (value !== "") errors.push(invalid(`${field}.operator`, value, why));
  } else if (operator === "" || operator === "Equal") {
    const bad = isLabelValue(value);
    if (bad.length > 0) errors.push(invalid(`${field}.operator`, value, bad.join(";")));
  } else errors.push(...oneOf(`${field}.operator`, operator, ["Equal", "Exists"]));
  if (effect) errors.push(...oneOf(`${field}.effect`, effect, TAINT_EFFECTS));
  return errors;
}

export function validateAffinity(field: string, affinity: V1Affinity): FieldError[] {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  const ofNodes = `${field}.nodeAffinity`;
  return [
    ...validateNodeSelector(`${ofNodes}.${REQUIRED}`, nodeAffinity?.[REQUIRED]),
    ...(nodeAffinity?.[PREFERRED] ?? []).flatMap(({ weight, preference }, index) => {
      const path = `${ofNodes}.${PREFERRED}[${index}]`;
      return [...validateWeight(path, weight), ...validateTerm(`${path}.preference`, preference ?? {})];
    }),
    ...validatePodAffinity(`${field}.podAffinity`, podAffinity),
    ...validatePodAffinity(`${field}.podAntiAffinity`, podAntiAffinity),
  ];
}

function validateWeight(field: string, weight: number | undefined): FieldError[] {
  const inRange = weight !== undefined && weight >= 1 && weight <= 100;
  return inRange ? [] : [invalid(`${field}.weight`, weight ?? 0, "must be in the range 1-100")];
}

/** Of pods, and of the nodes a persistent volume can be reached from. */
export function validateNodeSelector(field: string, selector: V1NodeSelector | undefined): FieldError[] {
  if (selector === undefined) return [];
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0)
    return [required(`${field}.nodeSelectorTerms`, "must have at least one node selector term")];
  return terms.flatMap((term, index) => validateTerm(`${field}.nodeSelectorTerms[${index}]`, term));
}

function validateTerm(
  field: string,
  { matchExpressions = [], matchFields = [] }: V1NodeSelectorTerm,
): FieldError[] {
  const ofLabels = matchExpressions.flatMap(({ key, operator, values = [] }, index) => {
    const path = `${field}.matchExpressions[${index}]`;
    return [
      ...validateOperatorValues(path, operator, values, ["Gt", "Lt"]),
      ...checked(`${path}.key`, key ?? "", isQualifiedName(key ?? "")),
      ...values.flatMap((value, at) => checked(`${path}.values[${at}]`, value, isLabelValue(value))),
    ];
  });
  const ofFields = matchFields.flatMap(({ key, operator, values = [] }, index) => {
    const path = `${field}.matchFields[${index}]`;
    const errors: FieldError[] = [];
    if (operator !== "In" && operator !== "NotIn")
      errors.push(invalid(`${path}.operator`, operator ?? "", "not a valid selector operator"));
    else if (values.length !== 1) {
      const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
      errors.push(required(`${path}.values`, why));
    }
    if (key !== "metadata.name")
      errors.push(invalid(`${path}.key`, key ?? "", "not a valid field selector key"));
    return errors;
  });
  return [...ofLabels, ...ofFields];
}

function validatePodAffinity(field: string, affinity: V1PodAffinity | undefined): FieldError[] {
  return [
    ...(affinity?.[REQUIRED] ?? []).flatMap((term, index) =>
      validateAffinityTerm(`${field}.${REQUIRED}[${index}]`, term),
    ),
    ...(affinity?.[PREFERRED] ?? []).flatMap(({ weight, podAffinityTerm }, index) => {
      const path = `${field}.${PREFERRED}[${index}]`;
      return [
        ...validateWeight(path, weight),
        ...validateAffinityTerm(`${path}.podAffinityTerm`, podAffinityTerm),
      ];
    }),
  ];
}

function validateAffinityTerm(field: string, term: V1PodAffinityTerm): FieldError[] {
  return [
    ...validateLabelSelector(`${field}.labelSelector`, term.labelSelector),
    ...validateLabelSelector(`${field}.namespaceSelector`, term.namespaceSelector),
    ...(term.namespaces ?? []).flatMap((name) => checked(`${field}.namespace`, name, isDns1123Label(name))),
    ...validateTopologyKey(field, term.topologyKey),
  ];
}

/** An empty key is told three times: it is missing, and it is no qualified name. */
function validateTopologyKey(field: string, key = ""): FieldError[] {
  const missing = key === "" ? [required(`${field}.topologyKey`, "can not be empty")] : [];
  return [...missing, ...checked(`${field}.topologyKey`, key, isQualifiedName(key))];
}

export function validateSpreadConstraints(
  field: string,
  constraints: readonly V1TopologySpreadConstraint[],
): FieldError[] {
  const seen = new Set<string>();
  return constraints.flatMap((constraint, index) => {
    const path = `${field}[${index}]`;
    const { maxSkew = 0, topologyKey, whenUnsatisfiable, minDomains, labelSelector } = constraint;
    const errors: FieldError[] = [];
    if (maxSkew <= 0) errors.push(invalid(`${path}.maxSkew`, maxSkew, "must be greater than zero"));
    if (!topologyKey) errors.push(required(`${path}.topologyKey`, "can not be empty"));
    else errors.push(...checked(`${path}.topologyKey`, topologyKey, isQualifiedName(topologyKey)));
    errors.push(
      ...oneOf(`${path}.whenUnsatisfiable`, whenUnsatisfiable ?? "", ["DoNotSchedule", "ScheduleAnyway"]),
    );
    const pair = `{${topologyKey}, ${whenUnsatisfiable}}`;
    if (seen.has(pair)) errors.push(duplicate(`${path}.{topologyKey, whenUnsatisfiable}`, pair));
    seen.add(pair);
    if (minDomains !== undefined) {
      if (minDomains <= 0)
        errors.push(invalid(`${path}.minDomains`, minDomains, "must be greater than zero"));
      const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
      if (whenUnsatisfiable !== "DoNotSchedule") errors.push(invalid(`${path}.minDomains`, minDomains, why));
    }
    return [...errors, ...validateLabelSelector(`${path}.labelSelector`, labelSelector)];
  });
}
