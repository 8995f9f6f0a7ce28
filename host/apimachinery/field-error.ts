import { ApiError, type ResourceName, type StatusCause } from "./errors.ts";

/**
 * One thing wrong with one field, in the API's words. A validator collects them all; they are answered together.
 * Source: k8s.io/apimachinery/pkg/util/validation/field.
 */
export interface FieldError {
  readonly reason: string;
  /** `spec.containers[0].name` */
  readonly field: string;
  /** What follows the field: `Required value`, `Invalid value: -1: must be greater than or equal to 0` */
  readonly message: string;
}

function withDetail(text: string, detail: string): string {
  return detail === "" ? text : `${text}: ${detail}`;
}

export function required(field: string, detail = ""): FieldError {
  return { reason: "FieldValueRequired", field, message: withDetail("Required value", detail) };
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return {
    reason: "FieldValueInvalid",
    field,
    message: withDetail(`Invalid value: ${quoteValue(value)}`, detail),
  };
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const list = supported.map((one) => JSON.stringify(one)).join(", ");
  const message = withDetail(
    `Unsupported value: ${quoteValue(value)}`,
    list === "" ? "" : `supported values: ${list}`,
  );
  return { reason: "FieldValueNotSupported", field, message };
}

export function forbiddenField(field: string, detail: string): FieldError {
  return { reason: "FieldValueForbidden", field, message: withDetail("Forbidden", detail) };
}

export function duplicate(field: string, value: unknown): FieldError {
  return { reason: "FieldValueDuplicate", field, message: `Duplicate value: ${quoteValue(value)}` };
}

export function notFoundValue(field: string, value: unknown): FieldError {
  return { reason: "FieldValueNotFound", field, message: `Not found: ${quoteValue(value)}` };
}

export function tooLong(field: string, maxBytes: number): FieldError {
  return { reason: "FieldValueTooLong", field, message: `Too long: may not be more than ${maxBytes} bytes` };
}

export function tooMany(field: string, count: number, max: number): FieldError {
  return {
    reason: "FieldValueTooMany",
    field,
    message: `Too many: ${count}: must have at most ${max} items`,
  };
}

/** A value as Go prints it in these texts: strings quoted, objects as JSON. */
function quoteValue(value: unknown): string {
  return value === undefined ? "null" : JSON.stringify(value);
}

/** 422 with every error, in Kubernetes' layout: one plain, several in brackets, equal ones once. */
export function invalidObject(resource: ResourceName, name: string, errors: readonly FieldError[]): ApiError {
  const causes: StatusCause[] = errors.map(({ reason, message, field }) => ({ reason, message, field }));
  const texts = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))];
  const what = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const kind = resource.group === "" ? resource.kind : `${resource.kind}.${resource.group}`;
  return new ApiError("Invalid", `${kind} "${name}" is invalid: ${what}`, {
    name,
    ...(resource.group === "" ? {} : { group: resource.group }),
    kind: resource.kind,
    causes,
  });
}
