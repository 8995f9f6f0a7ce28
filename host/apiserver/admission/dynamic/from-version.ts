import type { Kind } from "../../../api/kind.ts";
import { decodeObject } from "../../../apimachinery/decode.ts";
import { ApiError, badRequest, internalError } from "../../../apimachinery/errors.ts";
import type { Api, WriteContext } from "../../api.ts";
import { decodeBody } from "../../decode-body.ts";
import { asStored } from "../../storage/convert.ts";
import type { AnyObject } from "../../storage/view.ts";
import { documentKind, type Operation } from "./operation.ts";

/** What of the metadata nobody may say but the server. */
const SERVERS_OWN = [
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "managedFields",
  "resourceVersion",
  "uid",
] as const;

/** Schema types of the documents of subresources. */
const DOCUMENT_TYPES: Readonly<Record<string, string>> = {
  Binding: "core.v1.Binding",
  Eviction: "policy.v1.Eviction",
  Scale: "autoscaling.v1.Scale",
  TokenRequest: "authentication.v1.TokenRequest",
};

/**
 * What a webhook or a policy made of an object, as it is stored: typed, pruned and defaulted again, and the server's own
 * metadata as they were. Throws 500 for what is no object of the kind.
 *
 * @param before  the object as it was stored until now
 */
export function fromVersion(
  api: Api,
  operation: Operation,
  version: Kind,
  changed: unknown,
  before: AnyObject,
  context: WriteContext,
): AnyObject {
  const object = operation.isWhole
    ? asStored(version, decoded(api, version, changed, context))
    : decodedDocument(api, operation, version, changed);
  const metadata = { ...object.metadata };
  const was = before.metadata ?? {};
  if ((metadata.namespace ?? was.namespace) !== was.namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  for (const field of SERVERS_OWN) {
    if (was[field] === undefined) delete metadata[field];
    else Object.assign(metadata, { [field]: was[field] });
  }
  return { ...object, metadata };
}

function decoded(api: Api, version: Kind, value: unknown, context: WriteContext): AnyObject {
  try {
    const body = { value, strictErrors: [] };
    return decodeBody(api, version, body, { ...context, fieldValidation: "Ignore" });
  } catch (error) {
    throw error instanceof ApiError ? internalError(error.message) : error;
  }
}

function decodedDocument(api: Api, operation: Operation, version: Kind, value: unknown): AnyObject {
  const { kind, version: apiVersion } = documentKind(operation, version);
  try {
    const where = { kind, version: apiVersion };
    return decodeObject(api.schema, DOCUMENT_TYPES[kind] ?? "", value, where).object as AnyObject;
  } catch (error) {
    throw internalError(error instanceof Error ? error.message : String(error));
  }
}
