import { setOwn } from "./copy.ts";
import { decodeObject } from "./decode.ts";
import { formatDuration } from "./decode-scalar.ts";
import { badRequest } from "./errors.ts";
import { JsonSyntaxError, MAX_DEPTH, parseJson } from "./json-text.ts";
import type { KubernetesObject } from "./object.ts";
import { BYTES, ProtobufError, ProtobufReader, VARINT } from "./protobuf-reader.ts";
import type { Field, Schema, TypeSchema } from "./schema.ts";

/**
 * Request bodies of type application/vnd.kubernetes.protobuf: `kubectl create …` and Go components send them.
 *
 *   "k8s\0"  runtime.Unknown { 1 typeMeta { 1 apiVersion, 2 kind }, 2 raw: the object's message }
 *
 * The message becomes the JSON shape of the same object, which is then decoded like any JSON: one set of rules for both.
 * Source: k8s.io/apimachinery/pkg/runtime/serializer/protobuf (spec api-wire 3).
 */
export interface DecodedProtobuf<T extends KubernetesObject = KubernetesObject> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly object: T;
}

const MAGIC = Buffer.from("k8s\0");

/**
 * @param typeFor  the schema type of an apiVersion and kind; undefined: there is none
 * Throws ApiError 400 for bytes that break off or say what cannot be.
 */
