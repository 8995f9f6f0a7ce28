// @ts-check
/**
 * Reads api-fields.txt (its header explains the notation) into field tables.
 *
 * @typedef {object} Field
 * @property {number} number        protobuf field number
 * @property {string} name          JSON name
 * @property {string} type          scalar (string, bool, int32, int64, double, bytes, …) or a type's full name
 * @property {boolean} [list]       T[]
 * @property {boolean} [map]        {string: T}
 * @property {boolean} [pointer]    zero is meaningful (0, false and "" are kept)
 * @property {boolean} [always]     written to JSON even when zero or null
 * @property {boolean} [struct]     a non-pointer message: written to JSON as {} when empty (null for Time)
 * @property {boolean} [required]
 * @property {boolean} [inline]     nested in protobuf, flat in JSON
 * @property {string} [mergeKey]    strategic merge: the list's key
 * @property {string[]} [strategies] strategic merge: "merge", "retainKeys"
 * @property {"map" | "set" | "atomic"} [listType]  server-side apply
 * @property {string[]} [listKeys]
 * @property {boolean} [atomicMap]
 * @property {unknown} [default]    OpenAPI-level default
 * @property {string} [goType]      Go's name of a string type, for error texts
 *
 * @typedef {{ atomic?: boolean, object?: boolean, fields: Field[], model?: string }} Type
 */

const SCALARS = new Set(["string", "bool", "int32", "int64", "uint32", "uint64", "double", "float", "bytes"]);
const GLOBALS = new Set(["Quantity", "IntOrString"]);

/** Go pointers to a message without omitempty: null when absent, where the file's `+` alone would mean `{}`. */
const NULLABLE_MESSAGES = new Set([
  "apps.v1.DaemonSetSpec.selector",
  "apps.v1.DeploymentSpec.selector",
  "apps.v1.ReplicaSetSpec.selector",
  "apps.v1.StatefulSetSpec.selector",
  "authentication.v1.TokenRequestSpec.boundObjectRef",
  "core.v1.ScaleIOPersistentVolumeSource.secretRef",
  "core.v1.ScaleIOVolumeSource.secretRef",
  "resource.v1.CapacityRequestPolicy.default",
]);

/** @param {string} text @returns {Record<string, Type>} */
export function readFields(text) {
  /** @type {Record<string, Type>} */
  const types = {};
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const match = /^([A-Za-z0-9.]+)( @atomic)?:(?: (.*))?$/.exec(line);
    if (!match) throw new Error(`api-fields.txt: cannot read: ${line.slice(0, 80)}`);
    const [, name = "", atomic, rest = ""] = match;
    const home = name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : "";
    types[name] = {
      ...(atomic ? { atomic: true } : {}),
      fields: rest === "" ? [] : splitFields(rest).map((field) => readField(field, home)),
    };
    for (const field of types[name].fields) {
      if (NULLABLE_MESSAGES.has(`${name}.${field.name}`)) field.pointer = true;
    }
  }
  return types;
}

/** Fields are separated by `; `; a default (`="a; b"`) may hold that too. @param {string} text */
function splitFields(text) {
  return text.split(/; (?=\d+ [A-Za-z])/);
}

/** @param {string} text @param {string} home the package of the type this field stands in @returns {Field} */
function readField(text, home) {
  const match = /^(\d+) ([^:]+):(\{string:)?([A-Za-z0-9.]+)(\[\])?(\})?([^ ]*)((?: .*)?)$/.exec(text);
  if (!match) throw new Error(`api-fields.txt: cannot read field: ${text}`);
  const [, number, protoName = "", map, type = "", list, , flags = "", notes = ""] = match;
  const renamed = /→([^!&*+^\s]+)/.exec(flags);
  const plainFlags = flags.replace(/→[^!&*+^\s]+/, "");
  /** @type {Field} */
  const field = { number: Number(number), name: renamed?.[1] ?? protoName, type: fullName(type, home) };
  if (list && !map) field.list = true;
  if (map) field.map = true;
  if (map && list) field.list = true; // {string: T[]}
  if (plainFlags.includes("*")) field.pointer = true;
  if (plainFlags.includes("+")) field.always = true;
  if (plainFlags.includes("&")) field.struct = true;
  if (plainFlags.includes("!")) field.required = true;
  if (plainFlags.includes("^inline")) field.inline = true;
  readNotes(notes, field);
  return field;
}

/** @param {string} notes @param {Field} field */
function readNotes(notes, field) {
  const merge = / ~([A-Za-z]*)(?:\(([^)]*)\))?/.exec(notes);
  if (merge) {
    if (merge[1]) field.mergeKey = merge[1];
    field.strategies = merge[2] ? merge[2].split(",") : ["merge"];
  }
  const keys = / @map\(([^)]*)\)/.exec(notes);
  if (keys) {
    field.listType = "map";
    field.listKeys = (keys[1] ?? "").split(",");
  }
  if (/ @set\b/.test(notes)) field.listType = "set";
  if (/ @atomic(?![a-z])/.test(notes)) field.listType = "atomic";
  if (/ @atomicmap\b/.test(notes)) field.atomicMap = true;
  const value = / =(.*)$/.exec(notes);
  if (value) field.default = JSON.parse(value[1] ?? "null");
}

/** @param {string} type @param {string} home */
function fullName(type, home) {
  if (SCALARS.has(type) || GLOBALS.has(type) || type.includes(".")) return type;
  return home === "" ? type : `${home}.${type}`;
}
