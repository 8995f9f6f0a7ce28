import { DecodeError } from "./decode-error.ts";
import {
  decodeBase64,
  decodeDuration,
  decodeMicroTime,
  decodeQuantity,
  decodeTime,
} from "./decode-scalar.ts";
import type { Field, Schema, Shape, TypeSchema } from "./schema.ts";

/**
 * The short way through a document that has nothing wrong with it, which nearly all have. For each type a constructor is
 * written out once, as JavaScript: it reads the fields by name in the schema's order, and sets them on `this`. So every
 * Container of a cluster has one of a few hidden classes, with room for its fields inside of the object; whoever copies,
 * compares, validates or serialises it afterwards is faster for it.
 *
 *     function EnvVar(source) {                 // core.v1.EnvVar
 *       let seen = 0, v = source["name"];
 *       if (v === undefined) { this["name"] = ""; }
 *       else { seen++; if (typeof v !== "string") throw unclean; this["name"] = v; }
 *       …
 *       if (hasMore(source, seen)) throw unclean;
 *     }
 *
 * What it does not expect (a wrong type, an unknown field, a null in a list) it does not explain: it gives the document back,
 * and `decode.ts`, which says what each of these means and in what words, reads it from the beginning. Both make the same
 * of what is clean: `decode-clean.test.ts` compares them.
 */
export class CleanDecoder {
  readonly #schema: Schema;
  readonly #makers = new Map<string, Maker>();
  readonly #seen = new Map<string, number>();

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** @returns undefined when the document has to be read the long way */
  decode(typeName: string, source: object): Record<string, unknown> | undefined {
    const seen = this.#seen.get(typeName) ?? 0;
    if (seen < WORTHWHILE) {
      this.#seen.set(typeName, seen + 1);
      return undefined;
    }
    try {
      return this.#makerOf(this.#schema.type(typeName)).make(source);
    } catch (error) {
      // The long way meets it again, and knows what to say of it.
      if (error === UNCLEAN || error instanceof DecodeError) return undefined;
      throw error;
    }
  }

  #makerOf(type: TypeSchema): Maker {
    let maker = this.#makers.get(type.name);
    if (maker === undefined) {
      maker = new Maker(() => this.#write(type));
      this.#makers.set(type.name, maker);
    }
    return maker;
  }

  #write(type: TypeSchema): Maker["make"] {
    if (type.shape !== "struct") throw UNCLEAN;
    const writer = new Writer(this.#schema, (one) => this.#makerOf(one));
    const text = writer.constructorOf(type);
    const made = new Function(...Object.keys(SCOPE), "parts", text)(
      ...Object.values(SCOPE),
      writer.parts,
    ) as new (
      source: unknown,
    ) => Record<string, unknown>;
    // Objects like any other: whoever asks finds no class.
    made.prototype = Object.prototype;
    return (source) => new made(source);
  }
}

/** Documents of a type before its constructor is written: most of the 600 types never come, or come once. */
const WORTHWHILE = 8;

const UNCLEAN = Symbol("unclean");

/** Makes objects of a type; how, is written down when the first is made. */
class Maker {
  make: (source: unknown) => Record<string, unknown>;

  constructor(write: () => Maker["make"]) {
    this.make = (source) => {
      this.make = write();
      return this.make(source);
    };
  }
}

/** Whether an object has more members than the schema knows. One that is undefined is none. */
function hasMore(source: Record<string, unknown>, known: number): boolean {
  let count = 0;
  for (const _ in source) count++;
  if (count === known) return false;
  for (const name in source) if (source[name] === undefined) count--;
  return count !== known;
}

function isEmpty(map: Readonly<Record<string, unknown>>): boolean {
  for (const _ in map) return false;
  return true;
}

/** What a constructor's text may name. */
const SCOPE = { unclean: UNCLEAN, hasMore, isEmpty };

type Check = (value: unknown) => unknown;

/** Writes the text of a constructor, and gathers what it refers to as `parts[3]`. */
class Writer {
  readonly parts: unknown[] = [];
  readonly #schema: Schema;
  readonly #makerOf: (type: TypeSchema) => Maker;

  constructor(schema: Schema, makerOf: (type: TypeSchema) => Maker) {
    this.#schema = schema;
    this.#makerOf = makerOf;
  }

  constructorOf(type: TypeSchema): string {
    return `"use strict"; return function (source) {
if (typeof source !== "object" || source === null || Array.isArray(source)) throw unclean;
let seen = 0, v;
${type.object ? typeMeta("kind") + typeMeta("apiVersion") : ""}${type.fields.map((field) => this.#member(field)).join("")}
if (hasMore(source, seen)) throw unclean;
};`;
  }

