import type { Kind } from "../../../api/kind.ts";
import { randomUuid } from "../../../apimachinery/random.ts";
import type { Api, WriteContext } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import type { Operation } from "../dynamic/operation.ts";
import { type Review, readReview, reviewRequest } from "./review.ts";
import type { Webhook } from "./webhook.ts";

/** A webhook that could not be asked, or whose answer is no answer: failurePolicy says what becomes of the write. */
export class WebhookFailed extends Error {
  constructor(name: string, why: string) {
    super(`failed calling webhook ${JSON.stringify(name)}: ${why}`);
  }
}

const DEFAULT_TIMEOUT_SECONDS = 10;

/** Asks one webhook, and passes on what it has to say besides its answer. Throws WebhookFailed. */
export async function ask(
  api: Api,
  webhook: Webhook,
  isMutating: boolean,
  shown: { readonly operation: Operation; readonly version: Kind; readonly object: AnyObject | undefined },
  context: WriteContext,
): Promise<Review> {
  const { name, clientConfig, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = webhook.said;
  webhook.requireDryRun(shown.operation);
  const uid = randomUuid(api.random);
  const request = reviewRequest(uid, shown.operation, shown.version, shown.object);
  const answer = await orFailed(name, "failed to call webhook", () =>
    api.webhooks.post(clientConfig, request, timeoutSeconds),
  );
  const review = await orFailed(name, "received invalid webhook response", () =>
    readReview(uid, isMutating, answer),
  );
  for (const [key, value] of Object.entries(review.auditAnnotations))
    context.annotate?.(`${name}/${key}`, value);
  for (const warning of review.warnings) context.warn(warning);
  return review;
}

async function orFailed<T>(name: string, what: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new WebhookFailed(name, `${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
