import { readFileSync } from "node:fs";
import { packageFile } from "../../apimachinery/package-root.ts";
import type { Field, Schema, TypeSchema } from "../../apimachinery/schema.ts";
import { openApiName } from "./type-names.ts";

/**
 * A schema of each type, as OpenAPI 2 ("definitions") or OpenAPI 3 ("components.schemas") says it: the fields from the
 * generated schema, the words from docs.json, and the extensions clients read (merge keys, list types, kinds).
 */
export type JsonObject = { [key: string]: unknown };

export interface GroupVersionKind {
  readonly group: string;
  readonly kind: string;
  readonly version: string;
}

/** What differs between the two versions of OpenAPI. */
export interface Dialect {
  readonly version: 2 | 3;
  /** `#/definitions/` or `#/components/schemas/` */
  readonly prefix: string;
}

export const V2: Dialect = { version: 2, prefix: "#/definitions/" };
export const V3: Dialect = { version: 3, prefix: "#/components/schemas/" };

type Docs = Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;

/** Half a megabyte of descriptions: read for one document, and let go with it. */
export function readDocs(): Docs {
  return JSON.parse(readFileSync(packageFile("host/api/generated/docs.json"), "utf8")) as Docs;
}

/**
 * The schemas of the given types and of all they mention, by OpenAPI name, sorted.
 *
 * @param kindOf  the group, version and kinds a type is known by on the wire
 */
export function definitions(
  schema: Schema,
  docs: Docs,
  roots: readonly string[],
  dialect: Dialect,
  kindOf: (type: string) => readonly GroupVersionKind[] | undefined,
): JsonObject {
  const names = [...reachable(schema, roots)].map((type) => [openApiName(type), type] as const);
  names.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    names.map(([name, type]) => {
      const kinds = kindOf(type);
      return [
        name,
        {
          ...describe(schema, schema.type(type), docs[type] ?? {}, dialect),
          ...(kinds === undefined ? {} : { "x-kubernetes-group-version-kind": kinds }),
        },
      ];
    }),
  );
}

/** Types a definition of its own is made for; the others are written in place. */
function isDefined(type: TypeSchema): boolean {
  return type.shape !== "strings";
}

function reachable(schema: Schema, roots: readonly string[]): Set<string> {
  const found = new Set<string>();
  const open = [...roots];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const type = schema.find(name);
    if (type === undefined || found.has(name) || !isDefined(type)) continue;
    found.add(name);
    if (type.shape !== "struct") continue;
    for (const field of type.fields) if (!isScalar(field.type)) open.push(field.type);
  }
  return found;
}

const SCALARS: Readonly<Record<string, JsonObject>> = {
  string: { type: "string" },
  bool: { type: "boolean" },
  int32: { type: "integer", format: "int32" },
  int64: { type: "integer", format: "int64" },
  double: { type: "number", format: "double" },
  bytes: { type: "string", format: "byte" },
};

function isScalar(type: string): boolean {
  return Object.hasOwn(SCALARS, type);
}

function describe(
  schema: Schema,
  type: TypeSchema,
  docs: Readonly<Record<string, string>>,
  dialect: Dialect,
): JsonObject {
  const description = docs[""] ? { description: docs[""] } : {};
  if (type.shape !== "struct") return { ...description, ...specialShape(type, dialect) };
  const properties = type.fields.map((field): [string, JsonObject] => [
    field.name,
    property(schema, field, docs[field.name], dialect),
  ]);
  if (type.object) {
    for (const name of ["apiVersion", "kind"]) {
      properties.push([name, { ...(docs[name] ? { description: docs[name] } : {}), type: "string" }]);
    }
  }
  properties.sort(([a], [b]) => (a < b ? -1 : 1));
  const required = type.fields.filter((field) => field.required).map((field) => field.name);
  return {
    ...description,
    type: "object",
    ...(required.length > 0 ? { required: required.sort() } : {}),
    ...(properties.length > 0 ? { properties: Object.fromEntries(properties) } : {}),
    ...(type.atomic ? { "x-kubernetes-map-type": "atomic" } : {}),
  };
}

function specialShape(type: TypeSchema, dialect: Dialect): JsonObject {
  switch (type.shape) {
    case "quantity":
      return dialect.version === 3 ? { oneOf: [{ type: "string" }, { type: "number" }] } : { type: "string" };
    case "int-or-string":
      return dialect.version === 3
        ? { format: "int-or-string", oneOf: [{ type: "integer" }, { type: "string" }] }
        : { type: "string", format: "int-or-string" };
    case "time":
    case "micro-time":
      return { type: "string", format: "date-time" };
    case "duration":
      return { type: "string" };
    case "any":
      return type.name === "apiextensions.v1.JSON" ? {} : { type: "object" };
    default:
      return {};
  }
}

function property(
  schema: Schema,
  field: Field,
  description: string | undefined,
  dialect: Dialect,
): JsonObject {
  const words = description ? { description } : {};
  const strategy = field.strategies?.join(",");
  return {
    ...words,
    ...(field.list || field.map ? container(schema, field, dialect) : single(schema, field, dialect)),
    ...defaultOf(schema, field),
    ...(field.atomicMap ? { "x-kubernetes-map-type": "atomic" } : {}),
    ...(field.listKeys ? { "x-kubernetes-list-map-keys": field.listKeys } : {}),
    ...(field.listType ? { "x-kubernetes-list-type": field.listType } : {}),
    ...(field.mergeKey ? { "x-kubernetes-patch-merge-key": field.mergeKey } : {}),
    ...(strategy ? { "x-kubernetes-patch-strategy": strategy } : {}),
  };
}

function container(schema: Schema, field: Field, dialect: Dialect): JsonObject {
  const item = { ...element(schema, field, dialect), ...elementDefault(schema, field, dialect) };
  return field.map ? { type: "object", additionalProperties: item } : { type: "array", items: item };
}

function element(schema: Schema, field: Field, dialect: Dialect): JsonObject {
  if (isScalar(field.type)) return SCALARS[field.type]!;
  return reference(schema, field.type, dialect);
}

function elementDefault(schema: Schema, field: Field, dialect: Dialect): JsonObject {
  if (dialect.version === 2) return {};
  if (field.type === "string") return { default: "" };
  return schema.find(field.type)?.shape === "struct" ? { default: {} } : {};
}

function single(schema: Schema, field: Field, dialect: Dialect): JsonObject {
  return isScalar(field.type) ? SCALARS[field.type]! : reference(schema, field.type, dialect);
}

/** OpenAPI 3 allows no words beside a `$ref`, so it is wrapped. */
function reference(schema: Schema, type: string, dialect: Dialect): JsonObject {
  if (!isDefined(schema.type(type))) return { type: "array", items: { type: "string" } };
  const ref = { $ref: dialect.prefix + openApiName(type) };
  return dialect.version === 3 ? { allOf: [ref] } : ref;
}

function defaultOf(schema: Schema, field: Field): JsonObject {
  if (field.default !== undefined) return { default: field.default };
  if (field.list || field.map || field.pointer) return {};
  if (field.struct) return schema.find(field.type)?.shape === "struct" ? { default: {} } : {};
  if (!field.required) return {};
  if (field.type === "string") return { default: "" };
  if (field.type === "int32" || field.type === "int64") return { default: 0 };
  return field.type === "bool" ? { default: false } : {};
}
