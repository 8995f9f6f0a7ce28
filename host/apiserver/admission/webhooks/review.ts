import type { Kind } from "../../../api/kind.ts";
import { isObject } from "../../../apimachinery/copy.ts";
import { ApiError, type Status } from "../../../apimachinery/errors.ts";
import type { AnyObject } from "../../storage/view.ts";
import { userInfo } from "../dynamic/expressions.ts";
import { documentKind, inVersion, type Operation, resourceOf } from "../dynamic/operation.ts";

const API_VERSION = "admission.k8s.io/v1";

/** `admission.k8s.io/v1` AdmissionReview, as it is sent. Source: api-policy 4.9. */
export function reviewRequest(
  uid: string,
  operation: Operation,
  version: Kind,
  object: AnyObject | undefined,
): Record<string, unknown> {
  const { asked, subresource, objectName, namespace, name, user, dryRun, options, old } = operation;
  return {
    kind: "AdmissionReview",
    apiVersion: API_VERSION,
    request: {
      uid,
      kind: documentKind(operation, version),
      resource: resourceOf(version),
      ...(subresource === undefined ? {} : { subResource: subresource }),
      requestKind: documentKind(operation, asked),
      requestResource: resourceOf(asked),
      ...(subresource === undefined ? {} : { requestSubResource: subresource }),
      ...(objectName === "" ? {} : { name: objectName }),
      ...(namespace === undefined ? {} : { namespace }),
      operation: name,
      userInfo: userInfo(user),
      object: inVersion(operation, version, object) ?? null,
      oldObject: inVersion(operation, version, old) ?? null,
      dryRun,
      options,
    },
  };
}

/** What a webhook answered, as far as it may be believed. */
export interface Review {
  readonly allowed: boolean;
  readonly status?: Status;
  /** JSON text of the patch; only a mutating webhook gives one. */
  readonly patch?: string;
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
}

/** Throws an Error that says what is wrong with the answer. Source: k8s.io/apiserver webhook/request VerifyAdmissionResponse. */
export function readReview(uid: string, isMutating: boolean, answer: unknown): Review {
  const review = isObject(answer) ? answer : {};
  const { response } = review;
  if (!isObject(response)) throw new Error("webhook response was absent");
  if (response["uid"] !== uid) {
    const got = typeof response["uid"] === "string" ? response["uid"] : "";
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(got)}`);
  }
  const { kind = "", apiVersion = "" } = review;
  if (apiVersion !== API_VERSION || kind !== "AdmissionReview") {
    throw new Error(
      `expected webhook response of ${API_VERSION}, Kind=AdmissionReview, got ${groupVersionKind(apiVersion, kind)}`,
    );
  }
  const patch = patchOf(response, isMutating);
  return {
    allowed: booleanOf(response["allowed"]),
    ...(isObject(response["status"]) ? { status: response["status"] as unknown as Status } : {}),
    ...(patch === undefined ? {} : { patch }),
    warnings: textsOf(response["warnings"]),
    auditAnnotations: annotationsOf(response["auditAnnotations"]),
  };
}

function groupVersionKind(apiVersion: unknown, kind: unknown): string {
  return `${String(apiVersion).includes("/") ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
}

function booleanOf(value: unknown = false): boolean {
  if (typeof value === "boolean") return value;
  throw new Error(
    `json: cannot unmarshal ${typeof value} into Go struct field AdmissionResponse.response.allowed of type bool`,
  );
}

function patchOf(response: Record<string, unknown>, isMutating: boolean): string | undefined {
  const { patch = "", patchType } = response;
  const isGiven = typeof patch === "string" && patch !== "";
  const isTyped = patchType !== undefined && patchType !== null;
  if (!isMutating) {
    if (isGiven) throw new Error("validating webhook may not return response.patch");
    if (isTyped) throw new Error("validating webhook may not return response.patchType");
    return undefined;
  }
  if (isGiven && !isTyped) throw new Error("webhook returned response.patch but not response.patchType");
  if (!isGiven && isTyped) throw new Error("webhook returned response.patchType but not response.patch");
  if (!isGiven) return undefined;
  if (patchType === "") throw new Error('webhook returned invalid response.patchType of ""');
  if (patchType !== "JSONPatch") throw new Error(`unsupported patch type ${JSON.stringify(patchType)}`);
  return Buffer.from(patch as string, "base64").toString("utf8");
}

/** What of a warning is sent on, and how many; the rest is dropped. Source: k8s.io/apiserver warning. */
const MAX_WARNINGS = 100;

function textsOf(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one): one is string => typeof one === "string").slice(0, MAX_WARNINGS);
}

function annotationsOf(value: unknown): Record<string, string> {
  if (!isObject(value)) return {};
  const texts = Object.entries(value).filter((one): one is [string, string] => typeof one[1] === "string");
  return Object.fromEntries(texts);
}

/** The refusal in the webhook's own words, code and reason; a code that is none of a failure becomes 400. */
export function denial(webhookName: string, said: Status | undefined): ApiError {
  const by = `admission webhook ${JSON.stringify(webhookName)} denied the request`;
  const { message, reason, code, details } = said ?? {};
  const isFailure = Number.isInteger(code) && code! >= 400 && code! <= 599;
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  const why = text(message) ?? text(reason);
  return ApiError.fromStatus({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: why === undefined ? `${by} without explanation` : `${by}: ${why}`,
    ...(text(reason) === undefined ? {} : { reason: text(reason) }),
    ...(isObject(details) ? { details } : {}),
    code: isFailure ? code : 400,
  });
}
