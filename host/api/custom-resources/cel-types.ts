import { type Environment, evaluate } from "@marcbachmann/cel-js";
import { deepEqual, getOwn, isObject } from "../../apimachinery/copy.ts";
import { celValue, wholeNumber } from "../cel/values.ts";
import { additionalOf, isEmbedded, itemsOf, type Structural } from "./structural-schema.ts";

/**
 * How CEL sees the values of a schema: its type by name, and the value made into one of that type. Whole numbers are BigInt there,
 * objects are instances of a class for each schema, maps are Maps. Source: k8s.io/apiserver/pkg/cel/common.
 */
export interface CelType {
  readonly name: string;
  convert(value: unknown): unknown;
}

/** CEL's reserved words, which a field may be called all the same. */
const KEYWORDS = new Set(
  [
    "true false null in as break const continue else for function if import let loop package namespace return var void while",
  ].flatMap((words) => words.split(" ")),
);

/** `my-field` is `my__dash__field` in a rule. */
export function escapeName(name: string): string {
  if (KEYWORDS.has(name)) return `__${name}__`;
  return name
    .replaceAll("__", "__underscores__")
    .replaceAll(".", "__dot__")
    .replaceAll("-", "__dash__")
    .replaceAll("/", "__slash__");
}

const AS_IT_IS = (value: unknown) => value;

/** Makes the types of one schema known to an environment. */
export class CelTypes {
  readonly #environment: Environment;
  readonly #known = new Map<Structural, CelType>();
  #count = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** @param isRoot  the object itself: of its metadata only the name is there */
  of(schema: Structural, isRoot = false): CelType {
    let type = this.#known.get(schema);
    if (type === undefined) {
      type = this.#make(schema, isRoot);
      this.#known.set(schema, type);
    }
    return type;
  }

  #make(schema: Structural, isRoot: boolean): CelType {
    if (schema["x-kubernetes-int-or-string"]) return { name: "dyn", convert: wholeNumber };
    switch (schema.type) {
      case "string":
        return textType(schema.format);
      case "integer":
        return { name: "int", convert: wholeNumber };
      case "number":
        return { name: "double", convert: AS_IT_IS };
      case "boolean":
        return { name: "bool", convert: AS_IT_IS };
      case "array":
        return this.#list(itemsOf(schema) ?? {});
      case "object":
        return this.#object(schema, isRoot);
      default:
        return { name: "dyn", convert: celValue };
    }
  }

  #list(items: Structural): CelType {
    const item = this.of(items);
    return {
      name: `list<${item.name}>`,
      convert: (value) => (Array.isArray(value) ? value.map((one) => item.convert(one)) : []),
    };
  }

  #object(schema: Structural, isRoot: boolean): CelType {
    const additional = additionalOf(schema);
    if (additional !== undefined) {
      const member = this.of(additional);
      const convert = (value: unknown) =>
        new Map(Object.entries(value as object).map(([key, one]) => [key, member.convert(one)]));
      return { name: `map<string, ${member.name}>`, convert };
    }
    const { metadata: _, ...properties } = schema.properties ?? {};
    const all = isRoot || isEmbedded(schema) ? { ...properties, ...OBJECT } : (schema.properties ?? {});
    return this.#message(all);
  }

  /** A class whose instances have the fields that are set. */
  #message(properties: Readonly<Record<string, Structural>>): CelType {
    const name = `Object${this.#count++}`;
    const ctor = class {};
    const fields = Object.entries(properties).map(([field, schema]) => {
      return { field, escaped: escapeName(field), type: this.of(schema) };
    });
    const types = Object.fromEntries(fields.map(({ escaped, type }) => [escaped, type.name]));
    this.#environment
      .registerType(name, { ctor, fields: types })
      .registerOperator(`${name} == ${name}`, (a: object, b: object) => deepEqual({ ...a }, { ...b }));
    return {
      name,
      convert: (value) => {
        const made: Record<string, unknown> = Object.create(ctor.prototype);
        for (const { field, escaped, type } of fields) {
          const member = isObject(value) ? getOwn(value, field) : undefined;
          if (member !== undefined && member !== null) made[escaped] = type.convert(member);
        }
        return made;
      },
    };
  }
}

/** What of every object a rule at its root sees besides the fields of its schema. */
const OBJECT: Readonly<Record<string, Structural>> = {
  apiVersion: { type: "string" },
  kind: { type: "string" },
  metadata: { type: "object", properties: { name: { type: "string" }, generateName: { type: "string" } } },
};

function textType(format: string | undefined): CelType {
  switch (format) {
    case "date-time":
    case "date":
      return { name: "google.protobuf.Timestamp", convert: (value) => dateOf(String(value)) };
    case "duration":
      return { name: "google.protobuf.Duration", convert: (text) => evaluate("duration(text)", { text }) };
    case "byte":
      return { name: "bytes", convert: (value) => new Uint8Array(Buffer.from(String(value), "base64")) };
    default:
      return { name: "string", convert: AS_IT_IS };
  }
}

/** A day is its beginning. The library's timestamps are dates. */
function dateOf(text: string): Date {
  return dateAt(Date.parse(text));
}

function dateAt(ms: number): Date {
  const date = new Date(0);
  date.setTime(ms);
  return date;
}