  #member(field: Field): string {
    const name = JSON.stringify(field.name);
    const zero = this.#zero(field);
    const absent = zero === undefined ? "" : `this[${name}] = ${zero};`;
    const omitted = omittedWhen(field);
    const set = `this[${name}] = v;`;
    return `v = source[${name}];
if (v === undefined) { ${absent} }
else if (v === null) { seen++; ${absent} }
else { seen++; ${this.#check(field)} ${omitted === undefined ? set : `if (${omitted}) { ${absent} } else ${set}`} }
`;
  }

  /** What the field holds when nothing was said, as an expression; undefined: it is absent. See `zeroValue` of decode.ts. */
  #zero(field: Field): string | undefined {
    if (!field.always && !field.struct) return undefined;
    if (field.list) return "[]";
    if (field.map) return "{}";
    if (field.pointer) return undefined;
    switch (field.type) {
      case "string":
        return '""';
      case "bool":
        return "false";
      case "int32":
      case "int64":
      case "double":
        return "0";
      case "bytes":
        return undefined;
      case "IntOrString":
        return field.always ? "0" : undefined;
      case "Quantity":
        return '"0"';
    }
    const type = this.#schema.type(field.type);
    return type.shape === "struct" ? `${this.#part(this.#makerOf(type))}.make({})` : undefined;
  }

  /** Statements that refuse a wrong `v`, and bring a right one into its one form. */
  #check(field: Field): string {
    if (field.list) return `v = ${this.#part(listOf(this.#checkOf(field)))}(v);`;
    if (field.map) return `v = ${this.#part(mapOf(this.#checkOf(field)))}(v);`;
    switch (field.type) {
      case "string":
        return 'if (typeof v !== "string") throw unclean;';
      case "bool":
        return 'if (typeof v !== "boolean") throw unclean;';
      case "int32":
        return 'if (typeof v !== "number" || (v | 0) !== v) throw unclean;';
    }
    const type = this.#schema.find(field.type);
    if (type?.shape === "struct") return `v = ${this.#part(this.#makerOf(type))}.make(v);`;
    return `v = ${this.#part(this.#checkOf(field))}(v);`;
  }

  /** The same for a value that is not a member, as a function. */
  #checkOf(field: Field): Check {
    const inMap = field.map === true;
    const scalar = SCALARS[field.type];
    if (scalar !== undefined) return scalar;
    if (field.type === "Quantity") return (value) => decodeQuantity(value, inMap);
    const type = this.#schema.type(field.type);
    if (type.shape !== "struct") return SHAPES[type.shape];
    const maker = this.#makerOf(type);
    return (value) => maker.make(value);
  }

  #part(value: unknown): string {
    return `parts[${this.parts.push(value) - 1}]`;
  }
}

function typeMeta(name: string): string {
  return `v = source.${name};
if (v !== undefined) { seen++; if (typeof v === "string") { if (v !== "") this.${name} = v; } else if (v !== null) throw unclean; }
`;
}

/** When a value that was said counts as absent, as Go's omitempty has it; undefined: never. See `isOmittedZero` of decode.ts. */
function omittedWhen(field: Field): string | undefined {
  if (field.always) return undefined;
  if (field.list) return "v.length === 0";
  if (field.map) return "isEmpty(v)";
  if (field.pointer) return undefined;
  switch (field.type) {
    case "string":
    case "bytes":
      return 'v === ""';
    case "bool":
      return "v === false";
    case "int32":
    case "int64":
    case "double":
      return "v === 0";
    case "IntOrString":
      return field.struct ? 'v === "" || v === 0' : undefined;
    default:
      return undefined;
  }
}

const unclean = (): never => {
  throw UNCLEAN;
};
const isInt32 = (value: unknown): boolean => typeof value === "number" && (value | 0) === value;

const SCALARS: Readonly<Record<string, Check | undefined>> = {
  string: (value) => (typeof value === "string" ? value : unclean()),
  bool: (value) => (typeof value === "boolean" ? value : unclean()),
  int32: (value) => (isInt32(value) ? value : unclean()),
  int64: (value) => (Number.isInteger(value) && Math.abs(value as number) <= 2 ** 63 ? value : unclean()),
  double: (value) => (typeof value === "number" ? value : unclean()),
  bytes: (value) => (typeof value === "string" ? decodeBase64(value) : unclean()),
};

/** The unions of a schema's places are read the long way. */
const SHAPES: Readonly<Record<Exclude<Shape, "struct">, Check>> = {
  quantity: (value) => decodeQuantity(value, false),
  "int-or-string": (value) => (typeof value === "string" || isInt32(value) ? value : unclean()),
  time: decodeTime,
  "micro-time": decodeMicroTime,
  duration: decodeDuration,
  any: (value) => value,
  strings: (value) =>
    Array.isArray(value) && value.every((one) => typeof one === "string") ? [...value] : unclean(),
  "schema-or-array": unclean,
  "schema-or-bool": unclean,
  "schema-or-strings": unclean,
};

function listOf(check: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) throw UNCLEAN;
    const items = new Array<unknown>(value.length);
    for (let i = 0; i < value.length; i++) {
      if (value[i] === null) throw UNCLEAN;
      items[i] = check(value[i]);
    }
    return items;
  };
}

/** A key that means something to JavaScript is one for the long way. */
function mapOf(check: Check): Check {
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw UNCLEAN;
    const map: Record<string, unknown> = {};
    for (const key in value) {
      const member = (value as Record<string, unknown>)[key];
      if (member === null || key === "__proto__") throw UNCLEAN;
      map[key] = check(member);
    }
    return map;
  };
}
