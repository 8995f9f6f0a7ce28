import { type FieldError, invalid, required } from "../apimachinery/field-error.ts";
import { isQualifiedName } from "../apimachinery/names.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { checked, immutable } from "./field-checks.ts";
import type { V1ResourceQuota, V1ScopedResourceSelectorRequirement } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { validateAmount } from "./pod-spec/resources.ts";

/** `cpu: 1/2, memory: 0/4Gi` of the resources whose name begins with `limits`, or of the others. */
function usage({ status }: V1ResourceQuota, ofLimits: boolean): string {
  return Object.keys(status?.hard ?? {})
    .sort()
    .filter((name) => name.startsWith("limits") === ofLimits)
    .map((name) => `${name}: ${status?.used?.[name] ?? "0"}/${status!.hard![name]}`)
    .join(", ");
}

/** Counts of objects; the others are amounts. */
const COUNTS: readonly string[] = [
  "pods",
  "services",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "services.nodeports",
  "services.loadbalancers",
];
const AMOUNTS: readonly string[] = ["cpu", "memory", "ephemeral-storage", "storage"];
const SCOPES: readonly string[] = [
  "Terminating",
  "NotTerminating",
  "BestEffort",
  "NotBestEffort",
  "PriorityClass",
  "CrossNamespacePodAffinity",
  "VolumeAttributesClass",
];

/** `pods`, `requests.cpu`, `limits.memory`, `hugepages-2Mi`, `count/deployments.apps`, `requests.example.com/gpu`. */
function isQuotaResource(name: string): boolean {
  if (name.includes("/") || COUNTS.includes(name)) return true;
  const plain = name.replace(/^(requests|limits)\./, "");
  return AMOUNTS.includes(plain) || plain.startsWith("hugepages-");
}

function validateHard(field: string, name: string, amount: string): FieldError[] {
  const errors = checked(field, name, isQualifiedName(name));
  if (errors.length === 0 && !isQuotaResource(name))
    errors.push(
      invalid(field, name, "must be a standard resource type or fully qualified"),
      invalid(field, name, "must be a standard resource for quota"),
    );
  const isCount = COUNTS.includes(name) || name.startsWith("count/");
  return [...errors, ...validateAmount(field, isCount ? "pods" : name, amount)];
}

function validateScopes(scopes: readonly string[], resources: readonly string[]): FieldError[] {
  const refuse = (why: string) => [invalid("spec.scopes", scopes, why)];
  if (scopes.some((scope) => !SCOPES.includes(scope))) return refuse("unsupported scope");
  if (!scopes.every((scope) => resources.every((resource) => appliesTo(scope, resource))))
    return refuse("unsupported scope applied to resource");
  const both = (a: string, b: string) => scopes.includes(a) && scopes.includes(b);
  return both("Terminating", "NotTerminating") || both("BestEffort", "NotBestEffort")
    ? refuse("conflicting scopes")
    : [];
}

/** The resources that a scope can be asked of: those of pods, or of claims. */
const OF_PODS = /^(pods|cpu|memory|ephemeral-storage|(requests|limits)\..+|hugepages-.+)$/;
const OF_CLAIMS = /^(persistentvolumeclaims|requests\.storage|count\/persistentvolumeclaims)$/;

function appliesTo(scope: string, resource: string): boolean {
  if (scope === "BestEffort") return resource === "pods";
  if (scope === "VolumeAttributesClass") return OF_CLAIMS.test(resource);
  return OF_PODS.test(resource) && resource !== "requests.storage";
}

const WITH_VALUES = ["PriorityClass", "VolumeAttributesClass"];

/** Source: ValidateResourceQuotaSpec. */
function validateScopeSelector(
  terms: readonly V1ScopedResourceSelectorRequirement[],
  resources: readonly string[],
): FieldError[] {
  const field = "spec.scopeSelector.matchExpressions";
  return terms.flatMap(({ scopeName, operator, values = [] }) => {
    const errors: FieldError[] = [];
    if (!SCOPES.includes(scopeName))
      errors.push(invalid(`${field}.scopeName`, scopeName, "unsupported scope"));
    else if (!resources.every((resource) => appliesTo(scopeName, resource)))
      errors.push(invalid(field, terms, "unsupported scope applied to resource"));
    if (SCOPES.includes(scopeName) && !WITH_VALUES.includes(scopeName) && operator !== "Exists")
      errors.push(
        invalid(
          `${field}.operator`,
          operator,
          "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
        ),
      );
    const end = "for scope selector";
    if (operator === "In" || operator === "NotIn") {
      const why = `must be at least one value when \`operator\` is 'In' or 'NotIn' ${end}`;
      if (values.length === 0) errors.push(required(`${field}.values`, why));
    } else if (operator === "Exists" || operator === "DoesNotExist") {
      const why = `must be no value when \`operator\` is 'Exist' or 'DoesNotExist' ${end}`;
      if (values.length > 0) errors.push(invalid(`${field}.values`, values, why));
    } else errors.push(invalid(`${field}.operator`, operator, "not a valid selector operator"));
    return errors;
  });
}

/** Source: api-policy 6.5; api-wire 13. */
export const resourceQuotaRules: KindRules<V1ResourceQuota> = {
  prepareCreate(quota) {
    quota.status = {};
  },
  validate({ spec }) {
    return [
      ...Object.entries(spec?.hard ?? {}).flatMap(([name, amount]) =>
        validateHard(`spec.hard[${name}]`, name, amount),
      ),
      ...validateScopes(spec?.scopes ?? [], Object.keys(spec?.hard ?? {})),
      ...validateScopeSelector(spec?.scopeSelector?.matchExpressions ?? [], Object.keys(spec?.hard ?? {})),
    ];
  },
  validateUpdate: (next, old) => immutable("spec.scopes", next.spec?.scopes, old.spec?.scopes),
  columns: [
    nameColumn,
    column("Request", (quota) => usage(quota, false)),
    column("Limit", (quota) => usage(quota, true)),
    ageColumn,
  ],
};
