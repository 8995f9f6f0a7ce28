import { deepEqual, getOwn, isObject } from "../../apimachinery/copy.ts";
import {
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
} from "../../apimachinery/field-error.ts";
import { patternOf } from "../cel/pattern.ts";
import { hasFormat } from "./formats.ts";
import { itemsOf, memberOf, type Structural } from "./structural-schema.ts";

/**
 * What is wrong with a value by its schema, in the words of go-openapi/validate. A value that an update leaves as it was is
 * not held against the update (ratcheting), except for what belongs to the place and not to the value.
 * Source: api-policy 7.2, 7.3.
 *
 * @param path  `spec.replicas`; "" at the root
 * @param old   the value before, at the same place; undefined when there was none or nobody can say which it was
 */
export function validateValue(schema: Structural, value: unknown, path: string, old?: unknown): FieldError[] {
  if (value === null && schema.nullable === true) return [];
  const isSame = old !== undefined && deepEqual(value, old);
  const wrong = typeError(schema, value, path);
  if (wrong !== undefined) return isSame ? [] : [wrong];
  return [
    ...(isSame ? [] : ownErrors(schema, value, path)),
    ...inside(schema, value, path, old),
    ...combined(schema, value, path),
  ];
}

function typeError(schema: Structural, value: unknown, path: string): FieldError | undefined {
  const kind = jsonType(value);
  const wanted = schema["x-kubernetes-int-or-string"]
    ? ["integer", "string"]
    : schema.type
      ? [schema.type]
      : [];
  if (wanted.length === 0 || wanted.includes(kind)) return undefined;
  if (kind === "integer" && wanted.includes("number")) return undefined;
  const shown = JSON.stringify(kind);
  const message = `Invalid value: ${shown}: ${path} in body must be of type ${wanted.join(",")}: ${shown}`;
  return { reason: "FieldValueTypeInvalid", field: path === "" ? "<nil>" : path, message };
}

/** `2.0` is an integer: JSON has one kind of number. */
function jsonType(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function inBody(path: string, value: unknown, what: string): FieldError {
  return invalid(path, value, `${path} in body ${what}`);
}

function ownErrors(schema: Structural, value: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.enum !== undefined && !schema.enum.some((one) => deepEqual(one, value))) {
    const supported = schema.enum.map((one) => (typeof one === "string" ? one : JSON.stringify(one)));
    errors.push(notSupported(path, value, supported));
  }
  if (typeof value === "string") errors.push(...textErrors(schema, value, path));
  if (typeof value === "number") errors.push(...numberErrors(schema, value, path));
  if (Array.isArray(value))
    errors.push(...sizeErrors(value.length, schema.minItems, schema.maxItems, path, "items"));
  else if (isObject(value)) {
    const count = Object.keys(value).length;
    errors.push(...sizeErrors(count, schema.minProperties, schema.maxProperties, path, "properties"));
  }
  return errors;
}

function textErrors(
  { minLength, maxLength, pattern, format }: Structural,
  value: string,
  path: string,
): FieldError[] {
  const length = [...value].length;
  const errors: FieldError[] = [];
  if (maxLength !== undefined && length > maxLength) errors.push(tooLong(path, maxLength));
  if (minLength !== undefined && length < minLength) {
    errors.push(inBody(path, value, `should be at least ${minLength} chars long`));
  }
  if (pattern !== undefined && !patternOf(pattern).matcher(value).find()) {
    errors.push(inBody(path, value, `should match '${pattern}'`));
  }
  if (format !== undefined && !hasFormat(format, value)) {
    errors.push(inBody(path, value, `must be of type ${format}: ${JSON.stringify(value)}`));
  }
  return errors;
}

function numberErrors(schema: Structural, value: number, path: string): FieldError[] {
  const { minimum, maximum, multipleOf, format } = schema;
  const errors: FieldError[] = [];
  if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum)) {
    errors.push(
      inBody(
        path,
        value,
        `should be greater than ${schema.exclusiveMinimum ? "" : "or equal to "}${minimum}`,
      ),
    );
  }
  if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum)) {
    errors.push(
      inBody(path, value, `should be less than ${schema.exclusiveMaximum ? "" : "or equal to "}${maximum}`),
    );
  }
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) {
    errors.push(inBody(path, value, `should be a multiple of ${multipleOf}`));
  }
  if (format === "int32" && (value > 2147483647 || value < -2147483648)) {
    const message = `Invalid value: "": Checked value must be of type integer with format int32 in ${path}`;
    errors.push({ reason: "FieldValueInvalid", field: "<nil>", message });
  }
  return errors;
}

