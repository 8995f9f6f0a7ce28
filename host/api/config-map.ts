import { deepEqual } from "../apimachinery/copy.ts";
import { type FieldError, forbiddenField, invalid, tooLong } from "../apimachinery/field-error.ts";
import { isConfigMapKey } from "../apimachinery/names.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { checked } from "./field-checks.ts";
import type { V1ConfigMap } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** What a ConfigMap or a Secret may hold. */
export const MAX_BYTES = 1_048_576;

export function validateKeys(field: string, entries: object): FieldError[] {
  return Object.keys(entries).flatMap((key) => checked(`${field}[${key}]`, key, isConfigMapKey(key)));
}

/** How many bytes a base64 text stands for. */
export function decodedBytes(base64: string): number {
  return Buffer.byteLength(base64, "base64");
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/** Once `immutable` is set there is no way back. */
export function keptForEver(field: string, next: unknown, old: unknown): FieldError[] {
  const why = "field is immutable when `immutable` is set";
  return deepEqual(next, old) ? [] : [forbiddenField(field, why)];
}

/** Source: api-policy 6.5; api-wire 13. */
export const configMapRules: KindRules<V1ConfigMap> = {
  validate(configMap) {
    const { data = {}, binaryData = {} } = configMap;
    const errors = [
      ...validateKeys("data", data),
      ...Object.keys(data)
        .filter((key) => Object.hasOwn(binaryData, key))
        .map((key) => invalid(`data[${key}]`, key, "duplicate of key present in binaryData")),
      ...validateKeys("binaryData", binaryData),
    ];
    const bytes =
      sum(Object.values(data).map((text) => Buffer.byteLength(text))) +
      sum(Object.values(binaryData).map(decodedBytes));
    return bytes > MAX_BYTES ? [...errors, tooLong("[]", MAX_BYTES)] : errors;
  },
  validateUpdate(next, old) {
    if (!old.immutable) return [];
    return [
      ...keptForEver("immutable", next.immutable ?? false, true),
      ...keptForEver("data", next.data ?? {}, old.data ?? {}),
      ...keptForEver("binaryData", next.binaryData ?? {}, old.binaryData ?? {}),
    ];
  },
  columns: [
    nameColumn,
    column(
      "Data",
      ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
    ),
    ageColumn,
  ],
};
