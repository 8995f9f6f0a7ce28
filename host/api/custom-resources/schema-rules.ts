import { isObject } from "../../apimachinery/copy.ts";
import {
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from "../../apimachinery/field-error.ts";
import { patternOf } from "../cel/pattern.ts";
import { settle } from "./decode.ts";
import { isKnownFormat } from "./formats.ts";
import {
  additionalOf,
  isEmbedded,
  itemsOf,
  preserves,
  propertyOf,
  type Structural,
} from "./structural-schema.ts";
import { validateValue } from "./validate.ts";

const TYPES = ["array", "boolean", "integer", "number", "object", "string"];
const LIST_TYPES = ["atomic", "map", "set"];
const MAP_TYPES = ["atomic", "granular"];

/** What a definition's schema has wrong. Source: apiextensions validation and structural schema; api-policy 7.1. */
export function schemaErrors(schema: Structural, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.type !== "object") {
    errors.push(
      schema.type
        ? invalid(`${path}.type`, schema.type, "must be object at the root")
        : required(`${path}.type`, "must not be empty at the root"),
    );
  }
  const metadata = propertyOf(schema, "metadata");
  if (
    metadata !== undefined &&
    Object.keys(metadata.properties ?? {}).some((one) => one !== "name" && one !== "generateName")
  ) {
    const why =
      "must not specify anything other than name and generateName, but metadata is implicitly specified";
    errors.push(forbiddenField(`${path}.properties[metadata]`, why));
  }
  return [...errors, ...nodeErrors(schema, path, "root"), ...defaultErrors(schema, path)];
}

type Place = "root" | "object fields" | "array items";

const FORBIDDEN: readonly (readonly [keyof Structural, string])[] = [
  ["$ref", "$ref is not supported"],
  ["definitions", "definitions is not supported"],
  ["dependencies", "dependencies is not supported"],
  ["patternProperties", "patternProperties is not supported"],
  ["additionalItems", "additionalItems is not supported"],
  ["id", "id is not supported"],
];

function nodeErrors(schema: Structural, path: string, place: Place): FieldError[] {
  const errors: FieldError[] = FORBIDDEN.filter(([name]) => schema[name] !== undefined).map(([name, why]) =>
    forbiddenField(`${path}.${name}`, why),
  );
  if (schema.uniqueItems) {
    const why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
    errors.push(forbiddenField(`${path}.uniqueItems`, why));
  }
  if (
    schema.properties !== undefined &&
    schema.additionalProperties !== undefined &&
    schema.additionalProperties !== false
  ) {
    errors.push(
      forbiddenField(
        `${path}.additionalProperties`,
        "additionalProperties and properties are mutual exclusive",
      ),
    );
  }
  errors.push(
    ...typeErrors(schema, path, place),
    ...extensionErrors(schema, path),
    ...restrictionErrors(schema, path),
  );
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...nodeErrors(property, `${path}.properties[${name}]`, "object fields"));
  }
  if (isObject(schema.additionalProperties)) {
    errors.push(
      ...nodeErrors(
        schema.additionalProperties as Structural,
        `${path}.additionalProperties`,
        "object fields",
      ),
    );
  }
  const items = itemsOf(schema);
  if (items !== undefined) errors.push(...nodeErrors(items, `${path}.items`, "array items"));
  return errors;
}

function typeErrors(schema: Structural, path: string, place: Place): FieldError[] {
  const { type } = schema;
  if (schema["x-kubernetes-int-or-string"]) {
    return type ? [invalid(`${path}.type`, type, "must be empty if x-kubernetes-int-or-string is true")] : [];
  }
  if (!type) {
    if (place === "root" || preserves(schema)) return [];
    return [required(`${path}.type`, `must not be empty for specified ${place}`)];
  }
  if (!TYPES.includes(type)) return [notSupported(`${path}.type`, type, TYPES)];
  if (type === "array" && itemsOf(schema) === undefined)
    return [required(`${path}.items`, "must be specified")];
  return [];
}

function extensionErrors(schema: Structural, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const say = (name: string, error: (field: string) => FieldError) => errors.push(error(`${path}.${name}`));
  if (schema["x-kubernetes-preserve-unknown-fields"] === false) {
    say("x-kubernetes-preserve-unknown-fields", (field) =>
      invalid(field, false, "must be true or undefined"),
    );
  }
  if (isEmbedded(schema)) {
    if (schema.type !== "object")
      say("type", (field) =>
        invalid(field, schema.type ?? "", "must be object if x-kubernetes-embedded-resource is true"),
      );
    else if (schema.properties === undefined && !preserves(schema)) {
      const why =
        "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
      say("properties", (field) => required(field, why));
    }
  }
  const listType = schema["x-kubernetes-list-type"];
  if (listType !== undefined && !LIST_TYPES.includes(listType)) {
    say("x-kubernetes-list-type", (field) => notSupported(field, listType, ["atomic", "set", "map"]));
  } else if (listType !== undefined && schema.type !== "array") {
    say("type", (field) =>
      invalid(field, schema.type ?? "", "must be array if x-kubernetes-list-type is specified"),
    );
  }
  const mapType = schema["x-kubernetes-map-type"];
  if (mapType !== undefined && !MAP_TYPES.includes(mapType)) {
    say("x-kubernetes-map-type", (field) => notSupported(field, mapType, ["granular", "atomic"]));
  }
  return [...errors, ...keyErrors(schema, path), ...setErrors(schema, path)];
}

