import { setOwn } from "./copy.ts";
import { CleanDecoder } from "./decode-clean.ts";
import { DecodeError, jsonKind } from "./decode-error.ts";
import {
  decodeBase64,
  decodeDuration,
  decodeMicroTime,
  decodeQuantity,
  decodeTime,
} from "./decode-scalar.ts";
import { badRequest } from "./errors.ts";
import type { KubernetesObject } from "./object.ts";
import { type Field, goTypeName, type Schema, type TypeSchema } from "./schema.ts";

/**
 * From a JSON value to a typed object, as Go's decoder does it (sigs.k8s.io/json): wrong types are errors in Go's words,
 * null is absent, zero of a field that is not a pointer is absent, unknown fields are dropped and reported. The result
 * is canonical: quantities and times in their one form, fields in the schema's order, what Kubernetes always writes
 * present. It holds null nowhere but in free-form JSON.
 */
export interface Decoded<T extends KubernetesObject = KubernetesObject> {
  readonly object: T;
  /** Paths such as `spec.containers[0].foo`, in the document's order; at most 100. */
  readonly unknownFields: string[];
}

/** Names the document in an error: `Deployment in version "v1" cannot be handled as a Deployment: …`. */
export interface DecodedAs {
  readonly kind: string;
  readonly version: string;
}

/** Kubernetes stops counting strict errors here too. */
const MAX_UNKNOWN_FIELDS = 100;

/** Decodes a whole document. Throws ApiError 400 in Kubernetes' words. */
export function decodeObject<T extends KubernetesObject = KubernetesObject>(
  schema: Schema,
  typeName: string,
  value: unknown,
  where: DecodedAs,
): Decoded<T> {
  try {
    const { value: object, unknownFields } = decodeValue(schema, typeName, value);
    return { object: object as T, unknownFields };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw badRequest(
      `${where.kind} in version "${where.version}" cannot be handled as a ${where.kind}: ${error.message}`,
    );
  }
}

/** Decodes a value of any type of the schema. Throws DecodeError. */
export function decodeValue(
  schema: Schema,
  typeName: string,
  value: unknown,
): { value: unknown; unknownFields: string[] } {
  const clean =
    typeof value === "object" && value !== null ? cleanDecoder(schema).decode(typeName, value) : undefined;
  return clean === undefined ? decodeAnyValue(schema, typeName, value) : { value: clean, unknownFields: [] };
}

/** One for each schema; there is one for all built-in types. */
const cleanDecoders = new WeakMap<Schema, CleanDecoder>();

function cleanDecoder(schema: Schema): CleanDecoder {
  let decoder = cleanDecoders.get(schema);
  if (decoder === undefined) {
    decoder = new CleanDecoder(schema);
    cleanDecoders.set(schema, decoder);
  }
  return decoder;
}

/** The long way, which knows what to say of everything. */
export function decodeAnyValue(
  schema: Schema,
  typeName: string,
  value: unknown,
): { value: unknown; unknownFields: string[] } {
  const type = schema.type(typeName);
  const reading: Reading = { schema, unknown: [], fields: [] };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DecodeError(
      `json: cannot unmarshal ${jsonKind(value)} into Go value of type ${goTypeName(typeName)}`,
    );
  }
  const object = decodeStruct(reading, type, value as Record<string, unknown>);
  return { value: object, unknownFields: reading.unknown };
}

/** One document being read. */
interface Reading {
  readonly schema: Schema;
  /** Unknown fields, relative to the struct in hand; each level puts its own name before those of its children. */
  readonly unknown: string[];
  /** JSON names on the way to the field in hand; Go's errors print them without indexes and map keys. */
  readonly fields: string[];
}

function decodeStruct(
  reading: Reading,
  type: TypeSchema,
  source: Record<string, unknown>,
): Record<string, unknown> {
  const slots = new Array<unknown>(type.fields.length);
  for (const name of Object.keys(source)) {
    const place = type.index.get(name);
    if (place === undefined) {
      if (type.object && (name === "kind" || name === "apiVersion")) checkTypeMeta(type, name, source[name]);
      else if (reading.unknown.length < MAX_UNKNOWN_FIELDS) reading.unknown.push(name);
      continue;
    }
    const value = source[name];
    if (value === null || value === undefined) continue;
    const field = type.fields[place]!;
    const before = reading.unknown.length;
    reading.fields.push(name);
    slots[place] = decodeField(reading, type, field, value);
    reading.fields.pop();
    prefixUnknown(reading, before, name);
  }
  return assemble(reading, type, slots, source);
}

/** Children reported `foo` or `[0].foo`: in the parent that is `name.foo` or `name[0].foo`. */
function prefixUnknown(reading: Reading, from: number, name: string): void {
  for (let i = from; i < reading.unknown.length; i++) {
    const path = reading.unknown[i]!;
    reading.unknown[i] = path.startsWith("[") ? name + path : `${name}.${path}`;
  }
}

