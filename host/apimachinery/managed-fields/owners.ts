import { isObject } from "../copy.ts";
import { difference, EMPTY_SET, type FieldSet, inOrder, isEmptySet, isFieldSet, union } from "./field-set.ts";
import { fieldTexts } from "./field-texts.ts";

/** `metadata.managedFields[]`: who set which fields, and how. */
export interface ManagedFieldsEntry {
  manager?: string;
  operation?: string;
  apiVersion?: string;
  /** RFC 3339, whole seconds. */
  time?: string;
  fieldsType?: string;
  fieldsV1?: Readonly<Record<string, unknown>>;
  subresource?: string;
}

/** Who acts: each combination is a manager of its own. */
export interface Manager {
  readonly name: string;
  readonly operation: "Apply" | "Update";
  /** The version the fields are named in. */
  readonly apiVersion: string;
  readonly subresource?: string;
}

export interface Owner extends Manager {
  readonly fields: FieldSet;
  readonly time?: string;
}

/** By `managerKey`. */
export type Owners = ReadonlyMap<string, Owner>;

export function managerKey({ name, operation, apiVersion, subresource }: Manager): string {
  return JSON.stringify([name, operation, apiVersion, subresource ?? ""]);
}

/**
 * Sets that were read from stored entries: they have been checked and stand in order. Most owners are not touched by a write,
 * so that theirs go back as they came.
 */
const settled = new WeakSet<FieldSet>();

/** The owners of a stored object: its entries are our own. */
export function storedOwners(entries: readonly ManagedFieldsEntry[] | undefined): Owners {
  const owners = new Map<string, Owner>();
  for (const entry of entries ?? []) {
    const owner = ownerOf(entry);
    settled.add(owner.fields);
    owners.set(managerKey(owner), owner);
  }
  return owners;
}

/** Owners of entries that a client sent; undefined when one of them cannot be understood. */
export function readOwners(entries: unknown): Owners | undefined {
  const owners = new Map<string, Owner>();
  if (entries === undefined || entries === null) return owners;
  if (!Array.isArray(entries)) return undefined;
  for (const entry of entries as unknown[]) {
    const owner = readOwner(entry);
    if (owner === undefined) return undefined;
    owners.set(managerKey(owner), owner);
  }
  return owners;
}

function readOwner(entry: unknown): Owner | undefined {
  if (!isObject(entry)) return undefined;
  const { operation, apiVersion, fieldsType, fieldsV1 } = entry as ManagedFieldsEntry;
  if ((operation !== "Apply" && operation !== "Update") || fieldsType !== "FieldsV1") return undefined;
  if (typeof apiVersion !== "string" || !isFieldSet(fieldsV1 ?? {})) return undefined;
  return ownerOf(entry as ManagedFieldsEntry);
}

function ownerOf({ manager, operation, apiVersion, time, fieldsV1, subresource }: ManagedFieldsEntry): Owner {
  return {
    name: manager ?? "",
    operation: operation as Owner["operation"],
    apiVersion: apiVersion ?? "",
    ...(subresource === undefined ? {} : { subresource }),
    ...(time === undefined || time === null ? {} : { time }),
    fields: (fieldsV1 ?? {}) as FieldSet,
  };
}

/** Entries in Kubernetes' order: appliers first, then by time, then by name. */
export function writeOwners(owners: Owners): ManagedFieldsEntry[] | undefined {
  if (owners.size === 0) return undefined;
  return [...owners.values()]
    .sort(compareOwners)
    .map((owner) =>
      entryOf(owner, fieldTexts.shared(settled.has(owner.fields) ? owner.fields : inOrder(owner.fields))),
    );
}

/** @param fieldsV1  the owner's fields in order */
export function entryOf(owner: Omit<Owner, "fields">, fieldsV1: FieldSet): ManagedFieldsEntry {
  return {
    manager: owner.name,
    operation: owner.operation,
    apiVersion: owner.apiVersion,
    ...(owner.time === undefined ? {} : { time: owner.time }),
    fieldsType: "FieldsV1",
    fieldsV1,
    ...(owner.subresource === undefined ? {} : { subresource: owner.subresource }),
  };
}

function compareOwners(a: Owner, b: Owner): number {
  return (
    compareText(a.operation, b.operation) ||
    compareText(a.time ?? "", b.time ?? "") ||
    compareText(a.name, b.name) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource ?? "", b.subresource ?? "")
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What is the server's, or names the object. */
export const NEVER_OWNED: FieldSet = {
  "f:apiVersion": EMPTY_SET,
  "f:kind": EMPTY_SET,
  "f:metadata": {
    ".": EMPTY_SET,
    ...Object.fromEntries(
      [
        "name",
        "namespace",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
      ].map((field) => [`f:${field}`, EMPTY_SET]),
    ),
  },
};

/** The set without what is the server's, or what names the object. */
export function ownable(set: FieldSet): FieldSet {
  return difference(set, NEVER_OWNED);
}

/** Owners with one of them replaced; one that owns nothing any more is gone. */
export function withOwner(owners: Owners, owner: Owner): Owners {
  const changed = new Map(owners);
  if (isEmptySet(owner.fields)) changed.delete(managerKey(owner));
  else changed.set(managerKey(owner), owner);
  return changed;
}

/** Managers that only ever updated are remembered one by one up to this many. */
const MAX_UPDATERS = 10;
const ANCIENT = "ancient-changes";

/** Merges the oldest updaters, those of a version into one entry. Source: managedfields capManagersManager. */
export function capUpdaters(owners: Owners): Owners {
  const updaters = [...owners.values()].filter(({ operation }) => operation === "Update");
  if (updaters.length <= MAX_UPDATERS) return owners;
  let left = updaters.length;
  const capped = new Map(owners);
  /** The oldest of each version: alone until a second one comes. */
  const firstOf = new Map<string, Owner>();
  for (const owner of updaters.sort(compareOwners)) {
    if (left <= MAX_UPDATERS) break;
    const { apiVersion } = owner;
    const first = firstOf.get(apiVersion);
    if (first === undefined) {
      firstOf.set(apiVersion, owner);
      continue;
    }
    const bucket: Manager = { name: ANCIENT, operation: "Update", apiVersion };
    const held = capped.get(managerKey(bucket)) ?? first;
    capped.delete(managerKey(first));
    capped.delete(managerKey(owner));
    const fields = union(held.fields, owner.fields);
    capped.set(managerKey(bucket), { ...bucket, fields, ...(owner.time ? { time: owner.time } : {}) });
    left--;
  }
  return capped;
}
