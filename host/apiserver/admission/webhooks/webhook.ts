import { admissionEnvironment } from "../../../api/cel/admission.ts";
import type {
  V1MutatingWebhook,
  V1MutatingWebhookConfiguration,
  V1ValidatingWebhook,
  V1ValidatingWebhookConfiguration,
} from "../../../api/generated/types.ts";
import type { Kind } from "../../../api/kind.ts";
import { badRequest, forbidden } from "../../../apimachinery/errors.ts";
import type { Api } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import { MatchConditions } from "../dynamic/conditions.ts";
import { Subject } from "../dynamic/expressions.ts";
import { type Criteria, matchingVersion } from "../dynamic/match.ts";
import type { Operation } from "../dynamic/operation.ts";

/** One webhook of a configuration, ready to be asked. */
export class Webhook {
  readonly said: V1MutatingWebhook | V1ValidatingWebhook;
  /** Of all webhooks of one sort; names may be the same in two configurations. */
  readonly id: string;
  readonly #criteria: Criteria;
  readonly #conditions: MatchConditions;

  constructor(configuration: string, said: V1MutatingWebhook | V1ValidatingWebhook) {
    this.said = said;
    this.id = `${configuration}/${said.name}`;
    const { rules = [], matchPolicy, namespaceSelector, objectSelector } = said;
    this.#criteria = { rules, matchPolicy, namespaceSelector, objectSelector };
    this.#conditions = new MatchConditions(environment(), said.matchConditions);
  }

  get isIgnorable(): boolean {
    return this.said.failurePolicy === "Ignore";
  }

  /** The version to show it the object in; undefined: it is not asked. Refuses where nobody can say. */
  async wants(api: Api, operation: Operation, object: AnyObject | undefined): Promise<Kind | undefined> {
    const version = await matchingVersion(api, this.#criteria, operation, object);
    if (version === undefined || this.#conditions.isEmpty) return version;
    const result = await this.#conditions.evaluate(new Subject(api, operation, version, object));
    if ("matches" in result) return result.matches ? version : undefined;
    if (this.isIgnorable) return undefined;
    throw forbidden(operation.asked, operation.shownName, result.problem);
  }

  /** Only what has no effects beyond its answer may be asked about a dry run. */
  requireDryRun({ dryRun }: Operation): void {
    const { name, sideEffects } = this.said;
    if (!dryRun || sideEffects === "None" || sideEffects === "NoneOnDryRun") return;
    throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
  }
}

export function webhooksOf({
  metadata,
  webhooks = [],
}: V1MutatingWebhookConfiguration | V1ValidatingWebhookConfiguration): Webhook[] {
  return webhooks.map((one) => new Webhook(metadata?.name ?? "", one));
}

let known: ReturnType<typeof admissionEnvironment> | undefined;

function environment() {
  known ??= admissionEnvironment({ authorizer: true });
  return known;
}
