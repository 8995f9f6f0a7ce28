import { deepEqual } from "../apimachinery/copy.ts";
import {
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from "../apimachinery/field-error.ts";
import { compareQuantity, parseQuantity, quantityOf } from "../apimachinery/quantity.ts";
import { immutable, oneOf, present, validateLabelSelector } from "./field-checks.ts";
import type {
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1PersistentVolumeSpec,
} from "./generated/types.ts";
import { validateNodeSelector } from "./pod-spec/scheduling.ts";
import { noBacksteps } from "./pod-spec/volumes.ts";

const ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const VOLUME_MODES = ["Block", "Filesystem"];
const RECLAIM_POLICIES = ["Delete", "Recycle", "Retain"];
const ONLY_THESE =
  "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

function validateAccessModes(field: string, modes: readonly string[]): FieldError[] {
  const errors = modes.flatMap((mode) => oneOf(field, mode, ACCESS_MODES));
  if (modes.includes("ReadWriteOncePod") && modes.length > 1)
    errors.push(forbiddenField(field, "may not use ReadWriteOncePod with other access modes"));
  return errors;
}

function positive(field: string, size: string): FieldError[] {
  return compareQuantity(parseQuantity(size), quantityOf(0)) <= 0
    ? [invalid(field, size, "must be greater than zero")]
    : [];
}

/** Source: api-policy 6.5. */
export function validateClaim({ spec }: V1PersistentVolumeClaim): FieldError[] {
  const { accessModes = [], resources, selector, volumeMode, dataSource, dataSourceRef } = spec ?? {};
  const size = resources?.requests?.["storage"];
  const errors = [
    ...(accessModes.length === 0 ? [required("spec.accessModes", "at least 1 access mode is required")] : []),
    ...validateLabelSelector("spec.selector", selector),
    ...validateAccessModes("spec.accessModes", accessModes),
    ...(size === undefined
      ? [required("spec.resources[storage]")]
      : positive("spec.resources[storage]", size)),
    ...oneOf("spec.volumeMode", volumeMode, VOLUME_MODES),
  ];
  if (dataSource && dataSourceRef) {
    const { namespace: _namespace, ...reference } = dataSourceRef;
    if (!deepEqual(dataSource, reference)) errors.push(invalid("spec", {}, "must match dataSourceRef"));
  }
  return errors;
}

/** A claim may ask for more room, and is bound to a volume once. */
export function validateClaimUpdate(
  next: V1PersistentVolumeClaim,
  old: V1PersistentVolumeClaim,
): FieldError[] {
  if (!old.spec || !next.spec) return [];
  const isBound = old.status?.phase === "Bound";
  const kept = { ...next.spec, resources: old.spec.resources };
  if (!old.spec.volumeName) kept.volumeName = old.spec.volumeName;
  if (isBound) kept.volumeAttributesClassName = old.spec.volumeAttributesClassName;
  const errors = deepEqual(defined(kept), defined(old.spec)) ? [] : [forbiddenField("spec", ONLY_THESE)];
  const grown = !deepEqual(next.spec.resources, old.spec.resources);
  if (grown && !isBound && errors.length === 0) errors.push(forbiddenField("spec", ONLY_THESE));
  const wanted = next.spec.resources?.requests?.["storage"];
  const had = old.status?.capacity?.["storage"];
  if (wanted && had && compareQuantity(parseQuantity(wanted), parseQuantity(had)) < 0)
    errors.push(
      forbiddenField("spec.resources.requests.storage", "field can not be less than status.capacity"),
    );
  return errors;
}

function defined(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** What of a volume's spec is not the volume itself. */
const NOT_A_SOURCE: ReadonlySet<string> = new Set([
  "capacity",
  "accessModes",
  "claimRef",
  "persistentVolumeReclaimPolicy",
  "storageClassName",
  "mountOptions",
  "volumeMode",
  "nodeAffinity",
  "volumeAttributesClassName",
]);

function sourcesOf(spec: object = {}): [string, unknown][] {
  return Object.entries(spec).filter(([name, value]) => value !== undefined && !NOT_A_SOURCE.has(name));
}

/** Source: api-policy 6.5. */
export function validateVolume({ spec = {} }: V1PersistentVolume): FieldError[] {
  const { accessModes = [], nodeAffinity } = spec;
  return [
    ...(accessModes.length === 0 ? [required("spec.accessModes")] : []),
    ...validateAccessModes("spec.accessModes", accessModes),
    ...validateCapacity(spec.capacity ?? {}),
    ...oneOf("spec.persistentVolumeReclaimPolicy", spec.persistentVolumeReclaimPolicy, RECLAIM_POLICIES),
    ...validateNodeSelector("spec.nodeAffinity.required", nodeAffinity?.required),
    ...validateSource(spec),
    ...oneOf("spec.volumeMode", spec.volumeMode, VOLUME_MODES),
  ];
}

function validateCapacity(capacity: Readonly<Record<string, string>>): FieldError[] {
  const names = Object.keys(capacity);
  if (names.length === 0) return [required("spec.capacity")];
  const size = capacity["storage"];
  return [
    ...(size === undefined || names.length > 1 ? [notSupported("spec.capacity", capacity, ["storage"])] : []),
    ...(size === undefined ? [] : positive("spec.capacity[storage]", size)),
  ];
}

function validateSource(spec: V1PersistentVolumeSpec): FieldError[] {
  const [first, ...others] = sourcesOf(spec);
  const errors = first === undefined ? [required("spec", "must specify a volume type")] : [];
  for (const [name] of others)
    errors.push(forbiddenField(`spec.${name}`, "may not specify more than 1 volume type"));
  if (spec.hostPath)
    errors.push(
      ...present("spec.hostPath.path", spec.hostPath.path),
      ...noBacksteps("spec.hostPath.path", spec.hostPath.path ?? ""),
    );
  if (spec.local && !spec.nodeAffinity)
    errors.push(required("spec.nodeAffinity", "Local volume requires node affinity"));
  return errors;
}

export function validateVolumeUpdate(next: V1PersistentVolume, old: V1PersistentVolume): FieldError[] {
  const field = "spec.persistentvolumesource";
  const same = deepEqual(sourcesOf(next.spec), sourcesOf(old.spec));
  return [
    ...(same ? [] : [forbiddenField(field, `${field} is immutable after creation`)]),
    ...immutable("volumeMode", next.spec?.volumeMode, old.spec?.volumeMode),
    ...(old.spec?.nodeAffinity === undefined
      ? []
      : immutable("nodeAffinity", next.spec?.nodeAffinity, old.spec.nodeAffinity)),
  ];
}
