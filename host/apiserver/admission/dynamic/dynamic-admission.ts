import {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from "../../../api/extension-kinds.ts";
import type { Kind } from "../../../api/kind.ts";
import type { Api, WriteContext } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import type { Attributes } from "../chain.ts";
import { mutateByPolicies } from "../policies/mutating.ts";
import { MutatingPolicy, mutatingBinding } from "../policies/mutating-policy.ts";
import { validateByPolicies } from "../policies/validating.ts";
import { ValidatingPolicy, validatingBinding } from "../policies/validating-policy.ts";
import { mutateByWebhooks } from "../webhooks/mutating.ts";
import { validateByWebhooks } from "../webhooks/validating.ts";
import { webhooksOf } from "../webhooks/webhook.ts";
import { Followed } from "./followed.ts";
import { operationOf } from "./operation.ts";
import { Round } from "./reinvocation.ts";

/** Kinds that decide about admission are not decided about by webhooks: a mistake in one could never be taken back. */
const REGISTRATION = "admissionregistration.k8s.io";
/** Nor are policies by policies; they may be about webhooks. */
const POLICIES = /^(validating|mutating)admissionpolic(ies|ybindings)$/;

/** Admission by what users have put into the cluster: policies, and webhooks that are called. Source: api-policy 4.8, 4.9. */
export class DynamicAdmission {
  readonly #mutatingWebhooks;
  readonly #validatingWebhooks;
  readonly #mutatingPolicies;
  readonly #mutatingBindings;
  readonly #validatingPolicies;
  readonly #validatingBindings;

  constructor(api: Pick<Api, "objects">) {
    this.#mutatingWebhooks = new Followed(api, MutatingWebhookConfiguration, webhooksOf);
    this.#validatingWebhooks = new Followed(api, ValidatingWebhookConfiguration, webhooksOf);
    this.#mutatingPolicies = new Followed(
      api,
      MutatingAdmissionPolicy,
      (policy) => new MutatingPolicy(policy),
    );
    this.#mutatingBindings = new Followed(api, MutatingAdmissionPolicyBinding, mutatingBinding);
    this.#validatingPolicies = new Followed(
      api,
      ValidatingAdmissionPolicy,
      (policy) => new ValidatingPolicy(policy),
    );
    this.#validatingBindings = new Followed(api, ValidatingAdmissionPolicyBinding, validatingBinding);
  }

  get #followed() {
    return [
      this.#mutatingWebhooks,
      this.#validatingWebhooks,
      this.#mutatingPolicies,
      this.#mutatingBindings,
      this.#validatingPolicies,
      this.#validatingBindings,
    ];
  }

  /** Resolves when what is stored counts. */
  async start(): Promise<void> {
    await Promise.all(this.#followed.map((one) => one.fill()));
  }

  stop(): void {
    for (const one of this.#followed) one.stop();
  }

  /** Nobody has put anything here: the usual case, which costs a write nothing. */
  get isIdle(): boolean {
    return (
      this.#mutatingWebhooks.isEmpty &&
      this.#validatingWebhooks.isEmpty &&
      this.#mutatingBindings.isEmpty &&
      this.#validatingBindings.isEmpty
    );
  }

  /**
   * Lets policies and webhooks change the object. Where one did, everybody before them has another look at it.
   *
   * @param again  the plugins that come before, which change the object in place
   * @returns the object as it is then
   */
  async mutate(
    api: Api,
    attributes: Attributes,
    context: WriteContext,
    again: (object: AnyObject) => Promise<void>,
  ): Promise<AnyObject | undefined> {
    const { kind, object: given } = attributes;
    const bindings = isForPolicies(kind, context) ? await this.#mutatingBindings.all() : [];
    const policies = bindings.length === 0 ? [] : await this.#mutatingPolicies.all();
    const webhooks = isForWebhooks(kind, context) ? (await this.#mutatingWebhooks.all()).flat() : [];
    if (policies.length === 0 && webhooks.length === 0) return given;
    const operation = operationOf(attributes, context);
    const rounds = { policies: new Round(), webhooks: new Round() };
    const all = async (from: AnyObject | undefined) => {
      const object =
        from && (await mutateByPolicies(api, policies, bindings, operation, from, rounds.policies, context));
      return mutateByWebhooks(api, webhooks, operation, object, rounds.webhooks, context);
    };
    const object = await all(given);
    const hasChanged = rounds.policies.hasChanged || rounds.webhooks.hasChanged;
    if (!hasChanged || object === undefined) return object;
    for (const round of Object.values(rounds)) round.startSecond();
    await again(object);
    return all(object);
  }

  /** Lets policies and webhooks refuse the object as it is going to be stored. */
  async validate(api: Api, attributes: Attributes, context: WriteContext): Promise<void> {
    const { kind, object } = attributes;
    const operation = operationOf(attributes, context);
    if (isForPolicies(kind, context)) {
      const bindings = await this.#validatingBindings.all();
      const policies = bindings.length === 0 ? [] : await this.#validatingPolicies.all();
      await validateByPolicies(api, policies, bindings, operation, object, context);
    }
    if (isForWebhooks(kind, context)) {
      const webhooks = (await this.#validatingWebhooks.all()).flat();
      await validateByWebhooks(api, webhooks, operation, object, context);
    }
  }
}

function isForWebhooks({ group }: Kind, { isInternal }: WriteContext): boolean {
  return group !== REGISTRATION && isInternal !== true;
}

function isForPolicies({ group, plural }: Kind, { isInternal }: WriteContext): boolean {
  return isInternal !== true && !(group === REGISTRATION && POLICIES.test(plural));
}
