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
  const list = supported.map(quoteText).join(", ");
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

/** A value as Go prints it in these texts: strings quoted as `%q` does, objects as JSON with `<`, `>` and `&` escaped. */
function quoteValue(value: unknown): string {
  if (value === undefined) return "null";
  if (typeof value === "string") return quoteText(value);
  return JSON.stringify(value).replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

/** Go's strconv.Quote: printable characters as they are, control characters as `\x01`, other invisible ones as `\u200b`. */
export function quoteText(text: string): string {
  const inside = text.replace(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char) => {
    const short = SHORT_ESCAPES[char];
    if (short !== undefined) return short;
    const code = char.codePointAt(0)!;
    const [prefix, digits] = code < 0x80 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
    return `\\${prefix}${code.toString(16).padStart(digits, "0")}`;
  });
  return `"${inside}"`;
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
