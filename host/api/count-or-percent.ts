import { type FieldError, invalid } from "../apimachinery/field-error.ts";
import { nonNegative } from "./field-checks.ts";

/** A number of pods, or a share of them: `1`, `25%`. */
export type CountOrPercent = number | string;

const NOT_A_PERCENT =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

export function countOrPercent(field: string, value: CountOrPercent | undefined): FieldError[] {
  if (typeof value !== "string") return nonNegative(field, value);
  return /^[0-9]+%$/.test(value) ? [] : [invalid(field, value, NOT_A_PERCENT)];
}

/** A count may be anything; a share is at most all. */
export function atMostAll(field: string, value: CountOrPercent | undefined): FieldError[] {
  if (typeof value !== "string" || !/^[0-9]+%$/.test(value)) return [];
  return Number.parseInt(value, 10) > 100 ? [invalid(field, value, "must not be greater than 100%")] : [];
}

export function isZero(value: CountOrPercent | undefined): boolean {
  return (
    value === undefined || value === 0 || (typeof value === "string" && Number.parseInt(value, 10) === 0)
  );
}
