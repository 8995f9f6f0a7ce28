import { apiVersionOf, type Kind } from "../api/kind.ts";
import { decodeObject } from "../apimachinery/decode.ts";
import { ApiError, badRequest } from "../apimachinery/errors.ts";
import { invalid, invalidObject } from "../apimachinery/field-error.ts";
import type { Api, WriteContext } from "./api.ts";
import type { AnyObject } from "./storage/view.ts";

/** A body as parsed, before anything is known of its type. */
export interface Body {
  readonly value: unknown;
  /** What the parser saw and a strict reader refuses: `duplicate field "data.a"`. */
  readonly strictErrors: readonly string[];
}

/** The object of a body: of the right kind, typed, pruned, defaulted; a private copy. */
export function decodeBody(api: Api, kind: Kind, body: Body, context: WriteContext): AnyObject {
  const value = body.value as { kind?: unknown; apiVersion?: unknown } | null;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind.kind}): couldn't get version/kind; ` +
        `json parse error: json: cannot unmarshal ${jsonType(body.value)} into Go value of type ` +
        'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }',
    );
  }
  if (kind.custom === undefined) requireKind(kind, value);
  else requireCustomKind(kind, value as AnyObject);
  const where = { kind: kind.kind, version: kind.version };
  const { object, unknownFields } =
    kind.custom?.decode(value as AnyObject) ?? decodeObject(api.schema, kind.type, value, where);
  const strictErrors = [...body.strictErrors, ...unknownFields.map((path) => `unknown field "${path}"`)];
  if (strictErrors.length > 0 && context.fieldValidation === "Strict") {
    throw badRequest(
      `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ` +
        `strict decoding error: ${strictErrors.join(", ")}`,
    );
  }
  if (context.fieldValidation === "Warn") for (const text of strictErrors) context.warn(text);
  return withDefaults(kind, object as AnyObject);
}

/** Kind and apiVersion said outright, and the kind's defaults. A private object is given, and may be the one that is returned. */
export function withDefaults(kind: Kind, object: AnyObject): AnyObject {
  const typed = isTyped(kind, object) ? object : retyped(kind, object);
  kind.defaults?.(typed);
  return typed;
}

/** Whether it says so already, and in the order in which it is stored: what the decoder makes of most bodies. */
function isTyped(kind: Kind, object: AnyObject): boolean {
  if (object.kind !== kind.kind || object.apiVersion !== apiVersionOf(kind) || object.metadata === undefined)
    return false;
  for (const name in object) return name === "kind";
  return false;
}

function retyped(kind: Kind, object: AnyObject): AnyObject {
  const { kind: _kind, apiVersion: _version, metadata, ...rest } = object;
  return { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata: metadata ?? {}, ...rest };
}

/** A body may leave kind and apiVersion out; what it says must be the kind of the URL. */
function requireKind(kind: Kind, value: { kind?: unknown; apiVersion?: unknown }): void {
  const saidKind = typeof value.kind === "string" && value.kind !== "" ? value.kind : kind.kind;
  const saidVersion =
    typeof value.apiVersion === "string" && value.apiVersion !== "" ? value.apiVersion : apiVersionOf(kind);
  if (saidKind === kind.kind && saidVersion === apiVersionOf(kind)) return;
  const version = saidVersion.slice(saidVersion.indexOf("/") + 1);
  const group = saidVersion.includes("/") ? saidVersion.slice(0, saidVersion.indexOf("/")) : "";
  const inner = kind.group === "" ? "core" : kind.group.split(".")[0];
  const why =
    group === kind.group && version !== kind.version
      ? `no kind "${saidKind}" is registered for version "${saidVersion}" in scheme "pkg/api/legacyscheme/scheme.go:30"`
      : `converting (${version}.${saidKind}) to (${inner}.${kind.kind}): unknown conversion`;
  throw badRequest(`${saidKind} in version "${version}" cannot be handled as a ${kind.kind}: ${why}`);
}

/** The same of a custom resource, in the words of its own server. */
function requireCustomKind(kind: Kind, value: AnyObject): void {
  const wanted = apiVersionOf(kind);
  if (value.apiVersion && value.apiVersion !== wanted) {
    throw badRequest(
      `the API version in the data (${value.apiVersion}) does not match the expected API version (${wanted})`,
    );
  }
  if (!value.kind || value.kind === kind.kind) return;
  const wrong = invalid("kind", value.kind, `must be ${kind.kind}`);
  throw invalidObject({ ...kind, kind: value.kind }, value.metadata?.name ?? "", [wrong]);
}

function jsonType(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
}

/** A failed decoding of a patched object, in the words of a patch (api-wire 14). */
export function patchDecodingError(error: unknown, patched: unknown): unknown {
  if (!(error instanceof ApiError) || error.reason !== "BadRequest") return error;
  const why = error.message.replace(/^.* cannot be handled as a \w+: /, "");
  const message = `Invalid value: ${JSON.stringify(JSON.stringify(patched))}: ${why}`;
  return new ApiError("Invalid", ` "" is invalid: patch: ${message}`, {
    causes: [{ reason: "FieldValueInvalid", message, field: "patch" }],
  });
}
