import { apiVersionOf, type Kind } from "../api/kind.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import { controllerOf, type KubernetesObject, type ObjectKey, objectKey } from "../apimachinery/object.ts";
import { type LabelSelector, matches } from "../apimachinery/selectors.ts";
import type { SharedInformers } from "../client/informer.ts";
import { byNamespace, type Lister } from "../client/lister.ts";

/** A kind a controller looks at, and which of its keys an event of that kind concerns. */
export interface Watch {
  attach(informers: SharedInformers, enqueue: (key: ObjectKey) => void): void;
}

/** Every event of `kind` concerns the keys that `keysOf` finds for the object, before and after the change. */
export function watch<T extends KubernetesObject>(
  kind: Kind<T>,
  keysOf: (
    object: T,
    informers: SharedInformers,
    why: "added" | "updated" | "deleted",
  ) => readonly ObjectKey[],
): Watch {
  return {
    attach: (informers, enqueue) => {
      const tell = (object: T, why: "added" | "updated" | "deleted") => {
        for (const key of keysOf(object, informers, why)) enqueue(key);
      };
      informers.get(kind).addHandler({
        onAdd: (object) => tell(object, "added"),
        onUpdate: (old, object) => {
          tell(old, "updated");
          tell(object, "updated");
        },
        onDelete: (object) => tell(object, "deleted"),
      });
    },
  };
}

/** The controller's own kind: an object concerns its own key. */
export function self<T extends KubernetesObject>(kind: Kind<T>): Watch {
  return watch(kind, (object) => [objectKey(object)]);
}

/** A kind that is only read; its events concern no key. */
export function reads<T extends KubernetesObject>(kind: Kind<T>): Watch {
  return { attach: (informers) => void informers.get(kind) };
}

/**
 * Objects that `owner` manages: an event concerns the owner by kind, name and UID. An orphan concerns every owner whose
 * selector matches it, but only when it appears or its labels or its owner changed (controllers.md 1.1, Key).
 */
export function ownedBy<T extends KubernetesObject, O extends KubernetesObject>(
  kind: Kind<T>,
  owner: Kind<O>,
  selectorOf: (object: O) => LabelSelector,
): Watch {
  return {
    attach: (informers, enqueue) => {
      const owners = informers.get(owner).lister;
      const tellOwner = (object: T) => {
        const key = ownerKey(object, owner, owners);
        if (key !== undefined) enqueue(key);
      };
      const tell = (object: T) => {
        if (controllerOf(object) !== undefined) return tellOwner(object);
        for (const candidate of owners.by(byNamespace, object.metadata?.namespace ?? "")) {
          if (matches(selectorOf(candidate), object.metadata?.labels)) enqueue(objectKey(candidate));
        }
      };
      informers.get(kind).addHandler({
        onAdd: tell,
        onUpdate: (old, object) => {
          const ownerChanged = controllerOf(old)?.uid !== controllerOf(object)?.uid;
          if (ownerChanged) tellOwner(old);
          if (ownerChanged || !deepEqual(old.metadata?.labels, object.metadata?.labels)) tell(object);
          else tellOwner(object);
        },
        onDelete: tellOwner,
      });
    },
  };
}

/** The key of the object's manager when that is of `owner`'s kind and still the same object. */
export function ownerKey<O extends KubernetesObject>(
  object: KubernetesObject,
  owner: Kind<O>,
  owners: Lister<O>,
): ObjectKey | undefined {
  const reference = controllerOf(object);
  if (reference?.kind !== owner.kind || reference.apiVersion !== apiVersionOf(owner)) return undefined;
  const namespace = owner.namespaced ? object.metadata?.namespace : undefined;
  const key = namespace === undefined ? reference.name : `${namespace}/${reference.name}`;
  return owners.get(key)?.metadata?.uid === reference.uid ? key : undefined;
}
