import { parseDuration } from "../../apimachinery/decode-scalar.ts";
import { type FieldError, invalid, required, tooMany } from "../../apimachinery/field-error.ts";
import type { ResourceSpec, UtilizationShapePoint } from "./kube-scheduler-configuration.ts";
import type { ScoredResource, ScoringStrategy } from "./profile.ts";

/** The highest score a point of a shape may have. Source: config.MaxCustomPriorityScore. */
const MAX_POINT_SCORE = 10;
const MAX_UTILIZATION = 100;

/** What a list may hold: the core has a row for each resource, per class. */
const MAX_RESOURCES = 256;

const CPU_AND_MEMORY: readonly ScoredResource[] = [
  { name: "cpu", weight: 1 },
  { name: "memory", weight: 1 },
];

/** A field that the configuration does not have. */
export function unknownField(field: string): FieldError {
  return { reason: "FieldValueInvalid", field, message: "unknown field" };
}

export function checkRange(
  field: string,
  value: number,
  lowest: number,
  highest: number,
  errors: FieldError[],
): void {
  if (value < lowest || value > highest)
    errors.push(invalid(field, value, `not in valid range [${lowest}, ${highest}]`));
}

/** A list of resources: cpu and memory when there is none; a weight of 0 counts as 1. */
export function readResources(
  resources: readonly ResourceSpec[] | undefined,
  field: string,
  errors: FieldError[],
): readonly ScoredResource[] {
  if (resources === undefined || resources.length === 0) return CPU_AND_MEMORY;
  if (resources.length > MAX_RESOURCES) errors.push(tooMany(field, resources.length, MAX_RESOURCES));
  resources.forEach(({ name }, i) => {
    if (name === "") errors.push(required(`${field}[${i}].name`));
  });
  return resources.map(({ name, weight }) => ({ name, weight: weight || 1 }));
}

export function readShape(
  shape: readonly UtilizationShapePoint[] | undefined,
  field: string,
  errors: FieldError[],
): ScoringStrategy["shape"] {
  if (shape === undefined || shape.length === 0) {
    errors.push(required(field, "at least one point must be specified"));
    return [];
  }
  const unsorted = shape.findIndex(({ utilization }, i) => i > 0 && shape[i - 1]!.utilization >= utilization);
  if (unsorted > 0)
    errors.push(
      invalid(
        `${field}[${unsorted}].utilization`,
        shape[unsorted]!.utilization,
        "utilization values must be sorted in increasing order",
      ),
    );
  shape.forEach(({ utilization, score }, i) => {
    checkRange(`${field}[${i}].utilization`, utilization, 0, MAX_UTILIZATION, errors);
    checkRange(`${field}[${i}].score`, score, 0, MAX_POINT_SCORE, errors);
  });
  return shape;
}

/** Milliseconds of a Go duration such as `10s`, as the decoder leaves it. */
export function readDuration(
  text: string | undefined,
  otherwiseMs: number,
  field: string,
  errors: FieldError[],
): number {
  if (text === undefined) return otherwiseMs;
  const nanoseconds = parseDuration(text) ?? 0;
  if (nanoseconds < 0) errors.push(invalid(field, text, "must be greater than or equal to 0"));
  return nanoseconds / 1e6;
}
