import type { Kind } from "../../api/kind.ts";
import { ApiError, badRequest } from "../../apimachinery/errors.ts";
import type { ObjectMeta } from "../../apimachinery/object.ts";

/**
 * What becomes of the metadata that a client says. It is built anew, field by field and always in the same order: an
 * object from which fields were deleted is slow for everybody who has it afterwards.
 */

/** What a client may say of the metadata of a new object; the rest is the server's. */
export function freshMetadata(
  kind: Kind,
  said: ObjectMeta,
  namespace: string | undefined,
  dryRun: boolean,
): ObjectMeta {
  if (said.resourceVersion && !dryRun) {
    throw new ApiError("", "resourceVersion should not be set on objects to be created");
  }
  if (kind.namespaced && said.namespace && namespace && said.namespace !== namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  const metadata: ObjectMeta = {};
  if (said.name) metadata.name = said.name;
  if (said.generateName) metadata.generateName = said.generateName;
  if (kind.namespaced && (namespace || said.namespace)) metadata.namespace = namespace || said.namespace;
  if (said.labels !== undefined) metadata.labels = said.labels;
  if (said.annotations !== undefined) metadata.annotations = said.annotations;
  if (said.ownerReferences !== undefined) metadata.ownerReferences = said.ownerReferences;
  if (said.finalizers !== undefined) metadata.finalizers = said.finalizers;
  return metadata;
}

/** The same with what the server adds to it. A generated name stands first, as one that was said. */
export function bornMetadata(
  fresh: ObjectMeta,
  generatedName: string,
  uid: string,
  creationTimestamp: string,
): ObjectMeta {
  if (fresh.name) return { ...fresh, uid, creationTimestamp };
  const { name: _, ...others } = fresh;
  return { name: generatedName, ...others, uid, creationTimestamp };
}

/** What of the metadata is the server's stays as it was, whatever the client sent. */
export function keptMetadata(said: ObjectMeta, old: ObjectMeta): ObjectMeta {
  const metadata: ObjectMeta = {};
  const uid = said.uid || old.uid;
  if (said.name !== undefined) metadata.name = said.name;
  if (old.generateName !== undefined) metadata.generateName = old.generateName;
  if (said.namespace !== undefined) metadata.namespace = said.namespace;
  if (uid !== undefined) metadata.uid = uid;
  if (old.generation !== undefined) metadata.generation = old.generation;
  if (old.creationTimestamp !== undefined) metadata.creationTimestamp = old.creationTimestamp;
  if (old.deletionTimestamp !== undefined) metadata.deletionTimestamp = old.deletionTimestamp;
  if (old.deletionGracePeriodSeconds !== undefined)
    metadata.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds;
  if (hasMembers(said.labels)) metadata.labels = said.labels;
  if (hasMembers(said.annotations)) metadata.annotations = said.annotations;
  if (hasMembers(said.ownerReferences)) metadata.ownerReferences = said.ownerReferences;
  if (hasMembers(said.finalizers)) metadata.finalizers = said.finalizers;
  if (said.managedFields !== undefined) metadata.managedFields = said.managedFields;
  return metadata;
}

function hasMembers<T extends object>(value: T | undefined): value is T {
  for (const _ in value) return true;
  return false;
}
