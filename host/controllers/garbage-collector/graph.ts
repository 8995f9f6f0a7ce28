import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { findKindByName, KINDS } from "../../api/registry.ts";
import {
  type KubernetesObject,
  type ObjectKey,
  type OwnerReference,
  objectKey,
} from "../../apimachinery/object.ts";
import type { SharedInformers } from "../../client/informer.ts";
import { byOwner } from "../../client/lister.ts";
import { CustomKinds } from "../custom-kinds.ts";

/** An object of some kind, by its metadata. */
export interface Node {
  readonly kind: Kind;
  readonly object: KubernetesObject;
}

/**
 * The built-in kinds whose objects can own or be owned. Events come and go by themselves; a second version of a kind shows
 * the same objects once more. Custom kinds come besides.
 */
export const GRAPH_KINDS: readonly Kind[] = KINDS.filter(
  (kind) =>
    kind.kind !== "Event" &&
    kind.stored === undefined &&
    ["delete", "list", "watch"].every((verb) => kind.verbs.includes(verb)),
);

const byIdentity = new Map(GRAPH_KINDS.map((kind) => [identityOf(kind), kind]));

function identityOf(kind: Kind): string {
  return `${apiVersionOf(kind)}/${kind.plural}`;
}

/** `apps/v1/replicasets|default/web-1`: one key space for all kinds. */
export function nodeKey({ kind, object }: Node): ObjectKey {
  return keyAt(kind, objectKey(object));
}

function keyAt(kind: Kind, key: ObjectKey): ObjectKey {
  return `${identityOf(kind)}|${key}`;
}

/** The node behind a key, if it is still there. */
export function findNode(informers: SharedInformers, key: ObjectKey): Node | undefined {
  const bar = key.indexOf("|");
  const identity = key.slice(0, bar);
  const kind =
    byIdentity.get(identity) ?? CustomKinds.of(informers).stored.find((one) => identityOf(one) === identity);
  const object = kind && informers.find(kind)?.lister.get(key.slice(bar + 1));
  return object && kind && { kind, object };
}

/** Every object that names `uid` among its owners. Costs one index look-up a kind. */
export function dependentsOf(informers: SharedInformers, uid: string | undefined): Node[] {
  if (uid === undefined) return [];
  return [...GRAPH_KINDS, ...CustomKinds.of(informers).stored].flatMap((kind) => {
    const dependents = informers.find(kind)?.lister.by(byOwner, uid) ?? [];
    return dependents.map((object) => ({ kind, object }));
  });
}

/** Where a reference points: by apiVersion, kind and name, in the dependent's own namespace. */
export interface OwnerPlace {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Undefined: no such kind is served. */
export function placeOf(
  informers: SharedInformers,
  reference: OwnerReference,
  dependent: KubernetesObject,
): OwnerPlace | undefined {
  const { apiVersion, kind: name } = reference;
  const kind = findKindByName(apiVersion, name) ?? CustomKinds.of(informers).findByName(apiVersion, name);
  if (kind === undefined) return undefined;
  return {
    kind,
    namespace: kind.namespaced ? dependent.metadata?.namespace : undefined,
    name: reference.name,
  };
}

export function ownerKeys(informers: SharedInformers, object: KubernetesObject): ObjectKey[] {
  return (object.metadata?.ownerReferences ?? []).flatMap((reference) => {
    const place = placeOf(informers, reference, object);
    if (place === undefined) return [];
    const key = place.namespace === undefined ? place.name : `${place.namespace}/${place.name}`;
    return [keyAt(place.kind, key)];
  });
}
