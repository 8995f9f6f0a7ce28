import { internalError } from "../../../apimachinery/errors.ts";
import type { Api, WriteContext } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import type { Operation } from "../dynamic/operation.ts";
import { ask, WebhookFailed } from "./ask.ts";
import { denial } from "./review.ts";
import type { Webhook } from "./webhook.ts";

/** Webhooks of one write that are asked at the same time; the others wait for a place. */
const MAX_AT_ONCE = 32;

/**
 * Asks all validating webhooks side by side and waits for all of them; the refusal that came first is the one that is told.
 * Source: k8s.io/apiserver admission/plugin/webhook/validating/dispatcher.go.
 */
export async function validateByWebhooks(
  api: Api,
  webhooks: readonly Webhook[],
  operation: Operation,
  object: AnyObject | undefined,
  context: WriteContext,
): Promise<void> {
  const waiting = [...webhooks.entries()];
  const refusals: unknown[] = [];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, webhook] = next;
      try {
        await validateByOne(api, webhook, index, operation, object, context);
      } catch (error) {
        refusals.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_AT_ONCE, webhooks.length) }, work));
  if (refusals.length > 0) throw refusals[0];
}

async function validateByOne(
  api: Api,
  webhook: Webhook,
  index: number,
  operation: Operation,
  object: AnyObject | undefined,
  context: WriteContext,
): Promise<void> {
  const version = await webhook.wants(api, operation, object);
  if (version === undefined) return;
  const { name } = webhook.said;
  try {
    const { allowed, status } = await ask(api, webhook, false, { operation, version, object }, context);
    if (!allowed) throw denial(name, status);
  } catch (error) {
    if (!(error instanceof WebhookFailed)) throw error;
    if (!webhook.isIgnorable) throw internalError(error.message);
    context.annotate?.(`failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`, name);
    api.log.warn("webhook failed open", { webhook: name, error: error.message });
  }
}
