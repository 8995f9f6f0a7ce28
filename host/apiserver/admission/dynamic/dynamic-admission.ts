import {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from "../../../api/extension-kinds.ts";
import type { Kind } from "../../../api/kind.ts";
import type { Api, WriteContext } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import type { Attributes } from "../chain.ts";
import { mutateByWebhooks } from "../webhooks/mutating.ts";
import { validateByWebhooks } from "../webhooks/validating.ts";
import { webhooksOf } from "../webhooks/webhook.ts";
import { Followed } from "./followed.ts";
import { operationOf } from "./operation.ts";
import { Round } from "./reinvocation.ts";

/** Kinds that decide about admission are not decided about: a mistake in one could never be taken back. */
const EXEMPT_GROUP = "admissionregistration.k8s.io";

/** Admission by what users have put into the cluster: policies, and webhooks that are called. Source: api-policy 4.8, 4.9. */
export class DynamicAdmission {
  readonly #mutatingWebhooks;
  readonly #validatingWebhooks;

  constructor(api: Pick<Api, "objects">) {
    this.#mutatingWebhooks = new Followed(api, MutatingWebhookConfiguration, webhooksOf);
    this.#validatingWebhooks = new Followed(api, ValidatingWebhookConfiguration, webhooksOf);
  }

  /** Resolves when what is stored counts. */
  async start(): Promise<void> {
    await Promise.all([this.#mutatingWebhooks.fill(), this.#validatingWebhooks.fill()]);
  }

  /** Nobody has put anything here: the usual case, which costs a write nothing. */
  get isIdle(): boolean {
    return this.#mutatingWebhooks.isEmpty && this.#validatingWebhooks.isEmpty;
  }

  stop(): void {
    this.#mutatingWebhooks.stop();
    this.#validatingWebhooks.stop();
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
    if (isExempt(attributes.kind, context)) return attributes.object;
    const known = this.#mutatingWebhooks.all();
    const webhooks = (known instanceof Promise ? await known : known).flat();
    if (webhooks.length === 0) return attributes.object;
    const operation = operationOf(attributes, context);
    const round = new Round();
    let object = await mutateByWebhooks(api, webhooks, operation, attributes.object, round, context);
    if (!round.hasChanged || object === undefined) return object;
    round.startSecond();
    await again(object);
    object = await mutateByWebhooks(api, webhooks, operation, object, round, context);
    return object;
  }

  /** Lets policies and webhooks refuse the object as it is going to be stored. */
  async validate(api: Api, attributes: Attributes, context: WriteContext): Promise<void> {
    if (isExempt(attributes.kind, context)) return;
    const known = this.#validatingWebhooks.all();
    const webhooks = (known instanceof Promise ? await known : known).flat();
    if (webhooks.length === 0) return;
    await validateByWebhooks(api, webhooks, operationOf(attributes, context), attributes.object, context);
  }
}

function isExempt({ group }: Kind, { isInternal }: WriteContext): boolean {
  return group === EXEMPT_GROUP || isInternal === true;
}
