import type { Kind } from "../../api/kind.ts";
import type { Dialect, JsonObject } from "./definitions.ts";
import { openApiName } from "./type-names.ts";

const OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/** What an older OpenAPI cannot say; clients of that version are told less rather than something wrong. */
const NOT_IN_V2 = ["nullable", "anyOf", "oneOf", "not", "default"];

/** Schemas of custom kinds and their lists, with what every object has. Source: apiextensions controller/openapi/builder. */
export function customDefinitions(kinds: readonly Kind[], dialect: Dialect): JsonObject {
  const definitions: JsonObject = {};
  for (const kind of kinds) {
    if (kind.custom === undefined) continue;
    definitions[openApiName(kind.type)] = objectSchema(kind, dialect);
    definitions[openApiName(`${kind.type}List`)] = listSchema(kind, dialect);
  }
  return definitions;
}

function objectSchema(kind: Kind, dialect: Dialect): JsonObject {
  const schema = forDialect(kind.custom!.openApi, dialect);
  const properties = schema["properties"] as JsonObject | undefined;
  return {
    ...schema,
    properties: { ...TYPE_META, ...properties, metadata: reference(OBJECT_META, dialect) },
    "x-kubernetes-group-version-kind": [{ group: kind.group, kind: kind.kind, version: kind.version }],
  };
}

function listSchema(kind: Kind, dialect: Dialect): JsonObject {
  const items = { type: "array", items: { $ref: dialect.prefix + openApiName(kind.type) } };
  return {
    description: `${kind.kind}List is a list of ${kind.kind}`,
    type: "object",
    required: ["items"],
    properties: { ...TYPE_META, items, metadata: reference(LIST_META, dialect) },
    "x-kubernetes-group-version-kind": [
      { group: kind.group, kind: `${kind.kind}List`, version: kind.version },
    ],
  };
}

const TYPE_META: JsonObject = {
  apiVersion: {
    description:
      "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized " +
      "schemas to the latest internal value, and may reject unrecognized values.",
    type: "string",
  },
  kind: {
    description: "Kind is a string value representing the REST resource this object represents.",
    type: "string",
  },
};

function reference(name: string, dialect: Dialect): JsonObject {
  const ref = { $ref: dialect.prefix + name };
  return dialect.version === 3 ? { allOf: [ref] } : ref;
}

function forDialect(schema: Readonly<Record<string, unknown>>, dialect: Dialect): JsonObject {
  if (dialect.version === 3) return { ...schema };
  return withoutNames(schema) as JsonObject;
}

/** A schema without the words the old version lacks, all the way down; a property may be called like one of them. */
function withoutNames(schema: Readonly<Record<string, unknown>>): JsonObject {
  const inner = (value: unknown) => withoutNames(value as Record<string, unknown>);
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name]) => !NOT_IN_V2.includes(name))
      .map(([name, value]) => {
        if (name === "properties") {
          return [
            name,
            Object.fromEntries(Object.entries(value as object).map(([key, one]) => [key, inner(one)])),
          ];
        }
        const isSchema = (name === "items" || name === "additionalProperties") && typeof value === "object";
        return [name, isSchema ? inner(value) : value];
      }),
  );
}