function assemble(
  reading: Reading,
  type: TypeSchema,
  slots: readonly unknown[],
  source: Record<string, unknown>,
): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  if (type.object) {
    if (typeof source.kind === "string" && source.kind !== "") object.kind = source.kind;
    if (typeof source.apiVersion === "string" && source.apiVersion !== "")
      object.apiVersion = source.apiVersion;
  }
  for (let i = 0; i < type.fields.length; i++) {
    const field = type.fields[i]!;
    let value = slots[i];
    if (value === undefined && (field.always || field.struct)) value = zeroValue(reading, field);
    if (value !== undefined) object[field.name] = value;
  }
  return object;
}

function checkTypeMeta(type: TypeSchema, name: string, value: unknown): void {
  if (typeof value === "string" || value === null || value === undefined) return;
  throw new DecodeError(
    `json: cannot unmarshal ${jsonKind(value)} into Go struct field ${shortName(type.name)}.${name} of type string`,
  );
}

/**
 * What a field that is always written holds when nothing was said. Where Go writes null (a list, a pointer, a time) a
 * list is empty and the others are absent: null would break the types that say what a field holds.
 */
function zeroValue(reading: Reading, field: Field): unknown {
  if (field.list) return [];
  if (field.map) return {};
  if (field.pointer) return undefined;
  switch (field.type) {
    case "string":
      return "";
    case "bool":
      return false;
    case "int32":
    case "int64":
    case "double":
      return 0;
    case "bytes":
      return undefined;
    case "IntOrString":
      // An optional port left out (Service.targetPort) is defaulted, never shown as 0.
      return field.always ? 0 : undefined;
    case "Quantity":
      return "0";
  }
  const type = reading.schema.type(field.type);
  return type.shape === "struct" ? decodeStruct(reading, type, {}) : undefined;
}

/** Undefined: the field is as good as absent (an empty list, a zero of a field that is not a pointer). */
function decodeField(reading: Reading, owner: TypeSchema, field: Field, value: unknown): unknown {
  if (field.map) return decodeMap(reading, owner, field, value);
  if (field.list) return decodeList(reading, owner, field, value);
  const decoded = decodeOne(reading, owner, field, value);
  return field.pointer || field.always || !isOmittedZero(field, decoded) ? decoded : undefined;
}

/**
 * Whether a value is the zero that Go's omitempty leaves out. IntOrString marshals itself, so its zero stays; but an
 * optional port (Service.targetPort) of zero counts as left out, as Go's defaulting cannot tell the two apart.
 */
function isOmittedZero(field: Field, value: unknown): boolean {
  switch (field.type) {
    case "string":
    case "bool":
    case "int32":
    case "int64":
    case "double":
    case "bytes":
      return value === "" || value === 0 || value === false;
    case "IntOrString":
      return field.struct === true && (value === "" || value === 0);
    default:
      return false;
  }
}

function decodeList(
  reading: Reading,
  owner: TypeSchema,
  field: Field,
  value: unknown,
): unknown[] | undefined {
  if (!Array.isArray(value)) throw mismatch(reading, owner, value, goFieldType(field));
  if (value.length === 0 && !field.always) return undefined;
  const items = new Array<unknown>(value.length);
  for (let i = 0; i < value.length; i++) {
    const before = reading.unknown.length;
    items[i] = value[i] === null ? nullElement(reading, field) : decodeOne(reading, owner, field, value[i]);
    prefixUnknown(reading, before, `[${i}]`);
  }
  return items;
}

function decodeMap(
  reading: Reading,
  owner: TypeSchema,
  field: Field,
  value: unknown,
): Record<string, unknown> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw mismatch(reading, owner, value, goFieldType(field));
  }
  const keys = Object.keys(value);
  if (keys.length === 0 && !field.always) return undefined;
  const map: Record<string, unknown> = {};
  for (const key of keys) {
    const member = (value as Record<string, unknown>)[key];
    const before = reading.unknown.length;
    setOwn(
      map,
      key,
      member === null ? nullElement(reading, field) : decodeOne(reading, owner, field, member),
    );
    prefixUnknown(reading, before, key);
  }
  return map;
}

/** Go puts a zero where a list or map holds null. */
function nullElement(reading: Reading, field: Field): unknown {
  if (field.type === "bytes") return "";
  return zeroValue(reading, { ...field, list: false, map: false, pointer: false, always: true }) ?? null;
}