export function decodeProtobuf<T extends KubernetesObject = KubernetesObject>(
  schema: Schema,
  bytes: Uint8Array,
  typeFor: (apiVersion: string, kind: string) => string | undefined,
): DecodedProtobuf<T> {
  const { apiVersion, kind, raw } = readEnvelope(bytes);
  const typeName = typeFor(apiVersion, kind);
  if (typeName === undefined) {
    throw badRequest(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/api/legacyscheme/scheme.go:30"`,
    );
  }
  const version = apiVersion.slice(apiVersion.indexOf("/") + 1);
  try {
    const value = readMessage(schema, schema.type(typeName), new ProtobufReader(raw), 0);
    const { object } = decodeObject<T>(schema, typeName, { kind, apiVersion, ...value }, { kind, version });
    return { apiVersion, kind, object };
  } catch (error) {
    if (!(error instanceof ProtobufError) && !(error instanceof JsonSyntaxError)) throw error;
    throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${error.message}`);
  }
}

interface Envelope {
  apiVersion: string;
  kind: string;
  raw: Uint8Array;
}

function readEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length < 4 || MAGIC.compare(bytes, 0, 4) !== 0) {
    throw badRequest(
      "the object provided is unrecognized: provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    );
  }
  const envelope: Envelope = { apiVersion: "", kind: "", raw: new Uint8Array() };
  try {
    const reader = new ProtobufReader(bytes, 4);
    while (!reader.done) {
      const { number, wire } = reader.tag();
      if (number === 1 && wire === BYTES) Object.assign(envelope, readTypeMeta(reader.message()));
      else if (number === 2 && wire === BYTES) envelope.raw = reader.bytes();
      else reader.skip(wire);
    }
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw badRequest(`the object provided is unrecognized: ${error.message}`);
  }
  return envelope;
}

function readTypeMeta(reader: ProtobufReader): { apiVersion?: string; kind?: string } {
  const meta: { apiVersion?: string; kind?: string } = {};
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (number === 1 && wire === BYTES) meta.apiVersion = reader.string();
    else if (number === 2 && wire === BYTES) meta.kind = reader.string();
    else reader.skip(wire);
  }
  return meta;
}

type JsonMap = Record<string, unknown>;

/** Reads a message into `target`: the fields of an inline message land in its parent. */
function readMessage(
  schema: Schema,
  type: TypeSchema,
  reader: ProtobufReader,
  depth: number,
  target: JsonMap = {},
): JsonMap {
  if (depth > MAX_DEPTH) throw new ProtobufError("proto: message is nested too deeply");
  while (!reader.done) {
    const { number, wire } = reader.tag();
    const field = type.protoFields.get(number);
    if (field === undefined) reader.skip(wire);
    else if (field.inline) {
      expectWire(field, wire, BYTES);
      readMessage(schema, schema.type(field.type), reader.message(), depth + 1, target);
    } else if (field.map) {
      expectWire(field, wire, BYTES);
      readEntry(schema, field, reader.message(), depth, mapOf(target, field.name));
    } else if (field.list) {
      const list = (target[field.name] ?? []) as unknown[];
      target[field.name] = list;
      readElements(schema, field, reader, wire, depth, list);
    } else {
      const value = readValue(schema, field, reader, wire, depth);
      if (value !== undefined) target[field.name] = value;
    }
  }
  return target;
}

function mapOf(target: JsonMap, name: string): JsonMap {
  const map = (target[name] ?? {}) as JsonMap;
  target[name] = map;
  return map;
}

/** One entry of a map: a message of 1 key and 2 value, either of which is zero when left out. */
function readEntry(schema: Schema, field: Field, reader: ProtobufReader, depth: number, map: JsonMap): void {
  let key = "";
  let value: unknown = null;
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (number === 1 && wire === BYTES) key = reader.string();
    else if (number === 2) value = readValue(schema, field, reader, wire, depth) ?? null;
    else reader.skip(wire);
  }
  setOwn(map, key, value);
}

/** Numbers may come packed, many in one stretch of bytes. */
function readElements(
  schema: Schema,
  field: Field,
  reader: ProtobufReader,
  wire: number,
  depth: number,
  list: unknown[],
): void {
  if (wire === BYTES && (field.type === "int32" || field.type === "int64" || field.type === "bool")) {
    const packed = reader.message();
    while (!packed.done) list.push(readValue(schema, field, packed, VARINT, depth));
  } else list.push(readValue(schema, field, reader, wire, depth) ?? null);
}

/** Undefined: a value that is as good as absent (an empty time, no raw JSON). */
function readValue(
  schema: Schema,
  field: Field,
  reader: ProtobufReader,
  wire: number,
  depth: number,
): unknown {
  switch (field.type) {
    case "string":
      expectWire(field, wire, BYTES);
      return reader.string();
    case "bytes":
      expectWire(field, wire, BYTES);
      return reader.bytes().toString("base64");
    case "bool":
      expectWire(field, wire, VARINT);
      return reader.bool();
    case "int32":
      expectWire(field, wire, VARINT);
      return reader.int32();
    case "int64":
      expectWire(field, wire, VARINT);
      return reader.int64();
    case "double":
      expectWire(field, wire, 1);
      return reader.double();
    default:
      expectWire(field, wire, BYTES);
      return readTyped(schema, schema.type(field.type), reader.message(), depth + 1);
  }
}

function readTyped(schema: Schema, type: TypeSchema, reader: ProtobufReader, depth: number): unknown {
  if (type.shape === "struct") return readMessage(schema, type, reader, depth);
  const isEmpty = reader.length === 0;
  const parts = readMessage(schema, type, reader, depth);
  switch (type.shape) {
    case "quantity":
      return parts["string"] === undefined || parts["string"] === "" ? "0" : parts["string"];
    case "int-or-string":
      return parts["type"] === 1 ? (parts["strVal"] ?? "") : (parts["intVal"] ?? 0);
    case "time":
    case "micro-time":
      return isEmpty ? undefined : timeText(Number(parts["seconds"] ?? 0), Number(parts["nanos"] ?? 0));
    case "duration":
      return formatDuration(Number(parts["duration"] ?? 0));
    case "any":
      return rawJson(parts["raw"] ?? parts["Raw"]);
    case "strings":
      return parts["items"] ?? [];
    case "schema-or-array":
      return parts["jSONSchemas"] ?? parts["schema"] ?? {};
    case "schema-or-bool":
      return parts["schema"] ?? parts["allows"] ?? false;
    case "schema-or-strings":
      return parts["schema"] ?? parts["property"] ?? [];
    default:
      return type.shape satisfies never;
  }
}

/** Microseconds are kept for the type that shows them; the other cuts them off when it is decoded. */
function timeText(seconds: number, nanos: number): string {
  // Years 1 to 9999: what RFC 3339 can say.
  if (!(seconds >= -62_135_596_800 && seconds <= 253_402_300_799))
    throw new ProtobufError("time out of range");
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  const micros = Math.floor(Math.abs(nanos) / 1000) % 1_000_000;
  return `${whole}.${String(micros).padStart(6, "0")}Z`;
}

/** Raw JSON inside a message (managed fields, controller revisions). */
function rawJson(base64: unknown): unknown {
  if (typeof base64 !== "string" || base64 === "") return undefined;
  return parseJson(Buffer.from(base64, "base64").toString("utf8"));
}

function expectWire(field: Field, wire: number, expected: number): void {
  if (wire !== expected)
    throw new ProtobufError(`proto: wrong wireType = ${wire} for field ${goName(field.name)}`);
}

function goName(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}
