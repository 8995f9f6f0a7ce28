import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { ALPHA_KINDS } from "../api/alpha-kinds.ts";
import type { Kind } from "../api/kind.ts";
import { apiVersionOf } from "../api/kind.ts";
import { validateMetadata } from "../api/metadata.ts";
import { findKindByName, GROUP_ORDER } from "../api/registry.ts";
import { decodeObject } from "../apimachinery/decode.ts";
import { ApiError } from "../apimachinery/errors.ts";
import { invalidObject } from "../apimachinery/field-error.ts";
import { JsonSyntaxError, parseJson } from "../apimachinery/json-text.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { loadSchema } from "../apimachinery/schema.ts";
import { readYaml, YamlSyntaxError } from "../apimachinery/yaml-text.ts";
import { InputError, inFile } from "./input-error.ts";
import { standInUid } from "./stand-in-uid.ts";

/** One object of a file, typed, with its kind's defaults, and valid. */
export interface Manifest {
  readonly path: string;
  readonly kind: Kind;
  readonly object: KubernetesObject;
}

/** What files hold, in their order. */
export interface Manifests {
  readonly all: readonly Manifest[];
  /** Objects of other groups than Kubernetes' own (custom resources): no decision reads them. A line each. */
  readonly skipped: readonly string[];
}

const EXTENSIONS = [".yaml", ".yml", ".json"];

/** The server reads a list inside a list without a bound; a file has no use for more. */
const MAX_LIST_DEPTH = 4;

/**
 * Reads files, or folders whose .yaml, .yml and .json files are taken in order of name (not what is below them, as
 * `kubectl apply -f`). As strict as kubectl: what a kind does not have is a mistake.
 *
 * @throws InputError, with the file and the field
 */
export function readManifests(paths: readonly string[]): Manifests {
  const all: Manifest[] = [];
  const skipped: string[] = [];
  for (const path of paths.flatMap(filesOf)) {
    for (const document of documentsOf(path)) {
      for (const item of itemsOf(document, path)) {
        const read = readObject(item, path);
        if (typeof read === "string") skipped.push(read);
        else all.push(read);
      }
    }
  }
  if (paths.length > 0 && all.length + skipped.length === 0)
    throw new InputError(`no objects in ${paths.join(", ")}`);
  return { all, skipped };
}

function filesOf(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new InputError(`no such file or directory: ${path}`);
  if (!found.isDirectory()) return [path];
  const files = readdirSync(path)
    .filter((name) => EXTENSIONS.includes(extname(name)))
    .sort()
    .map((name) => join(path, name));
  if (files.length === 0) throw new InputError(`${path}: holds no ${EXTENSIONS.join(", ")} file`);
  return files;
}

function documentsOf(path: string): unknown[] {
  const text = readFileSync(path, "utf8");
  try {
    return extname(path) === ".json" ? [parseJson(text)] : yamlDocuments(text);
  } catch (error) {
    if (error instanceof YamlSyntaxError || error instanceof JsonSyntaxError) throw inFile(path, error);
    throw error;
  }
}

/**
 * Splits at lines that begin with `---`, as kubectl does before it parses. Each part is read below as many empty lines as
 * stood above it, so that the line of an error is the file's.
 */
function yamlDocuments(text: string): unknown[] {
  const lines = text.split("\n");
  const starts = [0, ...lines.flatMap((line, i) => (line.startsWith("---") ? [i + 1] : []))];
  return starts.map((start, i) => {
    const end = i + 1 < starts.length ? starts[i + 1]! - 1 : lines.length;
    const { value, repeated } = readYaml("\n".repeat(start) + lines.slice(start, end).join("\n"));
    const [twice] = repeated;
    if (twice !== undefined)
      throw new YamlSyntaxError(
        `yaml: line ${twice.line}: key ${JSON.stringify(twice.key)} already set in map`,
      );
    return value;
  });
}

/** A document's objects: itself, or the items of a List. An empty document has none. */
function itemsOf(document: unknown, path: string, depth = 0): Record<string, unknown>[] {
  if (document === null || document === undefined) return [];
  if (typeof document !== "object" || Array.isArray(document))
    throw new InputError(`${path}: an object with apiVersion and kind was expected`);
  const object = document as Record<string, unknown>;
  const { kind, items } = object;
  if (typeof kind !== "string" || !kind.endsWith("List") || items === undefined) return [object];
  if (!Array.isArray(items)) throw new InputError(`${path}: items: Invalid value: a list was expected`);
  if (depth === MAX_LIST_DEPTH) throw new InputError(`${path}: items: lists are nested too deeply`);
  // The items of a NodeList, as the API answers it, do not say what they are.
  const said =
    kind === "List" ? {} : { apiVersion: object["apiVersion"], kind: kind.slice(0, -"List".length) };
  return items.flatMap((item) =>
    itemsOf(typeof item === "object" && !Array.isArray(item) ? { ...said, ...item } : item, path, depth + 1),
  );
}

/** Also a kind that a server serves only when it is asked to. */
function kindOf(apiVersion: string, name: string): Kind | undefined {
  const isMeant = (kind: Kind) => kind.kind === name && apiVersionOf(kind) === apiVersion;
  return findKindByName(apiVersion, name) ?? ALPHA_KINDS.find(isMeant);
}

/** @returns a line for an object that is skipped */
function readObject(value: Record<string, unknown>, path: string): Manifest | string {
  const { apiVersion, kind: name } = value;
  for (const [field, text] of Object.entries({ apiVersion, kind: name }))
    if (typeof text !== "string" || text === "") throw new InputError(`${path}: ${field}: Required value`);
  const kind = kindOf(String(apiVersion), String(name));
  if (kind === undefined) {
    const unknown = `${path}: no matches for kind "${name}" in version "${apiVersion}"`;
    const group = String(apiVersion).split("/").at(-2) ?? "";
    if (GROUP_ORDER.includes(group)) throw new InputError(unknown);
    return unknown;
  }
  try {
    return { path, kind, object: typed(kind, value) };
  } catch (error) {
    if (error instanceof ApiError) throw inFile(path, error);
    throw error;
  }
}

/** Decoded, defaulted and validated as by the API server; the namespace is `default` where none is said. */
function typed(kind: Kind, value: Record<string, unknown>): KubernetesObject {
  const where = { kind: kind.kind, version: kind.version };
  const { object, unknownFields } = decodeObject(loadSchema(), kind.type, value, where);
  const [unknown] = unknownFields;
  const said = { group: kind.group, plural: kind.plural, kind: kind.kind };
  const name = object.metadata?.name ?? object.metadata?.generateName ?? "";
  if (unknown !== undefined) {
    const error = { reason: "FieldValueInvalid", field: unknown, message: "unknown field" };
    throw invalidObject(said, name, [error]);
  }
  object.kind = kind.kind;
  object.apiVersion = apiVersionOf(kind);
  object.metadata ??= {};
  if (kind.namespaced && !object.metadata.namespace) object.metadata.namespace = "default";
  kind.defaults?.(object);
  if (kind.group === "batch" && !object.metadata.uid) {
    // A new Job's selector is made of its UID.
    object.metadata.uid = standInUid(object);
    kind.prepareCreate?.(object);
  }
  const named = object.metadata.name ? object : { ...object, metadata: { ...object.metadata, name } };
  const errors = [...validateMetadata(kind, named), ...(kind.validate?.(object) ?? [])];
  if (errors.length > 0) throw invalidObject(said, name, errors);
  return object;
}
