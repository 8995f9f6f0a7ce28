import type { Field, Schema, TypeSchema } from "./schema.ts";

/**
 * Writes what Go would write for an object, for tests only: zero scalars are written too, as gogo-protobuf does for
 * fields that are no pointers.
 */
export function encodeProtobuf(
  schema: Schema,
  typeName: string,
  apiVersion: string,
  kind: string,
  value: Record<string, unknown>,
): Buffer {
  const meta = Buffer.concat([bytesField(1, Buffer.from(apiVersion)), bytesField(2, Buffer.from(kind))]);
  const raw = message(schema, schema.type(typeName), value);
  return Buffer.concat([Buffer.from("k8s\0"), bytesField(1, meta), bytesField(2, raw)]);
}

function message(schema: Schema, type: TypeSchema, value: Record<string, unknown>): Buffer {
  const parts: Buffer[] = [];
  for (const field of type.protoFields.values()) {
    if (field.inline) {
      parts.push(bytesField(field.number, message(schema, schema.type(field.type), value)));
      continue;
    }
    const member = value[field.name];
    if (member === undefined) continue;
    if (field.map) {
      for (const [key, item] of Object.entries(member as Record<string, unknown>)) {
        const entry = [bytesField(1, Buffer.from(key)), element(schema, { ...field, number: 2 }, item)];
        parts.push(bytesField(field.number, Buffer.concat(entry)));
      }
    } else if (field.list) {
      for (const item of member as unknown[]) parts.push(element(schema, field, item));
    } else parts.push(element(schema, field, member));
  }
  return Buffer.concat(parts);
}

function element(schema: Schema, field: Field, value: unknown): Buffer {
  switch (field.type) {
    case "string":
      return bytesField(field.number, Buffer.from(value as string));
    case "bytes":
      return bytesField(field.number, Buffer.from(value as string, "base64"));
    case "bool":
      return varintField(field.number, value ? 1 : 0);
    case "int32":
    case "int64":
      return varintField(field.number, value as number);
    case "double": {
      const bits = Buffer.alloc(8);
      bits.writeDoubleLE(value as number);
      return Buffer.concat([varint(BigInt(field.number * 8 + 1)), bits]);
    }
    default:
      return bytesField(field.number, typed(schema, schema.type(field.type), value));
  }
}

function typed(schema: Schema, type: TypeSchema, value: unknown): Buffer {
  const text = (number: number, content: unknown) => bytesField(number, Buffer.from(String(content)));
  switch (type.shape) {
    case "struct":
      return message(schema, type, value as Record<string, unknown>);
    case "quantity":
      return text(1, value);
    case "int-or-string":
      return typeof value === "number"
        ? Buffer.concat([varintField(1, 0), varintField(2, value), text(3, "")])
        : Buffer.concat([varintField(1, 1), varintField(2, 0), text(3, value)]);
    case "time":
    case "micro-time": {
      const [seconds = "", micros = "0"] = (value as string).replace("Z", "").split(".");
      const nanos = varintField(2, Number(micros) * 1000);
      return Buffer.concat([varintField(1, Date.parse(`${seconds}Z`) / 1000), nanos]);
    }
    case "duration":
      return varintField(1, Number.parseInt(value as string, 10) * 1e9);
    case "any":
      return text(1, JSON.stringify(value));
    case "strings":
      return Buffer.concat((value as string[]).map((item) => text(1, item)));
    case "schema-or-bool":
      return varintField(1, value ? 1 : 0);
    case "schema-or-array":
      return bytesField(
        1,
        message(schema, schema.type("apiextensions.v1.JSONSchemaProps"), value as Record<string, unknown>),
      );
    case "schema-or-strings":
      return Buffer.concat((value as string[]).map((item) => text(2, item)));
    default:
      return type.shape satisfies never;
  }
}

function bytesField(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint(BigInt(number * 8 + 2)), varint(BigInt(content.length)), content]);
}

function varintField(number: number, value: number): Buffer {
  return Buffer.concat([varint(BigInt(number * 8)), varint(BigInt.asUintN(64, BigInt(value)))]);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}
