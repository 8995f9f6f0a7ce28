import { policyEnvironment } from "../../../api/cel/policy-environment.ts";
import type {
  V1ValidatingAdmissionPolicy,
  V1ValidatingAdmissionPolicyBinding,
  V1ValidatingAdmissionPolicyBindingSpec,
  V1ValidatingAdmissionPolicySpec,
  V1Validation,
} from "../../../api/generated/types.ts";
import { CostAccount, Expression } from "../dynamic/expressions.ts";
import type { Invocation } from "./invocations.ts";
import { Binding, Policy } from "./policy.ts";

export type ValidatingInvocation = Invocation<
  V1ValidatingAdmissionPolicySpec,
  V1ValidatingAdmissionPolicyBindingSpec
>;

/** What is held against a write. */
export interface Violation {
  readonly message: string;
  readonly reason?: string;
  /** Which of the validations said it. */
  readonly index: number;
}

export interface Judgement {
  readonly violations: readonly Violation[];
  readonly annotations: readonly { readonly key: string; readonly value: string }[];
}

/** What all expressions of one policy may cost together, for one write (k8s.io/apiserver/pkg/apis/cel). */
const MAX_POLICY_COST = 10_000_000;
/** A longer message is nobody's to read. */
const MAX_MESSAGE_BYTES = 5 * 1024;
const MAX_ANNOTATION_BYTES = 10 * 1024;

interface Validation {
  readonly said: V1Validation;
  readonly expression: Expression;
  readonly message: Expression | undefined;
}

/** A ValidatingAdmissionPolicy. Source: k8s.io/apiserver admission/plugin/policy/validating/validator.go. */
export class ValidatingPolicy extends Policy<V1ValidatingAdmissionPolicySpec> {
  readonly #validations: readonly Validation[];
  readonly #annotations: readonly { readonly key: string; readonly expression: Expression }[];

  constructor({ metadata, spec = {} }: V1ValidatingAdmissionPolicy) {
    super(metadata?.name ?? "", spec);
    const plain = policyEnvironment(spec);
    const texts = policyEnvironment(spec, undefined, false);
    this.#validations = (spec.validations ?? []).map((said) => ({
      said,
      expression: new Expression(plain, said.expression),
      message: said.messageExpression ? new Expression(texts, said.messageExpression) : undefined,
    }));
    this.#annotations = (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
      key,
      expression: new Expression(texts, valueExpression),
    }));
  }

  async judge({ subject, values }: ValidatingInvocation): Promise<Judgement> {
    const conditions = await this.conditions.evaluate(subject, { ...values, namespaceObject: null });
    if ("problem" in conditions) return { violations: this.#failure(conditions.problem), annotations: [] };
    if (!conditions.matches) return { violations: [], annotations: [] };
    const account = new CostAccount(MAX_POLICY_COST);
    const { questions } = subject;
    const all = this.withVariables(values, account, questions);
    const violations: Violation[] = [];
    for (const [index, { said, expression, message }] of this.#validations.entries()) {
      const result = await expression.evaluate(all, account, questions);
      if ("problem" in result) violations.push(...this.#failed(expression, result.problem, index));
      else if (result.value !== true) {
        const told = await message?.evaluate(all, account, questions);
        const text = told !== undefined && "value" in told ? told.value : undefined;
        violations.push({ message: messageOf(said, text), reason: said.reason ?? "Invalid", index });
      }
    }
    const annotations: { key: string; value: string }[] = [];
    for (const { key, expression } of this.#annotations) {
      const result = await expression.evaluate(all, account, questions);
      if ("problem" in result) violations.push(...this.#failed(expression, result.problem, -1));
      else if (typeof result.value === "string" && result.value.trim() !== "") {
        annotations.push({ key: `${this.name}/${key}`, value: cut(result.value.trim()) });
      }
    }
    return { violations, annotations };
  }

  #failed({ text }: Expression, problem: string, index: number): Violation[] {
    return this.#failure(`expression '${text.trim()}' resulted in error: ${problem}`, index);
  }

  #failure(message: string, index = 0): Violation[] {
    return this.isLenient ? [] : [{ message, index }];
  }
}

function messageOf({ message, expression }: V1Validation, evaluated: unknown): string {
  const text = typeof evaluated === "string" ? evaluated.trim() : "";
  const isFit = text !== "" && !text.includes("\n") && Buffer.byteLength(text) <= MAX_MESSAGE_BYTES;
  if (isFit) return text;
  return message?.trim() || `failed expression: ${expression.trim()}`;
}

function cut(text: string): string {
  return Buffer.from(text).subarray(0, MAX_ANNOTATION_BYTES).toString("utf8");
}

export function validatingBinding({
  metadata,
  spec,
}: V1ValidatingAdmissionPolicyBinding): Binding<V1ValidatingAdmissionPolicyBindingSpec> {
  return new Binding(metadata?.name ?? "", spec ?? { policyName: "", validationActions: [] });
}
