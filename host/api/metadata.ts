import {
  type FieldError,
  forbiddenField,
  invalid,
  quoteText,
  required,
  tooLong,
} from "../apimachinery/field-error.ts";
import { isDns1123Label, isDns1123Subdomain, isLabelValue, isQualifiedName } from "../apimachinery/names.ts";
import type { KubernetesObject, ObjectMeta, OwnerReference } from "../apimachinery/object.ts";
import type { Kind } from "./kind.ts";

/**
 * The rules for metadata, the same for every kind but for the form of the name.
 * Source: api-policy 6.3, api-wire 16 (k8s.io/apimachinery/pkg/api/validation/objectmeta.go).
 */
const MAX_ANNOTATION_BYTES = 262_144;
const STANDARD_FINALIZERS: readonly string[] = ["orphan", "foregroundDeletion", "kubernetes"];

/** Everything wrong with the metadata of a new object. */
export function validateMetadata(
  kind: Pick<Kind, "namespaced" | "nameErrors">,
  object: KubernetesObject,
): FieldError[] {
  const { name = "", generateName = "", namespace = "" } = object.metadata ?? {};
  const nameErrors = (value: string, prefix: boolean) => {
    // What is generated goes on after a trailing dash.
    const checked = prefix && value.length > 1 && value.endsWith("-") ? `${value.slice(0, -2)}a` : value;
    return kind.nameErrors?.(checked, prefix) ?? isDns1123Subdomain(checked);
  };
  const errors: FieldError[] = [];
  if (generateName !== "")
    for (const text of nameErrors(generateName, true))
      errors.push(invalid("metadata.generateName", generateName, text));
  if (name === "") errors.push(required("metadata.name", "name or generateName is required"));
  else for (const text of nameErrors(name, false)) errors.push(invalid("metadata.name", name, text));
  if (!kind.namespaced) {
    if (namespace !== "") errors.push(forbiddenField("metadata.namespace", "not allowed on this type"));
  } else if (namespace === "") errors.push(required("metadata.namespace"));
  else
    for (const text of isDns1123Label(namespace)) errors.push(invalid("metadata.namespace", namespace, text));
  return [...errors, ...validateContent(object.metadata ?? {})];
}

/** Everything wrong with the metadata of a changed object. The server's own fields were put back before. */
export function validateMetadataUpdate(
  _kind: Pick<Kind, "namespaced">,
  object: KubernetesObject,
  old: KubernetesObject,
): FieldError[] {
  const metadata: ObjectMeta = object.metadata ?? {};
  const before: ObjectMeta = old.metadata ?? {};
  const errors: FieldError[] = [];
  if (before.deletionTimestamp !== undefined) {
    const added = (metadata.finalizers ?? []).filter((one) => !before.finalizers?.includes(one));
    if (added.length > 0) {
      const list = `[]string{${added.map(quoteText).join(", ")}}`;
      const why = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`;
      errors.push(forbiddenField("metadata.finalizers", why));
    }
  }
  if ((metadata.generation ?? 0) < (before.generation ?? 0))
    errors.push(invalid("metadata.generation", metadata.generation, "must not be decremented"));
  for (const field of IMMUTABLE)
    if (metadata[field] !== before[field])
      errors.push(invalid(`metadata.${field}`, metadata[field], "field is immutable"));
  return [...errors, ...validateContent(metadata)];
}

const IMMUTABLE = [
  "name",
  "namespace",
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
] as const satisfies readonly (keyof ObjectMeta)[];

function validateContent(metadata: ObjectMeta): FieldError[] {
  return [
    ...validateLabels("metadata.labels", metadata.labels),
    ...validateAnnotations("metadata.annotations", metadata.annotations),
    ...validateOwners(metadata.ownerReferences ?? []),
    ...validateFinalizers("metadata.finalizers", metadata.finalizers ?? []),
  ];
}

/** Keys and values are reported on the map itself, with what is wrong as the value. */
export function validateLabels(
  field: string,
  labels: Readonly<Record<string, string>> | undefined,
): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...isQualifiedName(key).map((text) => invalid(field, key, text)),
    ...isLabelValue(value).map((text) => invalid(field, value, text)),
  ]);
}

export function validateAnnotations(
  field: string,
  annotations: Readonly<Record<string, string>> | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    for (const text of isQualifiedName(key.toLowerCase())) errors.push(invalid(field, key, text));
  }
  if (bytes > MAX_ANNOTATION_BYTES) errors.push(tooLong(field, MAX_ANNOTATION_BYTES));
  return errors;
}

/** The path has no index: Kubernetes reports all owners on one field. */
function validateOwners(owners: readonly OwnerReference[]): FieldError[] {
  const field = "metadata.ownerReferences";
  const errors: FieldError[] = [];
  let controller: OwnerReference | undefined;
  for (const owner of owners) {
    if (!owner.apiVersion)
      errors.push(invalid(`${field}.apiVersion`, owner.apiVersion ?? "", "version must not be empty"));
    for (const part of ["kind", "name", "uid"] as const)
      if (!owner[part]) errors.push(invalid(`${field}.${part}`, owner[part] ?? "", "must not be empty"));
    if (owner.apiVersion === "v1" && owner.kind === "Event")
      errors.push(invalid(field, owner, "/v1, Kind=Event is disallowed from being an owner"));
    if (owner.controller) {
      if (controller !== undefined) {
        const both = `${controller.kind}/${controller.name} and ${owner.kind}/${owner.name}`;
        const why = `Only one reference can have Controller set to true. Found "true" in references for ${both}`;
        errors.push(invalid(field, owners, why));
      } else controller = owner;
    }
  }
  return errors;
}

/** Also of `spec.finalizers` of namespaces. */
export function validateFinalizers(field: string, finalizers: readonly string[]): FieldError[] {
  const errors = finalizers.flatMap((name, index) => validateFinalizer(field, index, name));
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion"))
    errors.push(invalid(field, finalizers, "finalizer orphan and foregroundDeletion cannot be both set"));
  return errors;
}

function validateFinalizer(field: string, index: number, name: string): FieldError[] {
  const errors = isQualifiedName(name).map((text) => invalid(field, name, text));
  if (errors.length > 0 || name.includes("/") || STANDARD_FINALIZERS.includes(name)) return errors;
  const why = "name is neither a standard finalizer name nor is it fully qualified";
  return [invalid(`${field}[${index}]`, name, why)];
}
