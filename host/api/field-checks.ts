import { deepEqual } from "../apimachinery/copy.ts";
import {
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from "../apimachinery/field-error.ts";
import { isLabelValue, isPortName, isPortNumber, isQualifiedName } from "../apimachinery/names.ts";
import type { V1LabelSelector, V1LabelSelectorRequirement } from "./generated/types.ts";
import { validateLabels } from "./metadata.ts";

/** Checks of one field that the rules of many kinds are made of. None wrong: no errors. */
export function checked(field: string, value: unknown, messages: readonly string[]): FieldError[] {
  return messages.length === 0 ? [] : messages.map((message) => invalid(field, value, message));
}

export function nonNegative(field: string, value: number | undefined): FieldError[] {
  return value !== undefined && value < 0
    ? [invalid(field, value, "must be greater than or equal to 0")]
    : [];
}

/** A missing value is somebody else's to tell. */
export function oneOf(field: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

export function present(field: string, value: string | undefined, detail = ""): FieldError[] {
  return value ? [] : [required(field, detail)];
}

/** A name that is required and has a form. */
export function named(
  field: string,
  name: string | undefined,
  form: (name: string) => string[],
): FieldError[] {
  return name ? checked(field, name, form(name)) : [required(field)];
}

export function inRange(field: string, value: number | undefined, min: number, max: number): FieldError[] {
  return value === undefined || (value >= min && value <= max)
    ? []
    : [invalid(field, value, `must be between ${min} and ${max}, inclusive`)];
}

export function portNumberOrName(field: string, port: number | string | undefined): FieldError[] {
  if (typeof port === "string") return checked(field, port, isPortName(port));
  return checked(field, port ?? 0, isPortNumber(port ?? 0));
}

/** Source: k8s.io/apimachinery/pkg/apis/meta/v1/validation.ValidateLabelSelector. */
export function validateLabelSelector(field: string, selector: V1LabelSelector | undefined): FieldError[] {
  if (selector === undefined) return [];
  return [
    ...validateLabels(`${field}.matchLabels`, selector.matchLabels),
    ...(selector.matchExpressions ?? []).flatMap((one, index) =>
      validateRequirement(`${field}.matchExpressions[${index}]`, one),
    ),
  ];
}

function validateRequirement(
  field: string,
  { key, operator, values = [] }: V1LabelSelectorRequirement,
): FieldError[] {
  return [
    ...validateOperatorValues(field, operator, values, ["In", "NotIn"]),
    ...checked(`${field}.key`, key, isQualifiedName(key ?? "")),
    ...values.flatMap((value, index) => checked(`${field}.values[${index}]`, value, isLabelValue(value))),
  ];
}

/** Whether an operator is known (beyond `Exists` and `DoesNotExist`) and has the number of values it needs. */
export function validateOperatorValues(
  field: string,
  operator: string,
  values: readonly string[],
  withValues: readonly string[],
): FieldError[] {
  if (operator === "In" || operator === "NotIn")
    return values.length > 0
      ? []
      : [required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
  if (operator === "Exists" || operator === "DoesNotExist")
    return values.length === 0
      ? []
      : [
          forbiddenField(
            `${field}.values`,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
          ),
        ];
  if (withValues.includes(operator))
    return values.length === 1
      ? []
      : [required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")];
  return [invalid(`${field}.operator`, operator ?? "", "not a valid selector operator")];
}

export const MAX_INT32 = 2_147_483_647;

/** A field that may not change. */
export function immutable(field: string, next: unknown, old: unknown): FieldError[] {
  return deepEqual(next, old) ? [] : [invalid(field, next, "field is immutable")];
}
