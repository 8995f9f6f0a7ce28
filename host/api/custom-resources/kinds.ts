import { deepEqual, getOwn, isObject } from "../../apimachinery/copy.ts";
import { decodeValue } from "../../apimachinery/decode.ts";
import { DecodeError } from "../../apimachinery/decode-error.ts";
import { badRequest } from "../../apimachinery/errors.ts";
import type { FieldError } from "../../apimachinery/field-error.ts";
import { structType } from "../../apimachinery/managed-fields/field-type.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { loadSchema } from "../../apimachinery/schema.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { formatAge } from "../duration.ts";
import type {
  V1CustomResourceColumnDefinition,
  V1CustomResourceDefinition,
  V1CustomResourceDefinitionNames,
  V1CustomResourceDefinitionVersion,
  V1CustomResourceSubresourceScale,
} from "../generated/types.ts";
import {
  apiVersionOf,
  type Column,
  type Conversion,
  type CustomType,
  type Kind,
  type ScalePaths,
  type Subresource,
  type Verb,
} from "../kind.ts";
import { strategyOf } from "../strategy.ts";
import { settle } from "./decode.ts";
import { memberNames, parseJsonPath, valuesAt } from "./json-path.ts";
import { compileRules, type RuleSet } from "./rules.ts";
import { type Structural, structOf } from "./structural-schema.ts";
import { rulesNotChecked, validateValue } from "./validate.ts";

/** In the order in which Kubernetes lists them for custom resources. */
const VERBS: readonly Verb[] = [
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "create",
  "update",
  "watch",
];
const CHANGE = ["get", "patch", "update"] as const;

type Version = V1CustomResourceDefinitionVersion;
type Custom = KubernetesObject & Record<string, unknown>;

/** Asks the webhook of a definition for objects in another version. */
export type ConvertObjects = (
  spec: V1CustomResourceDefinition["spec"],
  objects: readonly KubernetesObject[],
  apiVersion: string,
) => Promise<KubernetesObject[]>;

/**
 * The kinds that a definition declares: one for each served version, all stored as the storage version. Names are those that
 * were accepted; without any there is nothing to serve.
 */
export function customKinds(definition: V1CustomResourceDefinition, convert?: ConvertObjects): Kind[] {
  const names = definition.status?.acceptedNames;
  if (!names?.plural || !names.kind) return [];
  const { versions } = definition.spec;
  const storage = versions.find((one) => one.storage);
  if (storage === undefined) return [];
  const served = versions.filter((version) => version.served);
  const { spec } = definition;
  if (convert !== undefined && spec.conversion?.strategy === "Webhook") {
    const conversion: Conversion = {
      storedAs: apiVersionOf({ group: spec.group, version: storage.name }),
      convert: (objects, apiVersion) => convert(spec, objects, apiVersion),
    };
    return served.map((version) => {
      const kind = makeKind(definition, names, version);
      return { ...kind, custom: { ...kind.custom!, conversion } };
    });
  }
  const stored = makeKind(definition, names, storage);
  return served.map((version) =>
    version === storage ? stored : convertedKind(makeKind(definition, names, version), stored),
  );
}

/** With conversion strategy None versions differ in their name and schema alone. */
function convertedKind(kind: Kind, stored: Kind): Kind {
  return {
    ...kind,
    stored: {
      kind: stored,
      toStored: (object) => ({ ...object, apiVersion: apiVersionOf(stored) }),
      fromStored: (object) => kind.custom!.read(object),
    },
  };
}

function makeKind(
  { spec }: V1CustomResourceDefinition,
  names: V1CustomResourceDefinitionNames,
  version: Version,
): Kind {
  const { group, scope } = spec;
  const schema = version.schema?.openAPIV3Schema ?? {};
  const hasStatus = version.subresources?.status !== undefined;
  // Compiled when first needed: who only addresses objects of the kind never does.
  let compiled: RuleSet | undefined;
  const rules = () => {
    compiled ??= compileRules(schema);
    return compiled;
  };
  const fields = (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath.replace(/^\./, ""));
  const apiVersion = apiVersionOf({ group, version: version.name });
  return {
    group,
    version: version.name,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === "Namespaced",
    verbs: VERBS,
    subresources: subresourcesOf(names.kind, version),
    createOnUpdate: false,
    requiresResourceVersion: true,
    type: `custom:${[...group.split(".")].reverse().join(".")}.${version.name}.${names.kind}`,
    custom: customType(schema, version, apiVersion),
    ...strategyOf<KubernetesObject>({ hasStatus, hasGeneration: true }, {}),
    validate: (object) => customErrors(schema, rules(), object as Custom, undefined),
    validateUpdate: (next, old) => customErrors(schema, rules(), next as Custom, old as Custom),
    columns: columnsOf(version),
    selectableFieldNames: fields,
    selectableFields: (object) => Object.fromEntries(fields.map((field) => [field, textAt(object, field)])),
    ...(version.deprecated
      ? { deprecation: version.deprecationWarning ?? `${apiVersion} ${names.kind} is deprecated` }
      : {}),
  };
}

