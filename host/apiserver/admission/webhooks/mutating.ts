import type { Kind } from "../../../api/kind.ts";
import { deepEqual } from "../../../apimachinery/copy.ts";
import { internalError } from "../../../apimachinery/errors.ts";
import { JsonSyntaxError, parseJson } from "../../../apimachinery/json-text.ts";
import { applyJsonPatch, PatchRefused } from "../../../apimachinery/patches/json-patch.ts";
import type { Api, WriteContext } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import { fromVersion } from "../dynamic/from-version.ts";
import { inVersion, type Operation } from "../dynamic/operation.ts";
import type { Round } from "../dynamic/reinvocation.ts";
import { ask, WebhookFailed } from "./ask.ts";
import { denial } from "./review.ts";
import type { Webhook } from "./webhook.ts";

/**
 * Asks the mutating webhooks one after another, each about what the one before it made. In a second round only those are asked
 * again that want to be. Source: k8s.io/apiserver admission/plugin/webhook/mutating/dispatcher.go.
 *
 * @returns the object as it is then
 */
export async function mutateByWebhooks(
  api: Api,
  webhooks: readonly Webhook[],
  operation: Operation,
  given: AnyObject | undefined,
  round: Round,
  context: WriteContext,
): Promise<AnyObject | undefined> {
  let object = given;
  round.begin(object);
  for (const [index, webhook] of webhooks.entries()) {
    const version = await webhook.wants(api, operation, object);
    if (version === undefined || !round.isTurnOf(webhook.id)) continue;
    const note = `mutation.webhook.admission.k8s.io/round_${round.number}_index_${index}`;
    try {
      const next = await mutateByOne(api, webhook, { operation, version, object }, context);
      const isMutated = next !== undefined && !deepEqual(next, object);
      if (isMutated) {
        object = next;
        round.changed();
      }
      context.annotate?.(note, annotation(webhook, isMutated));
    } catch (error) {
      if (!(error instanceof WebhookFailed)) throw error;
      if (!webhook.isIgnorable) throw internalError(error.message);
      context.annotate?.(
        `failed-open.mutation.webhook.admission.k8s.io/round_${round.number}_index_${index}`,
        webhook.said.name,
      );
      api.log.warn("webhook failed open", { webhook: webhook.said.name, error: error.message });
    }
    if ("reinvocationPolicy" in webhook.said && webhook.said.reinvocationPolicy === "IfNeeded")
      round.mayComeAgain(webhook.id);
  }
  round.end(object);
  return object;
}

function annotation(webhook: Webhook, mutated: boolean): string {
  const configuration = webhook.id.slice(0, -webhook.said.name.length - 1);
  return JSON.stringify({ configuration, webhook: webhook.said.name, mutated });
}

/** @returns undefined when the webhook leaves it as it is */
async function mutateByOne(
  api: Api,
  webhook: Webhook,
  shown: { readonly operation: Operation; readonly version: Kind; readonly object: AnyObject | undefined },
  context: WriteContext,
): Promise<AnyObject | undefined> {
  const { operation, version, object } = shown;
  const { name } = webhook.said;
  const review = await ask(api, webhook, true, shown, context);
  if (!review.allowed) throw denial(name, review.status);
  if (review.patch === undefined) return undefined;
  const operations = parsePatch(review.patch);
  if (operations.length === 0) return undefined;
  if (object === undefined) {
    const what = `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`;
    throw internalError(what);
  }
  const patched = patchedBy(operations, inVersion(operation, version, object));
  return fromVersion(api, operation, version, patched, object, context);
}

function parsePatch(text: string): unknown[] {
  try {
    const operations = parseJson(text);
    if (Array.isArray(operations)) return operations;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw internalError(error.message);
  }
  throw internalError("json: cannot unmarshal object into Go value of type jsonpatch.Patch");
}

function patchedBy(operations: unknown[], document: unknown): unknown {
  try {
    return applyJsonPatch(document, operations);
  } catch (error) {
    throw error instanceof PatchRefused ? internalError(error.detail) : error;
  }
}
