import { readFileSync } from "node:fs";
import { packageFile } from "./package-root.ts";

/**
 * What the fields of every built-in type are: made by `schema-build/` from the official models and api-fields.txt, read
 * once. Decoding, protobuf, patches and OpenAPI all run on it.
 */
export interface Field {
  /** Protobuf field number. */
  readonly number: number;
  /** JSON name. */
  readonly name: string;
  /** A scalar (`string`, `bool`, `int32`, `int64`, `double`, `bytes`) or a type's full name (`core.v1.PodSpec`). */
  readonly type: string;
  readonly list?: boolean;
  /** A map from string to `type`. */
  readonly map?: boolean;
  /** Go has a pointer: zero (0, false, "") is a value of its own and kept. */
  readonly pointer?: boolean;
  /** No `omitempty` in Go: written even when zero. */
  readonly always?: boolean;
  /** A struct that is not a pointer in Go: written as `{}` when empty. */
  readonly struct?: boolean;
  readonly required?: boolean;
  /** A message of its own in protobuf whose fields stand in the parent in JSON. */
  readonly inline?: boolean;
  /** Strategic merge: lists are merged by this key. */
  readonly mergeKey?: string;
  readonly strategies?: readonly ("merge" | "retainKeys" | "replace")[];
  /** Server-side apply. */
  readonly listType?: "map" | "set" | "atomic";
  readonly listKeys?: readonly string[];
  readonly atomicMap?: boolean;
  readonly default?: unknown;
  /** Go's name of a string type, for error texts: `v1.RestartPolicy`. */
  readonly goType?: string;
}

/** How a type's JSON looks when it is not an object of its fields. */
export type Shape =
  | "struct"
  | "quantity"
  | "int-or-string"
  | "time"
  | "micro-time"
  | "duration"
  | "any"
  | "strings"
  | "schema-or-array"
  | "schema-or-bool"
  | "schema-or-strings";

export interface TypeSchema {
  /** `core.v1.Pod` */
  readonly name: string;
  readonly shape: Shape;
  /** Server-side apply owns it as a whole. */
  readonly atomic: boolean;
  /** Has kind and apiVersion in JSON (Go embeds TypeMeta). */
  readonly object: boolean;
  /** As in protobuf: inline messages are one field. */
  readonly protoFields: ReadonlyMap<number, Field>;
  /** As in JSON: inline messages are dissolved; in the order in which they are written. */
  readonly fields: readonly Field[];
  /** JSON name -> place in `fields`. */
  readonly index: ReadonlyMap<string, number>;
  /** The class of the official client, where there is one: `V1Pod`. */
  readonly model?: string;
}

export interface Schema {
  /** Throws when there is no such type: names come from our own tables. */
  type(name: string): TypeSchema;
  find(name: string): TypeSchema | undefined;
  names(): string[];
}

export interface RawType {
  readonly atomic?: boolean;
  readonly object?: boolean;
  readonly model?: string;
  readonly fields: readonly Field[];
}

const SHAPES: Readonly<Record<string, Shape>> = {
  Quantity: "quantity",
  IntOrString: "int-or-string",
  "meta.Time": "time",
  "meta.MicroTime": "micro-time",
  "meta.Duration": "duration",
  "meta.FieldsV1": "any",
  "meta.Verbs": "strings",
  "runtime.RawExtension": "any",
  "apiextensions.v1.JSON": "any",
  "apiextensions.v1.JSONSchemaPropsOrArray": "schema-or-array",
  "apiextensions.v1.JSONSchemaPropsOrBool": "schema-or-bool",
  "apiextensions.v1.JSONSchemaPropsOrStringArray": "schema-or-strings",
  "authentication.v1.ExtraValue": "strings",
  "authorization.v1.ExtraValue": "strings",
  "certificates.v1.ExtraValue": "strings",
};

let loaded: Schema | undefined;

/** The schema of all built-in types; read at first use (about 200 kB of JSON), shared after. */
export function loadSchema(): Schema {
  loaded ??= createSchema(
    JSON.parse(readFileSync(packageFile("host/api/generated/schema.json"), "utf8")).types,
  );
  return loaded;
}

/** Types are prepared when first asked for: a cluster uses a fraction of the 600. */
export function createSchema(raw: Readonly<Record<string, RawType>>): Schema {
  const prepared = new Map<string, TypeSchema>();
  const find = (name: string): TypeSchema | undefined => {
    const known = prepared.get(name);
    if (known) return known;
    const source = Object.hasOwn(raw, name) ? raw[name] : undefined;
    if (source === undefined) return undefined;
    const type = prepare(name, source, raw);
    prepared.set(name, type);
    return type;
  };
  return {
    find,
    type: (name) => {
      const type = find(name);
      if (type === undefined) throw new Error(`schema: no type ${name}`);
      return type;
    },
    names: () => Object.keys(raw),
  };
}

function prepare(name: string, source: RawType, raw: Readonly<Record<string, RawType>>): TypeSchema {
  const fields = flatten(source.fields, raw);
  return {
    name,
    shape: SHAPES[name] ?? "struct",
    atomic: source.atomic ?? false,
    object: source.object ?? false,
    protoFields: new Map(source.fields.map((field) => [field.number, field])),
    fields,
    index: new Map(fields.map((field, place) => [field.name, place])),
    model: source.model,
  };
}

function flatten(fields: readonly Field[], raw: Readonly<Record<string, RawType>>): Field[] {
  return fields.flatMap((field) =>
    field.inline ? flatten(raw[field.type]?.fields ?? [], raw) : [alwaysMetadata(field)],
  );
}

/** Metadata is a plain struct in every Go type, so it is always written. */
function alwaysMetadata(field: Field): Field {
  const isMetadata =
    field.name === "metadata" && (field.type === "meta.ObjectMeta" || field.type === "meta.ListMeta");
  return isMetadata && !field.struct ? { ...field, struct: true } : field;
}

/** `core.v1.Pod` -> `v1.Pod`, as Go prints the type in its errors. */
export function goTypeName(type: string): string {
  const parts = type.split(".");
  const name = parts.at(-1)!;
  if (parts.length === 1) return `resource.${name}`;
  return parts.length === 2 ? `v1.${name}` : `${parts[1]}.${name}`;
}
