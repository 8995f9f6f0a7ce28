import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { createdSet } from "../../apimachinery/managed-fields/created-set.ts";
import { isEmptySet } from "../../apimachinery/managed-fields/field-set.ts";
import { type StructType, structType } from "../../apimachinery/managed-fields/field-type.ts";
import {
  entryOf,
  type ManagedFieldsEntry,
  type Owners,
  readOwners,
  storedOwners,
  writeOwners,
} from "../../apimachinery/managed-fields/owners.ts";
import { ownersAfterUpdate, type Tracking } from "../../apimachinery/managed-fields/track.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import { asStored } from "../storage/convert.ts";
import type { AnyObject } from "../storage/view.ts";
import { resetFields } from "./reset-fields.ts";

/** How a request's fields are tracked: who acts, in which version, and what it cannot set. */
export function trackingOf(
  api: Api,
  { kind, subresource }: Pick<Target, "kind" | "subresource">,
  operation: "Apply" | "Update",
  owners: Owners,
  context: WriteContext,
): Tracking {
  const manager = context.fieldManager ?? "unknown";
  const apiVersion = apiVersionOf(kind);
  return {
    owners,
    who: { name: manager, operation, apiVersion, ...(subresource ? { subresource } : {}) },
    reset: resetFields(kind, subresource),
    now: formatTime(api.clock.nowMs()),
    versions: (version) => {
      if (version === apiVersion) {
        return { type: typeOfKind(api, kind), convert: (object) => object };
      }
      const other = api.kinds.findByName(version, kind.kind);
      if (other === undefined) return undefined;
      return {
        type: typeOfKind(api, other),
        convert: (object) => converted(kind, other, object as AnyObject),
      };
    },
  };
}

/** A kind's fields, as server-side apply sees them. */
export function typeOfKind(api: Api, kind: Kind): StructType {
  return kind.custom?.fieldType ?? structType(api.schema, kind.type);
}

function converted(from: Kind, to: Kind, object: AnyObject): AnyObject {
  const stored = asStored(from, object);
  return to.stored === undefined ? stored : (to.stored.fromStored(stored) as AnyObject);
}

/** A new object: its creator owns what it set. Works in place. */
export function trackCreate(api: Api, kind: Kind, object: AnyObject, context: WriteContext): void {
  const fields = createdSet(typeOfKind(api, kind), object, resetFields(kind, undefined));
  const name = context.fieldManager ?? "unknown";
  const time = formatTime(api.clock.nowMs());
  const entry = entryOf({ name, operation: "Update", apiVersion: apiVersionOf(kind), time }, fields);
  setManagedFields(object, isEmptySet(fields) ? undefined : [entry]);
}

/**
 * A changed object: who changed a field owns it. One whose fields were never tracked stays so until it is first applied.
 * Works in place on `next`.
 *
 * @param old  in the request's version, like `next`
 */
export function trackUpdate(
  api: Api,
  target: Target,
  next: AnyObject,
  old: AnyObject,
  context: WriteContext,
): void {
  const owners = ownersSaid(target, next, old);
  const tracked =
    owners.size === 0
      ? owners
      : ownersAfterUpdate(old, next, trackingOf(api, target, "Update", owners, context));
  setManagedFields(next, writeOwners(tracked));
}

/** The live owners, or what the request itself says of them: `[{}]` or `[]` forget them all. */
function ownersSaid(target: Target, next: AnyObject, old: AnyObject): Owners {
  const live = storedOwners(old.metadata?.managedFields);
  const said = next.metadata?.managedFields;
  if (target.subresource !== undefined || said === undefined || said === null) return live;
  // A client that has read it sends it back as it was.
  if (deepEqual(said, old.metadata?.managedFields)) return live;
  if (said.length === 0 || (said.length === 1 && deepEqual(said[0], {}))) return new Map();
  const owners = readOwners(said);
  return owners === undefined || owners.size === 0 ? live : owners;
}

export function setManagedFields(object: AnyObject, entries: ManagedFieldsEntry[] | undefined): void {
  const { managedFields: _, ...metadata } = object.metadata ?? {};
  object.metadata = entries === undefined ? metadata : { ...metadata, managedFields: entries };
}

/** A write that changes nothing but the times of managed fields changes nothing: the old times stay. Works in place. */
export function keepTimes(next: AnyObject, old: AnyObject): void {
  const [after, before] = [next.metadata?.managedFields, old.metadata?.managedFields];
  if (after === undefined || before === undefined || !deepEqual(after.map(timeless), before.map(timeless)))
    return;
  if (deepEqual(untracked(next), untracked(old))) setManagedFields(next, before);
}

function timeless({ time: _, ...entry }: ManagedFieldsEntry): ManagedFieldsEntry {
  return entry;
}

function untracked(object: AnyObject): AnyObject {
  const { managedFields: _, resourceVersion: __, ...metadata } = object.metadata ?? {};
  return { ...object, metadata };
}
