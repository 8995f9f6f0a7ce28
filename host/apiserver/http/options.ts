import { isObject } from "../../apimachinery/copy.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import {
  type FieldError,
  forbiddenField,
  notSupported,
  required,
  tooLong,
} from "../../apimachinery/field-error.ts";
import type { DeleteOptions } from "../../client/client.ts";
import type { FieldValidation, User, WriteContext } from "../api.ts";
import type { ListRequest } from "../verbs/list.ts";
import { isTrue } from "./request-info.ts";

const MAX_FIELD_MANAGER_BYTES = 128;

type OptionsKind = "CreateOptions" | "UpdateOptions" | "PatchOptions" | "DeleteOptions";

/** Of a request, what a write is told of it. */
interface Writer {
  readonly user: User;
  readonly userAgent?: string;
  readonly warn: (text: string) => void;
  readonly annotate?: (key: string, value: string) => void;
}

/**
 * The query of a write; mistakes are answered together. Source: api-policy 6.2.
 *
 * @param applies  the patch is an apply configuration: its manager has to be named, and it may be forced
 */
export function writeContext(
  query: URLSearchParams,
  kind: OptionsKind,
  { user, userAgent, warn, annotate }: Writer,
  applies = false,
): WriteContext {
  const errors: FieldError[] = [];
  if (applies && !query.get("fieldManager"))
    errors.push(required("fieldManager", "is required for apply patch"));
  if (kind === "PatchOptions" && !applies && query.get("force")) {
    errors.push(forbiddenField("force", "may not be specified for non-apply patch"));
  }
  const dryRun = query.getAll("dryRun").filter(Boolean);
  if (dryRun.some((one) => one !== "All")) errors.push(notSupported("dryRun", dryRun, ["All"]));
  const validation = query.get("fieldValidation") ?? "";
  if (!["", "Ignore", "Strict", "Warn"].includes(validation)) {
    errors.push(notSupported("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"]));
  }
  const fieldManager = query.get("fieldManager") ?? undefined;
  if (Buffer.byteLength(fieldManager ?? "") > MAX_FIELD_MANAGER_BYTES) {
    errors.push(tooLong("fieldManager", MAX_FIELD_MANAGER_BYTES));
  }
  if (errors.length > 0) throw invalidOptions(kind, errors);
  return {
    user,
    dryRun: dryRun.length > 0,
    fieldValidation: (validation === "" ? "Warn" : validation) as FieldValidation,
    fieldManager: fieldManager || managerOf(userAgent),
    warn,
    annotate,
    asked: {
      ...(fieldManager ? { fieldManager } : {}),
      ...(validation === "" ? {} : { fieldValidation: validation }),
    },
  };
}

/** `kubectl/v1.32.0 (linux/amd64)` manages fields as `kubectl`. Source: managedfields managerOrUserAgent. */
function managerOf(userAgent: string | undefined): string {
  const name = (userAgent ?? "").split("/")[0]!.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, "");
  return name.slice(0, MAX_FIELD_MANAGER_BYTES) || "unknown";
}

export function invalidOptions(kind: string, errors: readonly FieldError[]): ApiError {
  const texts = errors.map((error) => `${error.field}: ${error.message}`);
  const what = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  return new ApiError("Invalid", `${kind}.meta.k8s.io "" is invalid: ${what}`, {
    group: "meta.k8s.io",
    kind,
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}

/** DeleteOptions: the body when there is one, else the query. */
export function deleteOptions(
  body: unknown,
  query: URLSearchParams,
): DeleteOptions & { dryRunAll: string[] } {
  const said = isObject(body) ? body : {};
  const grace = said["gracePeriodSeconds"] ?? numberOf(query.get("gracePeriodSeconds"));
  const orphan = said["orphanDependents"] ?? boolOf(query.get("orphanDependents"));
  const policy = said["propagationPolicy"] ?? query.get("propagationPolicy") ?? undefined;
  if (orphan !== undefined && policy !== undefined) {
    const message = `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set`;
    throw invalidOptions("DeleteOptions", [
      { reason: "FieldValueInvalid", field: "propagationPolicy", message },
    ]);
  }
  const { preconditions } = said as { preconditions?: DeleteOptions["preconditions"] };
  const dryRun = said["dryRun"];
  return {
    ...(typeof grace === "number" ? { gracePeriodSeconds: grace } : {}),
    ...(orphan === undefined ? {} : { propagationPolicy: orphan === true ? "Orphan" : "Background" }),
    ...(typeof policy === "string" ? { propagationPolicy: policy as "Background" } : {}),
    ...(isObject(preconditions) ? { preconditions } : {}),
    dryRunAll: Array.isArray(dryRun) ? dryRun.map(String) : [],
  };
}

export function listRequest(query: URLSearchParams): ListRequest {
  return {
    ...(query.get("limit") ? { limit: integer(query.get("limit")!) } : {}),
    continue: query.get("continue") ?? undefined,
    resourceVersion: query.get("resourceVersion") ?? undefined,
    resourceVersionMatch: query.get("resourceVersionMatch") ?? undefined,
    ...(query.has("sendInitialEvents") ? { sendInitialEvents: isTrue(query.get("sendInitialEvents")) } : {}),
  };
}

export function selectorsOf(query: URLSearchParams): { labelSelector?: string; fieldSelector?: string } {
  return {
    labelSelector: query.get("labelSelector") ?? undefined,
    fieldSelector: query.get("fieldSelector") ?? undefined,
  };
}

export function integer(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) {
    throw new ApiError("BadRequest", `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

function numberOf(text: string | null): number | undefined {
  return text ? integer(text) : undefined;
}

function boolOf(text: string | null): boolean | undefined {
  return text === null ? undefined : isTrue(text);
}
