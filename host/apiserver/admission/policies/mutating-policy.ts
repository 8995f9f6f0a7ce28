import type { Environment } from "@marcbachmann/cel-js";
import { jsonOf } from "../../../api/cel/mutations.ts";
import { mutationEnvironment } from "../../../api/cel/policy-environment.ts";
import { celValue } from "../../../api/cel/values.ts";
import type {
  V1MutatingAdmissionPolicy,
  V1MutatingAdmissionPolicyBinding,
  V1MutatingAdmissionPolicyBindingSpec,
  V1MutatingAdmissionPolicySpec,
  V1Mutation,
} from "../../../api/generated/types.ts";
import type { Api } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import { CostAccount, Expression } from "../dynamic/expressions.ts";
import { inVersion, type Operation } from "../dynamic/operation.ts";
import type { Invocation } from "./invocations.ts";
import { applied, patched } from "./patches.ts";
import { Binding, Policy } from "./policy.ts";

export type MutatingInvocation = Invocation<
  V1MutatingAdmissionPolicySpec,
  V1MutatingAdmissionPolicyBindingSpec
>;

/** What all expressions of one policy may cost together, for one write (k8s.io/apiserver/pkg/apis/cel). */
const MAX_POLICY_COST = 10_000_000;

interface Mutation {
  readonly isApplied: boolean;
  readonly expression: Expression;
}

/** A MutatingAdmissionPolicy. Source: k8s.io/apiserver admission/plugin/policy/mutating. */
export class MutatingPolicy extends Policy<V1MutatingAdmissionPolicySpec> {
  readonly #mutations: readonly Mutation[];

  constructor({ metadata, spec = {} }: V1MutatingAdmissionPolicy) {
    super(metadata?.name ?? "", spec);
    const environment = mutationEnvironment(spec);
    this.#mutations = (spec.mutations ?? []).map((one) => mutationOf(environment, one));
  }

  get mayComeAgain(): boolean {
    return this.spec.reinvocationPolicy === "IfNeeded";
  }

  /**
   * What the policy makes of an object, one mutation upon the other. Throws an Error for what cannot be done.
   *
   * @param object   as it is stored
   * @param settled  what a changed object is in the store: typed, defaulted
   * @returns undefined when its conditions say no
   */
  async mutate(
    api: Api,
    operation: Operation,
    { subject, values, version }: MutatingInvocation,
    object: AnyObject,
    settled: (changed: unknown, before: AnyObject) => AnyObject,
  ): Promise<AnyObject | undefined> {
    const conditions = await this.conditions.evaluate(subject, { ...values, namespaceObject: null });
    if ("problem" in conditions) throw new Error(conditions.problem);
    if (!conditions.matches) return undefined;
    const account = new CostAccount(MAX_POLICY_COST);
    let current = object;
    for (const { isApplied, expression } of this.#mutations) {
      const shown = inVersion(operation, version, current)!;
      const all = this.withVariables({ ...values, object: celValue(shown) }, account, subject.questions);
      const result = await expression.evaluate(all, account, subject.questions);
      if ("problem" in result)
        throw new Error(`expression '${expression.text.trim()}' resulted in error: ${result.problem}`);
      const given = jsonOf(result.value);
      const next = isApplied ? applied(api, version, shown, given) : patched(shown, given);
      if (next !== shown) current = settled(next, current);
    }
    return current;
  }
}

function mutationOf(environment: Environment, said: V1Mutation): Mutation {
  const isApplied = said.patchType === "ApplyConfiguration";
  const { expression = "" } = (isApplied ? said.applyConfiguration : said.jsonPatch) ?? {};
  return { isApplied, expression: new Expression(environment, expression) };
}

export function mutatingBinding({
  metadata,
  spec = {},
}: V1MutatingAdmissionPolicyBinding): Binding<V1MutatingAdmissionPolicyBindingSpec> {
  return new Binding(metadata?.name ?? "", spec);
}
