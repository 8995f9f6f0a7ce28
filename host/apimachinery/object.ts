import type { ManagedFieldsEntry } from "./managed-fields/owners.ts";

/** The part every Kubernetes object has. Objects are plain JSON, and immutable once they have been stored or handed out. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: { [key: string]: string };
  annotations?: { [key: string]: string };
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: ManagedFieldsEntry[];
}

export interface KubernetesObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}

export interface ObjectList<T> {
  apiVersion?: string;
  kind?: string;
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  items: T[];
}

/** Names one object of a known kind; `namespace` is absent for cluster-scoped kinds. */
export interface ObjectReference {
  readonly namespace?: string;
  readonly name: string;
}

/** `default/web`, or `node-1` for cluster-scoped kinds: the key of caches and queues. */
export type ObjectKey = string;

export function objectKey(object: KubernetesObject): ObjectKey {
  return referenceKey({ namespace: object.metadata?.namespace, name: object.metadata?.name ?? "" });
}

export function referenceKey(reference: ObjectReference): ObjectKey {
  return reference.namespace ? `${reference.namespace}/${reference.name}` : reference.name;
}

export function parseKey(key: ObjectKey): ObjectReference {
  const slash = key.indexOf("/");
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The one owner that manages the object, if any (metav1.GetControllerOf). */
export function controllerOf(object: KubernetesObject): OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find((owner) => owner.controller === true);
}
