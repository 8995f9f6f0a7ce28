import type { V1WebhookConversion } from "../../api/generated/types.ts";
import { isObject } from "../../apimachinery/copy.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import type { KubernetesObject, ObjectMeta } from "../../apimachinery/object.ts";
import { randomUuid } from "../../apimachinery/random.ts";
import type { Api } from "../api.ts";

/** Fixed in Kubernetes. */
const TIMEOUT_SECONDS = 30;
const API_VERSION = "apiextensions.k8s.io/v1";

/**
 * Objects in another version, as a webhook makes them. Throws 500 for a webhook that cannot be asked, or that answers anything
 * but the same objects in that version. Source: apiextensions-apiserver conversion/webhook_converter.go; api-policy 7.4.
 *
 * @param objects  all of one version
 */
export async function convertByWebhook(
  api: Pick<Api, "random" | "webhooks">,
  webhook: V1WebhookConversion | undefined,
  objects: readonly KubernetesObject[],
  apiVersion: string,
): Promise<KubernetesObject[]> {
  const [first] = objects;
  const what = `conversion webhook for ${first?.apiVersion}, Kind=${first?.kind}`;
  const uid = randomUuid(api.random);
  const request = { uid, desiredAPIVersion: apiVersion, objects };
  const review = { kind: "ConversionReview", apiVersion: API_VERSION, request };
  let converted: unknown[];
  try {
    const answer = await api.webhooks.post(webhook?.clientConfig ?? {}, review, TIMEOUT_SECONDS);
    converted = convertedObjects(uid, answer);
  } catch (error) {
    throw failed(`${what} failed: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (converted.length !== objects.length)
    throw failed(`${what} returned ${converted.length} objects, expected ${objects.length}`);
  return converted.map((object, index) => {
    const problem = objectProblem(objects[index]!, object, apiVersion);
    if (problem !== undefined) throw failed(`${what} returned invalid object: ${problem}`);
    return withMetadataOf(objects[index]!, object as KubernetesObject);
  });
}

function failed(message: string): ApiError {
  return new ApiError("", message, {});
}

function convertedObjects(uid: string, answer: unknown): unknown[] {
  const review = isObject(answer) ? answer : {};
  const { kind, apiVersion, response } = review;
  if (kind !== "ConversionReview" || apiVersion !== API_VERSION) {
    throw new Error(
      `expected webhook response of ${API_VERSION}, Kind=ConversionReview, got ${apiVersion}, Kind=${kind}`,
    );
  }
  if (!isObject(response)) throw new Error("no response provided");
  if (response["uid"] !== uid) {
    const got = typeof response["uid"] === "string" ? response["uid"] : "";
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(got)}`);
  }
  const { status = "", message } = isObject(response["result"]) ? response["result"] : {};
  if (status !== "Success") {
    if (typeof message === "string" && message !== "") throw new Error(message);
    throw new Error(`response.result.status was '${status}', not 'Success'`);
  }
  const { convertedObjects: objects } = response;
  return Array.isArray(objects) ? objects : [];
}

function objectProblem(before: KubernetesObject, after: unknown, apiVersion: string): string | undefined {
  if (!isObject(after)) return "it is no object";
  const { kind, apiVersion: got, metadata } = after as KubernetesObject;
  if (got !== apiVersion) return `invalid groupVersion (expected ${apiVersion}, received ${got})`;
  if (kind !== before.kind) return `must have the same kind: ${before.kind} != ${kind}`;
  for (const [field, name] of [
    ["name", "name"],
    ["namespace", "namespace"],
    ["uid", "UID"],
  ] as const) {
    const [was, is] = [before.metadata?.[field] ?? "", metadata?.[field] ?? ""];
    if (was !== is) return `must have the same ${name}: ${was} != ${is}`;
  }
  return undefined;
}

/** Of the metadata a webhook may change labels and annotations. */
function withMetadataOf(before: KubernetesObject, after: KubernetesObject): KubernetesObject {
  const { labels, annotations } = after.metadata ?? {};
  const { labels: _, annotations: __, ...kept } = before.metadata ?? {};
  const metadata: ObjectMeta = {
    ...kept,
    ...(labels ? { labels } : {}),
    ...(annotations ? { annotations } : {}),
  };
  return { ...after, metadata };
}
