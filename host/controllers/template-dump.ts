import type { V1PodTemplateSpec } from "../api/generated/types.ts";
import { BINARY_POWERS, DECIMAL_POWERS } from "../apimachinery/quantity.ts";
import { TEMPLATE_FIELDS } from "./template-fields.ts";

/**
 * Writes a pod template as Go prints it with all types (`%#v` of hash/DeepHashObject), because pod-template-hash is a
 * hash of that text:
 *
 *   (v1.PodTemplateSpec){ObjectMeta:(v1.ObjectMeta){Name:(string) … Labels:(map[string]string)map[app:web] …
 *
 * Every declared field is printed; a nil pointer, an empty list and an empty map as `<nil>`. Source: controllers.md 2.2.
 */
export function dumpTemplate(template: V1PodTemplateSpec): string {
  return dumpTyped("PodTemplateSpec", template);
}

interface Field {
  readonly name: string;
  readonly type: string;
  /** Name in JSON; undefined: the struct's fields stand in the parent. */
  readonly json: string | undefined;
}

const STRUCTS: ReadonlyMap<string, readonly Field[]> = new Map(
  TEMPLATE_FIELDS.trim().split("\n").map(parseStruct),
);

/** `VolumeMount{Name ReadOnly:bool …}` */
function parseStruct(line: string): [string, Field[]] {
  const [name = "", fields = ""] = line.slice(0, -1).split("{");
  return [name, fields.split(" ").map(parseField)];
}

/** `Name`, `ReadOnly:bool`, `UID=uid:types.UID`, `ProbeHandler~:ProbeHandler` */
function parseField(text: string): Field {
  const [, name = "", inlined, json, type = "string"] = /^(\w+)(~?)(?:=(\w+))?(?::(.+))?$/.exec(text) ?? [];
  return { name, type, json: inlined ? undefined : (json ?? name[0]!.toLowerCase() + name.slice(1)) };
}

const ZERO_TIME = "{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}";
const NUMBERS = new Set(["int32", "int64"]);

function dumpTyped(type: string, value: unknown): string {
  return `(${printed(type)})${dumpValue(type, value)}`;
}

/** `[]Container` is printed as `[]v1.Container`. */
function printed(type: string): string {
  return type.replace(/(^|[*\]])([A-Z])/g, "$1v1.$2");
}

function dumpValue(type: string, value: unknown): string {
  if (type.startsWith("*")) return value === undefined ? "<nil>" : dumpValue(type.slice(1), value);
  if (type.startsWith("[]")) return dumpList(type.slice(2), value);
  if (type === "ResourceList") return dumpMap("resource.Quantity", value);
  if (type.startsWith("map[string]")) return dumpMap(type.slice("map[string]".length), value);
  if (type === "Time") return ZERO_TIME;
  if (type === "resource.Quantity") return dumpQuantity(text(value));
  if (type === "intstr.IntOrString") return dumpIntOrString(value);
  if (type === "bool") return value === true ? "true" : "false";
  if (NUMBERS.has(type)) return text(value ?? 0);
  const fields = STRUCTS.get(type);
  // Everything else is a string, if under a name of its own.
  return fields === undefined ? text(value) : dumpStruct(fields, members(value));
}

function dumpStruct(fields: readonly Field[], value: Readonly<Record<string, unknown>>): string {
  const parts = fields.map((field) => {
    const member = field.json === undefined ? value : value[field.json];
    return `${field.name}:${dumpTyped(field.type, member ?? undefined)}`;
  });
  return `{${parts.join(" ")}}`;
}

function dumpList(type: string, value: unknown): string {
  if (!Array.isArray(value) || value.length === 0) return "<nil>";
  return `[${value.map((one) => dumpValue(type, one)).join(" ")}]`;
}

function dumpMap(type: string, value: unknown): string {
  const entries = Object.entries(members(value)).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return "<nil>";
  return `map[${entries.map(([key, one]) => `${key}:${dumpValue(type, one)}`).join(" ")}]`;
}

function dumpIntOrString(value: unknown): string {
  return typeof value === "string"
    ? `{Type:(intstr.Type)1 IntVal:(int32)0 StrVal:(string)${value}}`
    : `{Type:(intstr.Type)0 IntVal:(int32)${text(value ?? 0)} StrVal:(string)}`;
}

/** A quantity in its canonical form, as the internals of Go's type look after it was decoded. */
function dumpQuantity(quantity: string): string {
  if (quantity === "") return printQuantity("0", 0, "", "");
  const [, digits = "0", suffix = ""] = /^(-?\d+)(.*)$/.exec(quantity) ?? [];
  const power = BINARY_POWERS[suffix];
  if (power !== undefined) {
    const cached = (BigInt(digits) & 7n) !== 0n ? quantity : "";
    return printQuantity(String(BigInt(digits) << BigInt(10 * power)), 0, cached, "BinarySI");
  }
  const exponent = /^[eE](-?\d+)$/.exec(suffix)?.[1];
  const scale = exponent === undefined ? (DECIMAL_POWERS[suffix] ?? 0) : Number(exponent);
  const keepsText =
    scale % 3 === 0 && !digits.endsWith("000") && (!digits.startsWith("0") || quantity === "0");
  return printQuantity(
    digits,
    scale,
    keepsText ? quantity : "",
    exponent === undefined ? "DecimalSI" : "DecimalExponent",
  );
}

function printQuantity(value: string, scale: number, cached: string, format: string): string {
  const amount = `{value:(int64)${value} scale:(resource.Scale)${scale}}`;
  return `{i:(resource.int64Amount)${amount} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)${cached} Format:(resource.Format)${format}}`;
}

function text(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
