import type { Environment } from "@marcbachmann/cel-js";
import { isObject } from "../../apimachinery/copy.ts";
import { MAKE_JSON_PATCH, MAKE_OBJECT } from "./message-literals.ts";

/** An apply configuration, or a part of one: `Object{…}`, `Object.spec{…}`. */
export class CelObject {
  constructor(
    readonly type: string,
    readonly fields: unknown,
  ) {}
}

/** One operation of a JSON patch: `JSONPatch{op: "add", path: "/a", value: 1}`. */
export class CelJsonPatch {
  constructor(readonly fields: unknown) {}
}

class JsonPatchNamespace {}

const OPERATION_FIELDS = ["op", "path", "from", "value"];

/** Declares what expressions of mutations may make. Source: k8s.io/apiserver cel/mutation. */
export function registerMutations(environment: Environment): Environment {
  return environment
    .registerType("Object", { ctor: CelObject, fields: {} })
    .registerType("JSONPatch", { ctor: CelJsonPatch, fields: {} })
    .registerType("jsonpatchNamespace", { ctor: JsonPatchNamespace, fields: {} })
    .registerFunction(
      `${MAKE_OBJECT}(string, map): Object`,
      (type: string, fields: unknown) => new CelObject(type, fields),
    )
    .registerFunction(`${MAKE_JSON_PATCH}(map): JSONPatch`, (fields: unknown) => {
      const unknown = [...entriesOf(fields)].find(([name]) => !OPERATION_FIELDS.includes(name));
      if (unknown !== undefined) throw new Error(`undefined field '${unknown[0]}'`);
      return new CelJsonPatch(fields);
    })
    .registerFunction("jsonpatchNamespace.escapeKey(string): string", (_: unknown, key: string) =>
      key.replaceAll("~", "~0").replaceAll("/", "~1"),
    )
    .registerConstant("jsonpatch", "jsonpatchNamespace", new JsonPatchNamespace());
}

/**
 * What an expression gave, as JSON. A part of an object must stand where its type says: `Object.spec` under `spec`.
 *
 * @param path  the type that stands here
 */
export function jsonOf(value: unknown, path = "Object"): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Date) return `${value.toISOString().slice(0, 19)}Z`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map((one) => jsonOf(one, path));
  if (value instanceof CelJsonPatch) return record(value.fields, () => "Object");
  if (value instanceof CelObject) {
    if (value.type !== path) {
      const why = `unexpected type name ${JSON.stringify(value.type)}, expected ${JSON.stringify(path)}`;
      throw new Error(`type mismatch: ${why}, which matches field name path from root Object type`);
    }
    return record(value.fields, (name) => `${path}.${name}`);
  }
  if (value instanceof Map || isObject(value)) return record(value, () => path);
  return value;
}

function record(fields: unknown, pathOf: (name: string) => string): Record<string, unknown> {
  return Object.fromEntries([...entriesOf(fields)].map(([name, one]) => [name, jsonOf(one, pathOf(name))]));
}

function entriesOf(fields: unknown): Iterable<[string, unknown]> {
  return fields instanceof Map ? (fields as Map<string, unknown>) : Object.entries(fields as object);
}
