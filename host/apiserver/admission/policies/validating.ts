import type { V1ValidatingAdmissionPolicyBindingSpec } from "../../../api/generated/types.ts";
import { ApiError, forbidden, type Reason } from "../../../apimachinery/errors.ts";
import type { Api, WriteContext } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import type { Operation } from "../dynamic/operation.ts";
import { type Misconfigured, PolicyRequest } from "./invocations.ts";
import type { Binding, PolicySpec } from "./policy.ts";
import type { ValidatingInvocation, ValidatingPolicy, Violation } from "./validating-policy.ts";

type ValidatingBinding = Binding<V1ValidatingAdmissionPolicyBindingSpec>;

/** Why a write is refused, and by whom; without a binding the policy itself is wrong. */
interface Denial extends Pick<Violation, "message" | "reason"> {
  readonly policy: string;
  readonly binding?: string;
}

/**
 * Asks the validating policies in the order of their names; what is held against the write is refused, warned of or noted, as
 * each binding says. Source: k8s.io/apiserver admission/plugin/policy/validating/dispatcher.go; api-policy 4.8.
 */
export async function validateByPolicies(
  api: Api,
  policies: readonly ValidatingPolicy[],
  bindings: readonly ValidatingBinding[],
  operation: Operation,
  object: AnyObject | undefined,
  context: WriteContext,
): Promise<void> {
  const request = new PolicyRequest(api, operation, object);
  const outcome = new Outcome(context);
  for (const policy of policies) {
    const its = bindings.filter(({ spec }) => spec.policyName === policy.name);
    for (const invocation of await request.invocations(policy, its)) {
      if ("problem" in invocation) outcome.misconfigured(invocation);
      else await outcome.judge(policy, invocation);
    }
  }
  outcome.tell();
  const [first] = outcome.denials;
  if (first !== undefined) throw refusal(operation, first);
}

/** What comes of all policies together. */
class Outcome {
  readonly denials: Denial[] = [];
  readonly #context: WriteContext;
  readonly #annotations = new Map<string, Set<string>>();
  readonly #failures: object[] = [];

  constructor(context: WriteContext) {
    this.#context = context;
  }

  misconfigured({ policy, binding, problem }: Misconfigured<PolicySpec, object>): void {
    if (policy.isLenient) return;
    const by = binding === undefined ? {} : { binding: binding.name };
    this.denials.push({ policy: policy.name, ...by, message: problem });
  }

  async judge(policy: ValidatingPolicy, invocation: ValidatingInvocation): Promise<void> {
    const { violations, annotations } = await policy.judge(invocation);
    const { name: binding, spec } = invocation.binding;
    for (const { message, reason, index } of violations) {
      for (const action of spec.validationActions) {
        if (action === "Deny") this.denials.push({ policy: policy.name, binding, message, reason });
        if (action === "Warn") {
          const by = `ValidatingAdmissionPolicy '${policy.name}' with binding '${binding}'`;
          this.#context.warn(`Validation failed for ${by}: ${message}`);
        }
        if (action === "Audit") {
          const { validationActions } = spec;
          const said = { message, policy: policy.name, binding, expressionIndex: index, validationActions };
          this.#failures.push(said);
        }
      }
    }
    for (const { key, value } of annotations) {
      this.#annotations.set(key, (this.#annotations.get(key) ?? new Set()).add(value));
    }
  }

  /** Notes for the audit what there is to note. */
  tell(): void {
    const { annotate } = this.#context;
    for (const [key, values] of this.#annotations) annotate?.(key, [...values].join(", "));
    if (this.#failures.length === 0) return;
    annotate?.("validation.policy.admission.k8s.io/validation_failure", JSON.stringify(this.#failures));
  }
}

const REASONS = ["Forbidden", "Unauthorized", "RequestEntityTooLarge", "Invalid"] as const;

function refusal({ asked, shownName }: Operation, { policy, binding, message, reason }: Denial): ApiError {
  const by = binding === undefined ? "" : ` with binding '${binding}'`;
  const why = `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${message}`;
  const { status } = forbidden(asked, shownName, why);
  const known: Reason = REASONS.find((one) => one === reason) ?? "Invalid";
  return new ApiError(known, status.message ?? "", { ...status.details, causes: [{ message: why }] });
}
