import type { Questions } from "../../../api/cel/authorizer.ts";
import {
  CelVariables,
  conditionEnvironment,
  policyEnvironment,
} from "../../../api/cel/policy-environment.ts";
import type {
  V1MatchCondition,
  V1MatchResources,
  V1ParamKind,
  V1ParamRef,
  V1Variable,
} from "../../../api/generated/types.ts";
import { MatchConditions } from "../dynamic/conditions.ts";
import { type CostAccount, Expression, type Values } from "../dynamic/expressions.ts";
import type { Criteria } from "../dynamic/match.ts";

/** What the specs of validating and of mutating policies have in common. */
export interface PolicySpec {
  readonly paramKind?: V1ParamKind;
  readonly matchConstraints?: V1MatchResources;
  readonly matchConditions?: V1MatchCondition[];
  readonly variables?: V1Variable[];
  readonly failurePolicy?: string;
}

/** A policy, ready to be asked. */
export class Policy<Spec extends PolicySpec = PolicySpec> {
  readonly criteria: Criteria;
  readonly conditions: MatchConditions;
  readonly #variables: readonly { readonly name: string; readonly expression: Expression }[];

  constructor(
    readonly name: string,
    readonly spec: Spec,
  ) {
    this.criteria = criteriaOf(spec.matchConstraints);
    this.conditions = new MatchConditions(conditionEnvironment(spec), spec.matchConditions);
    this.#variables = (spec.variables ?? []).map(({ name, expression }, index) => ({
      name,
      // One may speak of those that come before it.
      expression: new Expression(policyEnvironment(spec, index), expression),
    }));
  }

  /** Whether what cannot be decided is let through. */
  get isLenient(): boolean {
    return this.spec.failurePolicy === "Ignore";
  }

  /** The values with `variables` among them, each found when it is first spoken of. */
  withVariables(given: Values, account: CostAccount, questions: Questions): Values {
    const variables = Object.create(CelVariables.prototype) as object;
    const values = { ...given, variables };
    const found = new Map<string, unknown>();
    for (const { name, expression } of this.#variables) {
      const get = () => {
        if (!found.has(name)) found.set(name, variableValue(name, expression, values, account, questions));
        return found.get(name);
      };
      Object.defineProperty(variables, name, { get, enumerable: true });
    }
    return values;
  }
}

function variableValue(
  name: string,
  expression: Expression,
  values: Values,
  account: CostAccount,
  questions: Questions,
): unknown {
  const result = expression.evaluateNow(values, account, questions);
  if ("value" in result) return result.value;
  throw new Error(`composited variable ${JSON.stringify(name)} fails to evaluate: ${result.problem}`);
}

/** What the specs of both sorts of bindings have in common. */
export interface BindingSpec {
  readonly policyName?: string;
  readonly paramRef?: V1ParamRef;
  readonly matchResources?: V1MatchResources;
}

/** A binding: where a policy counts, and with which parameters. */
export class Binding<Spec extends BindingSpec = BindingSpec> {
  /** undefined: wherever the policy does. */
  readonly criteria: Criteria | undefined;

  constructor(
    readonly name: string,
    readonly spec: Spec,
  ) {
    this.criteria = spec.matchResources && criteriaOf(spec.matchResources, EVERYTHING);
  }
}

const EVERYTHING = [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"] }];

/** @param unsaid  the rules of those who give none */
function criteriaOf(said: V1MatchResources = {}, unsaid: Criteria["rules"] = []): Criteria {
  const { resourceRules = [], excludeResourceRules, matchPolicy, namespaceSelector, objectSelector } = said;
  return {
    rules: resourceRules.length > 0 ? resourceRules : unsaid,
    excluded: excludeResourceRules,
    matchPolicy,
    namespaceSelector,
    objectSelector,
  };
}
