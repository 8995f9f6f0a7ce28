import { type FieldError, invalid } from "../apimachinery/field-error.ts";

/**
 * Reads parts of objects that may hold anything anywhere: those of the API server are what their types say, those of a
 * library's caller need not be. What is of another shape counts as absent, and `errors` gets a line.
 */
export function objectsIn<T extends object>(
  value: readonly T[] | undefined,
  field: string,
  errors: FieldError[],
): T[] {
  return listIn(value, field, errors).filter(
    (one, i) => isObject(one) || !errors.push(invalid(`${field}[${i}]`, one, "must be an object")),
  );
}

export function textsIn(value: readonly string[] | undefined, field: string, errors: FieldError[]): string[] {
  return listIn(value, field, errors).filter(
    (one, i) => typeof one === "string" || !errors.push(invalid(`${field}[${i}]`, one, "must be a string")),
  );
}

function listIn<T>(value: readonly T[] | undefined, field: string, errors: FieldError[]): readonly T[] {
  if (Array.isArray(value)) return value;
  if (value !== undefined && value !== null) errors.push(invalid(field, value, "must be a list"));
  return [];
}

/** The object, or an empty one for what is none. */
export function objectIn<T extends object>(value: T | undefined): Partial<T> {
  return isObject(value) ? value : {};
}

/** The text, or "". */
export function textIn(value: string | undefined): string {
  return typeof value === "string" ? value : "";
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