function decodeOne(reading: Reading, owner: TypeSchema, field: Field, value: unknown): unknown {
  switch (field.type) {
    case "string":
      if (typeof value === "string") return value;
      throw mismatch(reading, owner, value, field.goType ?? "string");
    case "bool":
      if (typeof value === "boolean") return value;
      throw mismatch(reading, owner, value, "bool");
    case "int32":
      if (typeof value === "number" && (value | 0) === value) return value;
      throw mismatch(reading, owner, value, "int32");
    case "int64":
      if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= 2 ** 63) return value;
      throw mismatch(reading, owner, value, "int64");
    case "double":
      if (typeof value === "number") return value;
      throw mismatch(reading, owner, value, "float64");
    case "bytes":
      if (typeof value === "string") return decodeBase64(value);
      throw mismatch(reading, owner, value, "[]uint8");
    case "Quantity":
      return decodeQuantity(value, field.map === true);
    default:
      return decodeTyped(reading, owner, reading.schema.type(field.type), value);
  }
}

function decodeTyped(reading: Reading, owner: TypeSchema, type: TypeSchema, value: unknown): unknown {
  switch (type.shape) {
    case "struct":
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        throw mismatch(reading, owner, value, goTypeName(type.name));
      }
      return decodeStruct(reading, type, value as Record<string, unknown>);
    case "any":
      return value;
    case "time":
      return decodeTime(value);
    case "micro-time":
      return decodeMicroTime(value);
    case "duration":
      return decodeDuration(value);
    case "int-or-string":
      if (typeof value === "string" || (typeof value === "number" && (value | 0) === value)) return value;
      throw new DecodeError(`json: cannot unmarshal ${jsonNumber(value)} into Go value of type int32`);
    case "strings":
      return decodeStrings(reading, owner, type, value);
    case "schema-or-array":
    case "schema-or-bool":
    case "schema-or-strings":
      return decodeSchemaUnion(reading, type, value);
    case "quantity":
      return decodeQuantity(value, false);
    default:
      return type.shape satisfies never;
  }
}

function decodeStrings(reading: Reading, owner: TypeSchema, type: TypeSchema, value: unknown): unknown {
  if (!Array.isArray(value)) throw mismatch(reading, owner, value, goTypeName(type.name));
  return value.map((item: unknown) => {
    if (typeof item === "string") return item;
    if (item === null) return "";
    throw mismatch(reading, owner, item, "string");
  });
}

/** Places of a CRD's schema that hold a schema or something simpler. */
function decodeSchemaUnion(reading: Reading, union: TypeSchema, value: unknown): unknown {
  const type = reading.schema.type("apiextensions.v1.JSONSchemaProps");
  const nested = (schema: unknown) => decodeTyped(reading, union, type, schema);
  if (union.shape === "schema-or-bool" && typeof value === "boolean") return value;
  if (union.shape === "schema-or-strings" && Array.isArray(value)) {
    return decodeStrings(reading, union, union, value);
  }
  if (union.shape === "schema-or-array" && Array.isArray(value)) {
    return value.map((schema: unknown, i) => {
      const before = reading.unknown.length;
      const decoded = nested(schema);
      prefixUnknown(reading, before, `[${i}]`);
      return decoded;
    });
  }
  if (
    union.shape === "schema-or-bool" &&
    (typeof value !== "object" || value === null || Array.isArray(value))
  ) {
    throw new DecodeError("boolean or JSON schema expected");
  }
  return nested(value);
}

/** `json: cannot unmarshal number into Go struct field PodSpec.spec.hostNetwork of type bool` */
function mismatch(reading: Reading, owner: TypeSchema, value: unknown, goType: string): DecodeError {
  const kind = goType === "int32" || goType === "int64" ? jsonNumber(value) : jsonKind(value);
  const field = `${shortName(owner.name)}.${reading.fields.join(".")}`;
  return new DecodeError(`json: cannot unmarshal ${kind} into Go struct field ${field} of type ${goType}`);
}

function shortName(type: string): string {
  return type.slice(type.lastIndexOf(".") + 1);
}

const GO_SCALARS: Readonly<Record<string, string>> = { bytes: "[]uint8", double: "float64" };

/** The Go type of a list or map field: `[]v1.Container`, `map[string]string`. */
function goFieldType(field: Field): string {
  if (field.map && field.type === "Quantity") return "v1.ResourceList";
  const isScalar = !field.type.includes(".") && field.type !== "Quantity" && field.type !== "IntOrString";
  const scalar = field.goType ?? GO_SCALARS[field.type] ?? field.type;
  const item = isScalar ? scalar : goTypeName(field.type);
  return field.map ? `map[string]${item}` : `[]${item}`;
}

/** A number that does not fit an integer is named with its digits. */
function jsonNumber(value: unknown): string {
  return typeof value === "number" ? `number ${value}` : jsonKind(value);
}

export { type ParsedBody, parseBody } from "./parse-body.ts";
