import type { V1MutatingAdmissionPolicyBindingSpec } from "../../../api/generated/types.ts";
import { deepEqual } from "../../../apimachinery/copy.ts";
import { ApiError, forbidden } from "../../../apimachinery/errors.ts";
import type { Api, WriteContext } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import { fromVersion } from "../dynamic/from-version.ts";
import type { Operation } from "../dynamic/operation.ts";
import type { Round } from "../dynamic/reinvocation.ts";
import { PolicyRequest } from "./invocations.ts";
import type { MutatingInvocation, MutatingPolicy } from "./mutating-policy.ts";
import type { Binding } from "./policy.ts";

type MutatingBinding = Binding<V1MutatingAdmissionPolicyBindingSpec>;

/**
 * Lets the mutating policies change the object, in the order of their names, each upon the others' work. Source: k8s.io/apiserver
 * admission/plugin/policy/mutating/dispatcher.go.
 *
 * @returns the object as it is then
 */
export async function mutateByPolicies(
  api: Api,
  policies: readonly MutatingPolicy[],
  bindings: readonly MutatingBinding[],
  operation: Operation,
  given: AnyObject,
  round: Round,
  context: WriteContext,
): Promise<AnyObject> {
  let object = given;
  round.begin(object);
  for (const policy of policies) {
    const its = bindings.filter(({ spec }) => spec.policyName === policy.name);
    const request = new PolicyRequest(api, operation, object);
    for (const [index, one] of (await request.invocations(policy, its)).entries()) {
      const id = `${policy.name}/${one.binding?.name}/${index}`;
      if (!round.isTurnOf(id)) continue;
      if ("problem" in one) {
        if (!policy.isLenient) throw refusal(operation, policy, one.problem, one.binding);
        continue;
      }
      const next = await mutateByOne(api, policy, one, operation, object, context);
      if (!deepEqual(next, object)) {
        object = next;
        round.changed();
      }
      if (policy.mayComeAgain) round.mayComeAgain(id);
    }
  }
  round.end(object);
  return object;
}

async function mutateByOne(
  api: Api,
  policy: MutatingPolicy,
  invocation: MutatingInvocation,
  operation: Operation,
  object: AnyObject,
  context: WriteContext,
): Promise<AnyObject> {
  const settled = (changed: unknown, before: AnyObject) =>
    fromVersion(api, operation, invocation.version, changed, before, context);
  try {
    return (await policy.mutate(api, operation, invocation, object, settled)) ?? object;
  } catch (error) {
    if (policy.isLenient) return object;
    const why = error instanceof Error ? error.message : String(error);
    throw refusal(operation, policy, why, invocation.binding);
  }
}

/** 403 with the reason Invalid: so it is. Source: k8s.io/apiserver policy/generic/policy_dispatcher.go. */
function refusal(
  { asked, shownName }: Operation,
  { name }: MutatingPolicy,
  why: string,
  binding: MutatingBinding | undefined,
): ApiError {
  const by =
    binding === undefined
      ? `policy ${JSON.stringify(name)}`
      : `policy '${name}' with binding '${binding.name}'`;
  const message = `${by} denied request: ${why}`;
  const { status } = forbidden(asked, shownName, why);
  return new ApiError("Invalid", message, { ...status.details, causes: [{ message }] }, 403);
}
