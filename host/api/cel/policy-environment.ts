import type { Environment } from "@marcbachmann/cel-js";
import { type AdmissionVariables, admissionEnvironment } from "./admission.ts";
import { registerMutations } from "./mutations.ts";

/** What `variables` is in an expression: each policy's own, made for each write. */
export class CelVariables {}

const TYPE = "kubernetes.variables";
const known = new Map<string, Environment>();

/** What every policy's environments begin with: made once for each set of variables. */
function baseEnvironment(variables: AdmissionVariables): Environment {
  const key = JSON.stringify(variables);
  let base = known.get(key);
  if (base === undefined) {
    base = admissionEnvironment(variables);
    known.set(key, base);
  }
  return base;
}

interface PolicyShape {
  readonly paramKind?: unknown;
  readonly variables?: readonly { readonly name: string }[];
}

/** For the expressions of a policy. @param count  how many of its variables are there already; all of them, unless said */
export function policyEnvironment(
  { paramKind, variables = [] }: PolicyShape,
  count = variables.length,
  authorizer = true,
): Environment {
  const base = baseEnvironment({
    namespaceObject: true,
    ...(authorizer ? { authorizer } : {}),
    ...(paramKind ? { params: true } : {}),
  });
  const fields = Object.fromEntries(variables.slice(0, count).map(({ name }) => [name, "dyn"]));
  return base.clone().registerType(TYPE, { ctor: CelVariables, fields }).registerVariable("variables", TYPE);
}

/** For the expressions of its mutations. */
export function mutationEnvironment(shape: PolicyShape): Environment {
  return registerMutations(policyEnvironment(shape));
}

/** For its matchConditions, which come before its variables. */
export function conditionEnvironment({ paramKind }: PolicyShape): Environment {
  return baseEnvironment({
    namespaceObject: true,
    authorizer: true,
    ...(paramKind ? { params: true } : {}),
  });
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
const RESERVED = new Set(
  "as break const continue else false for function if import in let loop namespace null package return true var void while".split(
    " ",
  ),
);

export function isCelIdentifier(name: string): boolean {
  return IDENTIFIER.test(name) && !RESERVED.has(name);
}
