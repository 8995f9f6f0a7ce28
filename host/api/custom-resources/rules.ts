import type { FieldError } from "../../apimachinery/field-error.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { Structural } from "./structural-schema.ts";

/** The `x-kubernetes-validations` of a schema, ready to be checked. */
export interface RuleSet {
  readonly isEmpty: boolean;
  check(next: KubernetesObject, old: KubernetesObject | undefined): FieldError[];
}

export function compileRules(_schema: Structural): RuleSet {
  return { isEmpty: true, check: () => [] };
}

/** What is wrong with the rules themselves. */
export function ruleErrors(_schema: Structural, _path: string): FieldError[] {
  return [];
}