function keyErrors(schema: Structural, path: string): FieldError[] {
  const keys = schema["x-kubernetes-list-map-keys"];
  const field = `${path}.x-kubernetes-list-map-keys`;
  if (schema["x-kubernetes-list-type"] !== "map") {
    return keys === undefined
      ? []
      : [
          invalid(
            `${path}.x-kubernetes-list-type`,
            schema["x-kubernetes-list-type"] ?? null,
            "must be map if x-kubernetes-list-map-keys is non-empty",
          ),
        ];
  }
  if (!keys?.length) return [required(field, "must not be empty if x-kubernetes-list-type is map")];
  const items = itemsOf(schema) ?? {};
  const errors: FieldError[] = [];
  for (const [index, key] of keys.entries()) {
    const property = propertyOf(items, key);
    if (property === undefined)
      errors.push(invalid(`${field}[${index}]`, key, "entries must all be names of item properties"));
    else if (!items.required?.includes(key) && property.default === undefined) {
      const why =
        "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
      errors.push(required(`${path}.items.properties[${key}].default`, why));
    }
  }
  if (new Set(keys).size < keys.length)
    errors.push(invalid(field, keys, "must not contain duplicate entries"));
  return errors;
}

function setErrors(schema: Structural, path: string): FieldError[] {
  if (schema["x-kubernetes-list-type"] !== "set") return [];
  const items = itemsOf(schema);
  const why = (what: string) => `must be atomic as item of a list with x-kubernetes-list-type=set${what}`;
  if (items?.type === "object" && items["x-kubernetes-map-type"] !== "atomic") {
    return [invalid(`${path}.items.x-kubernetes-map-type`, items["x-kubernetes-map-type"] ?? null, why(""))];
  }
  if (items?.type === "array" && ![undefined, "atomic"].includes(items["x-kubernetes-list-type"])) {
    return [invalid(`${path}.items.x-kubernetes-list-type`, items["x-kubernetes-list-type"], why(""))];
  }
  return [];
}

/** allOf, anyOf, oneOf and not may only restrict what is said outside of them, and patterns have to compile. */
function restrictionErrors(schema: Structural, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.pattern !== undefined) {
    try {
      patternOf(schema.pattern);
    } catch (error) {
      errors.push(
        invalid(
          `${path}.pattern`,
          schema.pattern,
          `must be a valid regular expression, but isn't: ${error instanceof Error ? error.message : String(error)}`,
        ),
      );
    }
  }
  for (const name of ["allOf", "anyOf", "oneOf"] as const) {
    for (const [index, one] of (schema[name] ?? []).entries()) {
      errors.push(...restrictedErrors(one, schema, `${path}.${name}[${index}]`));
    }
  }
  if (schema.not !== undefined) errors.push(...restrictedErrors(schema.not, schema, `${path}.not`));
  return errors;
}

const NOT_INSIDE = ["type", "description", "default", "nullable", "additionalProperties", "title"] as const;
const EXTENSIONS = [
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-embedded-resource",
  "x-kubernetes-int-or-string",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-list-type",
  "x-kubernetes-map-type",
  "x-kubernetes-validations",
] as const;

function restrictedErrors(schema: Structural, outside: Structural, path: string): FieldError[] {
  const mayHaveType = outside["x-kubernetes-int-or-string"] === true;
  const errors = [...NOT_INSIDE, ...EXTENSIONS]
    .filter((name) => schema[name] !== undefined && !(name === "type" && mayHaveType))
    .map((name) => forbiddenField(`${path}.${name}`, "must be empty to be structural"));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const at = `properties[${name}]`;
    const known = propertyOf(outside, name);
    if (known === undefined && !preserves(outside)) {
      errors.push(
        required(
          `${path.replace(/\.(?:allOf|anyOf|oneOf)\[\d+\]$|\.not$/, "")}.${at}`,
          `because it is defined in ${path}.${at}`,
        ),
      );
    } else errors.push(...restrictedErrors(property, known ?? {}, `${path}.${at}`));
  }
  const items = itemsOf(schema);
  if (items !== undefined) errors.push(...restrictedErrors(items, itemsOf(outside) ?? {}, `${path}.items`));
  return errors;
}

/** Defaults are values of their schema, and say nothing that would be pruned. */
function defaultErrors(schema: Structural, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.default !== undefined) {
    const field = `${path}.default`;
    const unknown: string[] = [];
    settle(schema, schema.default, unknown);
    if (schema.default === null && schema.nullable !== true)
      errors.push(invalid(field, null, "must not be null"));
    else if (unknown.length > 0) errors.push(invalid(field, schema.default, "must not have unknown fields"));
    else errors.push(...validateValue(schema, schema.default, field));
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...defaultErrors(property, `${path}.properties[${name}]`));
  }
  const items = itemsOf(schema);
  if (items !== undefined) errors.push(...defaultErrors(items, `${path}.items`));
  if (isObject(schema.additionalProperties)) {
    errors.push(...defaultErrors(schema.additionalProperties as Structural, `${path}.additionalProperties`));
  }
  return errors;
}

/** A format that nobody checks says nothing: whoever wrote it may have meant another. Source: api-policy 7.1. */
export function formatWarnings(schema: Structural): string[] {
  const { format, properties } = schema;
  const own = format && !isKnownFormat(format) ? [`unrecognized format ${JSON.stringify(format)}`] : [];
  const children = [...Object.values(properties ?? {}), itemsOf(schema), additionalOf(schema)];
  return [...own, ...children.flatMap((child) => (child === undefined ? [] : formatWarnings(child)))];
}
