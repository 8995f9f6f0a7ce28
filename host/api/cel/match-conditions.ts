import type { Environment } from "@marcbachmann/cel-js";
import { duplicate, type FieldError, invalid, required, tooMany } from "../../apimachinery/field-error.ts";
import { isQualifiedName } from "../../apimachinery/names.ts";
import { checked } from "../field-checks.ts";
import type { V1MatchCondition } from "../generated/types.ts";
import { compileProblem, typeOf } from "./program.ts";

const MAX_CONDITIONS = 64;

/** Source: k8s.io/kubernetes/pkg/apis/admissionregistration/validation validateMatchConditions. */
export function matchConditionErrors(
  field: string,
  conditions: readonly V1MatchCondition[] = [],
  environment: () => Environment,
): FieldError[] {
  if (conditions.length > MAX_CONDITIONS) return [tooMany(field, conditions.length, MAX_CONDITIONS)];
  const names = conditions.map(({ name }) => name);
  return conditions.flatMap(({ name, expression }, index) => {
    const at = `${field}[${index}]`;
    const errors = expressionErrors(`${at}.expression`, expression, ["bool"], environment);
    if (!name) errors.push(required(`${at}.name`));
    else if (names.indexOf(name) < index) errors.push(duplicate(`${at}.name`, name));
    else errors.push(...checked(`${at}.name`, name, isQualifiedName(name)));
    return errors;
  });
}

/** @param types  what it must give one of; absent: anything */
export function expressionErrors(
  field: string,
  expression: string | undefined,
  types: readonly string[] | undefined,
  environment: () => Environment,
): FieldError[] {
  if (!expression?.trim()) return [required(field)];
  const problem = compileProblem(environment(), expression);
  if (problem !== undefined) return [invalid(field, expression, problem)];
  if (types === undefined) return [];
  const type = celTypeName(typeOf(environment(), expression));
  if (type === "dyn" || types.includes(type)) return [];
  const wanted = types.length === 1 ? types[0] : `one of [${types.join(" ")}]`;
  return [invalid(field, expression, `must evaluate to ${wanted} but got ${type}`)];
}

/** As cel-go writes it: the library leaves out what a list is of when that is anything. */
function celTypeName(type: string | undefined = "dyn"): string {
  if (type === "list") return "list(dyn)";
  if (type === "map") return "map(dyn, dyn)";
  return type
    .replace(/^null$/, "null_type")
    .replace(/\b[A-Z]\b/g, "dyn")
    .replaceAll("<", "(")
    .replaceAll(">", ")");
}