function subresourcesOf(kind: string, { subresources }: Version): Subresource[] {
  const scale = { name: "scale", group: "autoscaling", version: "v1", kind: "Scale", verbs: CHANGE };
  return [
    ...(subresources?.status === undefined ? [] : [{ name: "status", kind, verbs: CHANGE }]),
    ...(subresources?.scale === undefined ? [] : [scale]),
  ];
}

function customType(schema: Structural, { subresources }: Version, apiVersion: string): CustomType {
  const built = loadSchema();
  const text = { is: "scalar", of: "string" } as const;
  return {
    decode: (value) => decode(schema, value),
    read: (stored) => {
      const { object } = decode(schema, stored as Custom);
      const read = { ...object, kind: stored.kind, apiVersion };
      return deepEqual(read, stored) ? stored : read;
    },
    fieldType: structOf(schema, false, (name) => {
      if (name === "metadata") return structType(built, "meta.ObjectMeta");
      return name === "kind" || name === "apiVersion" ? text : undefined;
    }),
    openApi: schema as Record<string, unknown>,
    ...(subresources?.scale === undefined ? {} : { scale: scalePaths(subresources.scale) }),
  };
}

function scalePaths(scale: V1CustomResourceSubresourceScale): ScalePaths {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale;
  return {
    specReplicas: memberNames(specReplicasPath) ?? [],
    statusReplicas: memberNames(statusReplicasPath) ?? [],
    ...(labelSelectorPath ? { labelSelector: memberNames(labelSelectorPath) ?? [] } : {}),
  };
}

/** The metadata is what it is for every kind; the rest is the schema's. */
function decode(schema: Structural, value: Readonly<Record<string, unknown>>) {
  const { apiVersion, kind, metadata = {}, ...rest } = value;
  const unknownFields: string[] = [];
  const { metadata: _, apiVersion: __, kind: ___, ...properties } = schema.properties ?? {};
  const object = settle({ ...schema, properties }, rest, unknownFields) as Record<string, unknown>;
  try {
    const decoded = decodeValue(loadSchema(), "meta.ObjectMeta", metadata);
    unknownFields.push(...decoded.unknownFields.map((field) => `metadata.${field}`));
    return {
      object: { apiVersion, kind, metadata: decoded.value, ...object } as KubernetesObject,
      unknownFields,
    };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw badRequest(error.message);
  }
}

/** By the schema, and if the shape is right by the rules. */
function customErrors(
  schema: Structural,
  rules: RuleSet,
  next: Custom,
  old: Custom | undefined,
): FieldError[] {
  const errors = validateValue(
    schema,
    withoutMetadata(schema, next),
    "",
    old && withoutMetadata(schema, old),
  );
  if (rules.isEmpty) return errors;
  const blocked = rulesNotChecked(errors);
  return blocked === undefined ? [...errors, ...rules.check(next, old)] : [...errors, blocked];
}

/** Kind, version and metadata are judged elsewhere; a schema may only restrict the name. */
function withoutMetadata({ properties }: Structural, { metadata, ...rest }: Custom): Record<string, unknown> {
  if (properties?.["metadata"] === undefined) return { ...rest, metadata: {} };
  const { name, generateName } = metadata ?? {};
  return { ...rest, metadata: { ...(name ? { name } : {}), ...(generateName ? { generateName } : {}) } };
}

function columnsOf({ additionalPrinterColumns }: Version): Column<KubernetesObject>[] {
  if (!additionalPrinterColumns?.length) return [nameColumn, { ...ageColumn, type: "date" }];
  return [nameColumn, ...additionalPrinterColumns.map(columnOf)];
}

function columnOf(definition: V1CustomResourceColumnDefinition): Column<KubernetesObject> {
  const { name, type, format, description, priority, jsonPath } = definition;
  const steps = parseJsonPath(jsonPath) ?? [];
  return {
    name,
    type: type as Column<KubernetesObject>["type"],
    ...(format ? { format } : {}),
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority: priority ? 1 : 0,
    cell: (object, nowMs) => cellOf(type, valuesAt(steps, object)[0], nowMs),
  };
}

/** A value that is not of the column's type is not shown. Source: apiextensions tableconvertor. */
function cellOf(type: string, value: unknown, nowMs: number): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  switch (type) {
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      return typeof value === "string" ? formatAge(value, nowMs) : "<invalid>";
    default:
      return typeof value === "string" ? value : JSON.stringify(value);
  }
}

function textAt(object: KubernetesObject, path: string): string {
  const value = path
    .split(".")
    .reduce<unknown>((one, name) => (isObject(one) ? getOwn(one, name) : undefined), object);
  return value === undefined || value === null ? "" : String(value);
}

/** Whether two states of a definition serve the same. */
export function servesTheSame(a: V1CustomResourceDefinition, b: V1CustomResourceDefinition): boolean {
  return deepEqual(a.spec, b.spec) && deepEqual(a.status?.acceptedNames, b.status?.acceptedNames);
}
