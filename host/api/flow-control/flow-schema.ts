import { deepEqual } from "../../apimachinery/copy.ts";
import {
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from "../../apimachinery/field-error.ts";
import { isDns1123Subdomain } from "../../apimachinery/names.ts";
import { ageColumn, column, integerColumn, NONE, nameColumn } from "../columns.ts";
import { checked, oneOf } from "../field-checks.ts";
import type * as t from "../generated/types.ts";
import type { KindRules } from "../kind.ts";
import { EXEMPT, MANDATORY_SCHEMAS } from "./mandatory.ts";

const MAX_PRECEDENCE = 10_000;

/** Source: k8s.io/kubernetes/pkg/apis/flowcontrol; api-policy 5, api-wire 13. */
export const flowSchemaRules: KindRules<t.V1FlowSchema> = {
  defaults({ spec }) {
    if (spec !== undefined) spec.matchingPrecedence ||= 1000;
  },
  validate({ metadata, spec }) {
    const name = metadata?.name ?? "";
    if (spec === undefined) return [];
    const wanted = MANDATORY_SCHEMAS[name];
    const isFixed = wanted === undefined || deepEqual(spec, wanted);
    return [
      ...validateSpec(name, spec),
      ...(isFixed ? [] : [invalid("spec", spec, `spec of '${name}' must equal the fixed value`)]),
    ];
  },
  columns: [
    nameColumn,
    column("PriorityLevel", ({ spec }) => spec?.priorityLevelConfiguration.name ?? ""),
    integerColumn("MatchingPrecedence", ({ spec }) => spec?.matchingPrecedence),
    column("DistinguisherMethod", ({ spec }) => spec?.distinguisherMethod?.type ?? NONE),
    ageColumn,
    column(
      "MissingPL",
      ({ status }) => status?.conditions?.find((one) => one.type === "Dangling")?.status ?? "?",
    ),
  ],
};

function validateSpec(name: string, spec: t.V1FlowSchemaSpec): FieldError[] {
  const { matchingPrecedence: precedence = 0, distinguisherMethod, rules = [] } = spec;
  const errors: FieldError[] = [];
  const wrong = (why: string) => errors.push(invalid("spec.matchingPrecedence", precedence, why));
  if (precedence <= 0) wrong("must be a positive value");
  if (precedence > MAX_PRECEDENCE) wrong(`must not be greater than ${MAX_PRECEDENCE}`);
  if (precedence === 1 && name !== EXEMPT)
    wrong("only the schema named 'exempt' may have matchingPrecedence 1");
  errors.push(
    ...oneOf("spec.distinguisherMethod.type", distinguisherMethod?.type, ["ByNamespace", "ByUser"]),
  );
  const level = spec.priorityLevelConfiguration?.name ?? "";
  const field = "spec.priorityLevelConfiguration.name";
  if (level === "") errors.push(required(field, "must reference a priority level"));
  else errors.push(...checked(field, level, isDns1123Subdomain(level)));
  return [...errors, ...rules.flatMap((rule, index) => validateRule(`spec.rules[${index}]`, rule))];
}

function validateRule(field: string, rule: t.V1PolicyRulesWithSubjects): FieldError[] {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule;
  const errors: FieldError[] = [];
  if (subjects.length === 0)
    errors.push(required(`${field}.subjects`, "subjects must contain at least one value"));
  errors.push(...subjects.flatMap((one, index) => validateSubject(`${field}.subjects[${index}]`, one)));
  if (resourceRules.length + nonResourceRules.length === 0)
    errors.push(required(field, "at least one of resourceRules and nonResourceRules has to be non-empty"));
  return [
    ...errors,
    ...resourceRules.flatMap((one, index) => validateResourceRule(`${field}.resourceRules[${index}]`, one)),
    ...nonResourceRules.flatMap((one, index) => {
      const where = `${field}.nonResourceRules[${index}]`;
      return [
        ...validateList(`${where}.verbs`, "verbs", one.verbs),
        ...validateList(`${where}.nonResourceURLs`, "nonResourceURLs", one.nonResourceURLs),
      ];
    }),
  ];
}

const SUBJECTS = { ServiceAccount: "serviceAccount", User: "user", Group: "group" } as const;

function validateSubject(field: string, subject: t.FlowcontrolV1Subject): FieldError[] {
  const own = SUBJECTS[subject.kind as keyof typeof SUBJECTS];
  if (own === undefined) return [notSupported(`${field}.kind`, subject.kind, Object.keys(SUBJECTS).sort())];
  const errors: FieldError[] = [];
  for (const [kind, part] of Object.entries(SUBJECTS)) {
    const value = subject[part];
    const where = `${field}.${part}`;
    if (part !== own) {
      if (value !== undefined)
        errors.push(forbiddenField(where, `${part} is forbidden when subject kind is not '${kind}'`));
    } else if (value === undefined)
      errors.push(required(where, `${part} is required when subject kind is '${kind}'`));
    else if (!value.name) errors.push(required(`${where}.name`));
  }
  if (subject.kind === "ServiceAccount" && subject.serviceAccount && !subject.serviceAccount.namespace)
    errors.push(required(`${field}.serviceAccount.namespace`, "must specify namespace for service account"));
  return errors;
}

function validateResourceRule(field: string, rule: t.V1ResourcePolicyRule): FieldError[] {
  const errors = [
    ...validateList(`${field}.verbs`, "verbs", rule.verbs),
    ...validateList(`${field}.apiGroups`, "api groups", rule.apiGroups),
    ...validateList(`${field}.resources`, "resources", rule.resources),
  ];
  const { namespaces = [] } = rule;
  if (namespaces.length > 0)
    return [...errors, ...validateList(`${field}.namespaces`, "namespaces", namespaces)];
  if (rule.clusterScope) return errors;
  const why = "resource rules that are not cluster scoped must supply at least one namespace";
  return [...errors, required(`${field}.namespaces`, why)];
}

/** A list of names that says something, and with `*` nothing else. */
function validateList(field: string, what: string, list: readonly string[] | undefined): FieldError[] {
  if (!list?.length) return [required(field, `${what} must contain at least one value`)];
  if (list.length === 1 || !list.includes("*")) return [];
  return [invalid(field, list, `if '*' is present, must not specify other ${what}`)];
}
