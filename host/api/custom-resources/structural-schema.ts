import { isObject } from "../../apimachinery/copy.ts";
import type { FieldType, StructType } from "../../apimachinery/managed-fields/field-type.ts";
import type { V1JSONSchemaProps } from "../generated/types.ts";

/** A structural schema: what every place of an object is, said once and outside of allOf, anyOf, oneOf and not. */
export type Structural = V1JSONSchemaProps;

export function itemsOf({ items }: Structural): Structural | undefined {
  return isObject(items) ? (items as Structural) : undefined;
}

/** The schema of values that are not named; `true` is a schema that says nothing. */
export function additionalOf({ additionalProperties }: Structural): Structural | undefined {
  if (additionalProperties === true) return {};
  return isObject(additionalProperties) ? (additionalProperties as Structural) : undefined;
}

export function propertyOf({ properties }: Structural, name: string): Structural | undefined {
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** The schema of a member of an object, named or not. */
export function memberOf(schema: Structural, name: string): Structural | undefined {
  return propertyOf(schema, name) ?? additionalOf(schema);
}

export function preserves(schema: Structural): boolean {
  return schema["x-kubernetes-preserve-unknown-fields"] === true;
}

export function isEmbedded(schema: Structural): boolean {
  return schema["x-kubernetes-embedded-resource"] === true;
}

const known = new WeakMap<Structural, FieldType>();

/** How server-side apply sees values of the schema. Source: apiextensions' structural schema to typed schema. */
export function fieldTypeOf(schema: Structural): FieldType {
  let type = known.get(schema);
  if (type === undefined) {
    type = makeFieldType(schema);
    known.set(schema, type);
  }
  return type;
}

const UNSAID: FieldType = { is: "deduced" };

function makeFieldType(schema: Structural): FieldType {
  if (schema["x-kubernetes-int-or-string"]) return { is: "scalar", of: "untyped" };
  switch (schema.type) {
    case "string":
      return { is: "scalar", of: "string" };
    case "integer":
    case "number":
      return { is: "scalar", of: "numeric" };
    case "boolean":
      return { is: "scalar", of: "boolean" };
    case "array":
      return listType(schema);
    case "object":
      return objectType(schema);
    default:
      return UNSAID;
  }
}

function listType(schema: Structural): FieldType {
  const items = itemsOf(schema) ?? {};
  const element = fieldTypeOf(items);
  const kind = schema["x-kubernetes-list-type"];
  if (kind === "set") return { is: "list", relation: "set", element, keys: [] };
  if (kind !== "map") return { is: "list", relation: "atomic", element, keys: [] };
  const keys = [...(schema["x-kubernetes-list-map-keys"] ?? [])].sort().map((name) => ({
    name,
    default: propertyOf(items, name)?.default,
  }));
  return { is: "list", relation: "associative", element, keys };
}

function objectType(schema: Structural): FieldType {
  const atomic = schema["x-kubernetes-map-type"] === "atomic";
  const additional = additionalOf(schema);
  if (additional !== undefined) return { is: "map", atomic, element: fieldTypeOf(additional) };
  return structOf(schema, atomic);
}

/** @param more  fields besides those of the schema */
export function structOf(
  schema: Structural,
  atomic = false,
  more: (name: string) => FieldType | undefined = () => undefined,
): StructType {
  const typeOf = (name: string): FieldType | undefined => {
    const property = propertyOf(schema, name);
    return (
      more(name) ??
      (property === undefined ? (preserves(schema) ? UNSAID : undefined) : fieldTypeOf(property))
    );
  };
  return {
    is: "struct",
    atomic,
    field: (name) => {
      const type = typeOf(name);
      return type && { type };
    },
    alwaysThere: [],
  };
}
