import type { Environment } from "@marcbachmann/cel-js";
import type { V1MatchCondition } from "../../../api/generated/types.ts";
import { CostAccount, Expression, type Subject, type Values } from "./expressions.ts";

/** What all conditions of one webhook or policy may cost together. Source: k8s.io/apiserver/pkg/apis/cel. */
const MAX_CONDITIONS_COST = 2_500_000;

export type ConditionsResult =
  | { readonly matches: boolean }
  /** Those that could not be evaluated, where no other said no. */
  | { readonly problem: string };

/** The matchConditions of a webhook or a policy. */
export class MatchConditions {
  readonly #conditions: readonly Expression[];

  constructor(environment: Environment, said: readonly V1MatchCondition[] = []) {
    this.#conditions = said.map(({ expression }) => new Expression(environment, expression));
  }

  /** One that says no decides, whatever goes wrong with the others. Source: k8s.io/apiserver matchconditions/matcher.go. */
  async evaluate({ values, questions }: Subject, more: Values = {}): Promise<ConditionsResult> {
    const account = new CostAccount(MAX_CONDITIONS_COST);
    const problems: string[] = [];
    for (const condition of this.#conditions) {
      const result = await condition.evaluate({ ...values, ...more }, account, questions);
      if ("problem" in result) {
        problems.push(`expression '${condition.text}' resulted in error: ${result.problem}`);
      } else if (result.value !== true) return { matches: false };
    }
    if (problems.length === 0) return { matches: true };
    return { problem: problems.length === 1 ? problems[0]! : `[${problems.join(", ")}]` };
  }

  get isEmpty(): boolean {
    return this.#conditions.length === 0;
  }
}