function isMultiple(value: number, of: number): boolean {
  const times = value / of;
  return Math.abs(times - Math.round(times)) < 1e-9 * Math.max(1, Math.abs(times));
}

function sizeErrors(
  count: number,
  min: number | undefined,
  max: number | undefined,
  path: string,
  what: "items" | "properties",
): FieldError[] {
  if (max !== undefined && count > max) return [tooMany(path, count, max)];
  if (min !== undefined && count < min) return [inBody(path, count, `should have at least ${min} ${what}`)];
  return [];
}

/** What is wrong with the members of an object and the items of a list, and with the list as a set or a map. */
function inside(schema: Structural, value: unknown, path: string, old: unknown): FieldError[] {
  if (Array.isArray(value)) return itemErrors(schema, value, path, old);
  if (!isObject(value)) return [];
  const before = isObject(old) ? old : {};
  const missing = (schema.required ?? []).filter((name) => getOwn(value, name) === undefined);
  return [
    ...missing.map((name) => required(at(path, name))),
    ...Object.entries(value).flatMap(([name, member]) => {
      const type = memberOf(schema, name);
      return type === undefined ? [] : validateValue(type, member, at(path, name), getOwn(before, name));
    }),
  ];
}

function at(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function itemErrors(schema: Structural, items: readonly unknown[], path: string, old: unknown): FieldError[] {
  const type = itemsOf(schema);
  const correlated = correlatedItems(schema, Array.isArray(old) ? old : []);
  const errors = items.flatMap((item, index) =>
    type === undefined ? [] : validateValue(type, item, `${path}[${index}]`, correlated(item)),
  );
  return [...errors, ...repeated(schema, items, path)];
}

/** Finds what an item was before: by its keys in a map-list, by its value in a set; nobody can say in an atomic list. */
export function correlatedItems(schema: Structural, old: readonly unknown[]): (item: unknown) => unknown {
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  switch (schema["x-kubernetes-list-type"]) {
    case "map":
      return finder(old, (item) => keysOf(item, keys));
    case "set":
      return finder(old, (item) => item);
    default:
      return () => undefined;
  }
}

function finder(old: readonly unknown[], identify: (item: unknown) => unknown): (item: unknown) => unknown {
  const known = new Map(old.map((item) => [JSON.stringify(identify(item)), item]));
  return (item) => known.get(JSON.stringify(identify(item)));
}

function keysOf(item: unknown, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, isObject(item) ? getOwn(item, key) : undefined]));
}

function repeated(schema: Structural, items: readonly unknown[], path: string): FieldError[] {
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const kind = schema["x-kubernetes-list-type"];
  if (kind !== "map" && kind !== "set") return [];
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const identity = kind === "map" ? keysOf(item, keys) : item;
    const text = JSON.stringify(identity);
    if (!seen.has(text)) {
      seen.add(text);
      return [];
    }
    return [duplicate(`${path}[${index}]`, identity)];
  });
}

/** allOf, anyOf, oneOf, not: they only restrict, and are told of the whole value. */
function combined(schema: Structural, value: unknown, path: string): FieldError[] {
  const fits = (one: Structural) => validateValue(one, value, path).length === 0;
  const errors: FieldError[] = (schema.allOf ?? []).flatMap((one) => validateValue(one, value, path));
  const say = (what: string) => {
    const message = `Invalid value: "": ${JSON.stringify(path)} must ${what}`;
    errors.push({ reason: "FieldValueInvalid", field: "<nil>", message });
  };
  if (schema.anyOf !== undefined && !schema.anyOf.some(fits)) say("validate at least one schema (anyOf)");
  if (schema.oneOf !== undefined) {
    const valid = schema.oneOf.filter(fits).length;
    const found = valid === 0 ? "Found none valid" : `Found ${valid} valid alternatives`;
    if (valid !== 1) say(`validate one and only one schema (oneOf). ${found}`);
  }
  if (schema.not !== undefined && fits(schema.not)) say("not validate the schema (not)");
  return errors;
}

const BLOCKING = new Set([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);

/** What is said instead of running rules over an object whose shape is not what they were written for. */
export function rulesNotChecked(errors: readonly FieldError[]): FieldError | undefined {
  if (!errors.some(({ reason }) => BLOCKING.has(reason))) return undefined;
  const message =
    "Invalid value: null: some validation rules were not checked because the object was invalid; " +
    "correct the existing errors to complete validation";
  return { reason: "FieldValueInvalid", field: "<nil>", message };
}
