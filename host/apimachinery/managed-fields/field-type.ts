import type { Field, Schema, TypeSchema } from "../schema.ts";

/** What server-side apply has to know of the values at one place of an object. */
export type FieldType =
  | { readonly is: "scalar"; readonly of: "string" | "numeric" | "boolean" | "untyped" }
  /** Anything goes, and it is owned as a whole. */
  | { readonly is: "any" }
  /** Nobody says what is here: objects are maps of the same, everything else is owned as a whole. */
  | { readonly is: "deduced" }
  | StructType
  | { readonly is: "map"; readonly atomic: boolean; readonly element: FieldType }
  | ListType;

export interface StructType {
  readonly is: "struct";
  readonly atomic: boolean;
  /** Undefined: there is no such field. */
  field(name: string): StructField | undefined;
  /** Fields Go writes even in an object that says nothing: an empty struct, or null. */
  readonly alwaysThere: readonly { readonly name: string; readonly value: "{}" | "null" }[];
}

export interface StructField {
  readonly type: FieldType;
}

export interface ListType {
  readonly is: "list";
  readonly relation: "atomic" | "set" | "associative";
  readonly element: FieldType;
  /** Of an associative list, in order of their names. */
  readonly keys: readonly { readonly name: string; readonly default?: unknown }[];
}

const UNTYPED: FieldType = { is: "scalar", of: "untyped" };
const ANY: FieldType = { is: "any" };
const SCALARS: Readonly<Record<string, FieldType>> = {
  string: { is: "scalar", of: "string" },
  bytes: { is: "scalar", of: "string" },
  bool: { is: "scalar", of: "boolean" },
  int32: { is: "scalar", of: "numeric" },
  int64: { is: "scalar", of: "numeric" },
  double: { is: "scalar", of: "numeric" },
};

const known = new WeakMap<TypeSchema, StructType>();

/** A built-in kind's type, from the generated schema. */
export function structType(schema: Schema, name: string): StructType {
  const type = schema.type(name);
  let struct = known.get(type);
  if (struct === undefined) {
    struct = makeStruct(schema, type);
    known.set(type, struct);
  }
  return struct;
}

function makeStruct(schema: Schema, type: TypeSchema): StructType {
  const fields = new Map<string, StructField>();
  const root: StructField = { type: SCALARS["string"]! };
  return {
    is: "struct",
    atomic: type.atomic,
    field: (name) => {
      let field = fields.get(name);
      if (field !== undefined) return field;
      const place = type.index.get(name);
      if (place === undefined)
        return type.object && (name === "kind" || name === "apiVersion") ? root : undefined;
      field = { type: fieldType(schema, type.fields[place]!) };
      fields.set(name, field);
      return field;
    },
    alwaysThere: type.fields.flatMap((one) => {
      const value = writtenAlways(schema, one);
      return value === undefined ? [] : [{ name: one.name, value }];
    }),
  };
}

function writtenAlways(schema: Schema, field: Field): "{}" | "null" | undefined {
  const { struct, always, list, map, type } = field;
  if (list || map) return always ? "null" : undefined;
  return (struct || always) && isPlainStruct(schema, type) ? "{}" : undefined;
}

function isPlainStruct(schema: Schema, name: string): boolean {
  return schema.find(name)?.shape === "struct";
}

function fieldType(schema: Schema, field: Field): FieldType {
  const element = valueType(schema, field.type);
  if (field.map) return { is: "map", atomic: field.atomicMap === true, element };
  if (!field.list) return field.atomicMap && element.is === "struct" ? { ...element, atomic: true } : element;
  if (field.listType === "set") return { is: "list", relation: "set", element, keys: [] };
  if (field.listType !== "map" || element.is !== "struct") {
    return { is: "list", relation: "atomic", element, keys: [] };
  }
  const item = schema.type(field.type);
  const keys = [...(field.listKeys ?? [])].sort().map((name) => {
    const of = item.fields[item.index.get(name)!]!;
    // A key that is a string is "" where it is left out.
    return { name, default: of.default ?? (of.type === "string" ? "" : undefined) };
  });
  return { is: "list", relation: "associative", element, keys };
}

function valueType(schema: Schema, name: string): FieldType {
  const scalar = SCALARS[name];
  if (scalar !== undefined) return scalar;
  const type = schema.find(name);
  switch (type?.shape) {
    case "struct":
      return structType(schema, name);
    case "quantity":
    case "int-or-string":
      return UNTYPED;
    case "time":
    case "micro-time":
    case "duration":
      return SCALARS["string"]!;
    case "strings":
      return { is: "list", relation: "atomic", element: SCALARS["string"]!, keys: [] };
    default:
      return ANY;
  }
}
