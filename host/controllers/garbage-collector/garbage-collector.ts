import type { Kind } from "../../api/kind.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { isReason } from "../../apimachinery/errors.ts";
import { type KubernetesObject, type OwnerReference, referenceKey } from "../../apimachinery/object.ts";
import { type Change, patch, remove } from "../change.ts";
import { CustomKinds } from "../custom-kinds.ts";
import { controller, type Look } from "../runtime.ts";
import type { Watch } from "../watches.ts";
import { dependentsOf, findNode, GRAPH_KINDS, type Node, nodeKey, ownerKeys, placeOf } from "./graph.ts";

/**
 * What an owner reference comes to: `solid` holds the object; a `dangling` owner is gone or another object by now; a
 * `waiting` one is being deleted and waits for its dependents; `foreign` can never be resolved and is left alone;
 * `unknown` is of a kind that is not served.
 */
export type OwnerState = "solid" | "dangling" | "waiting" | "foreign" | "unknown";

export interface ObservedNode {
  readonly node: Node;
  readonly owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[];
  readonly dependents: readonly Node[];
}

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";

/**
 * Deletes what lost its owners, and carries out foreground and orphaning deletions. Its graph is the informers'
 * metadata with an index by owner; an owner that is not in it is asked for live. Source: controllers.md 13.
 */
export const garbageCollector = controller<ObservedNode>({
  name: "garbage-collector-controller",
  watches: [watchGraph()],
  workers: 20,
  observe: async (key, look) => {
    const node = findNode(look.informers, key);
    if (node === undefined) return undefined;
    const owners = [];
    for (const reference of node.object.metadata?.ownerReferences ?? []) {
      owners.push({ reference, state: await stateOf(reference, node, look) });
    }
    return { node, owners, dependents: dependentsOf(look.informers, node.object.metadata?.uid) };
  },
  reconcile: reconcileNode,
});

/** Events that can change what is held by what; the many others (a pod's status, a lease's renewal) are passed over. */
function watchGraph(): Watch {
  return {
    attach: (informers, enqueue) => {
      const tellDependents = ({ metadata }: KubernetesObject) => {
        for (const dependent of dependentsOf(informers, metadata?.uid)) enqueue(nodeKey(dependent));
      };
      const tellLeavingOwners = (object: KubernetesObject) => {
        for (const key of ownerKeys(informers, object)) {
          if (isLeaving(findNode(informers, key)?.object)) enqueue(key);
        }
      };
      const attach = (kind: Kind) => {
        const look = (object: KubernetesObject) => {
          if (hasWork(object)) enqueue(nodeKey({ kind, object }));
          if (isLeaving(object)) tellDependents(object);
        };
        informers.metadataOf(kind).addHandler({
          onAdd: look,
          onUpdate: (old, object) => {
            const moved = !deepEqual(old.metadata?.ownerReferences, object.metadata?.ownerReferences);
            if (moved) tellLeavingOwners(old);
            if (moved || isLeaving(object) !== isLeaving(old) || finalizersDiffer(old, object)) look(object);
          },
          onDelete: (object) => {
            tellDependents(object);
            tellLeavingOwners(object);
          },
        });
      };
      for (const kind of GRAPH_KINDS) attach(kind);
      CustomKinds.of(informers).onChange((kind, why) => {
        if (why === "served") attach(kind);
        else informers.forget(kind);
      });
    },
  };
}

function hasWork(object: KubernetesObject): boolean {
  return (object.metadata?.ownerReferences?.length ?? 0) > 0 || isLeaving(object);
}

function isLeaving(object: KubernetesObject | undefined): boolean {
  return object?.metadata?.deletionTimestamp !== undefined;
}

function finalizersDiffer(a: KubernetesObject, b: KubernetesObject): boolean {
  return !deepEqual(a.metadata?.finalizers, b.metadata?.finalizers);
}

async function stateOf(reference: OwnerReference, { kind, object }: Node, look: Look): Promise<OwnerState> {
  const place = placeOf(look.informers, reference, object);
  if (place === undefined) return "unknown";
  if (place.kind.namespaced && !kind.namespaced) return "foreign";
  const cached = look.informers.find(place.kind)?.lister.get(referenceKey(place));
  const owner = cached?.metadata?.uid === reference.uid ? cached : await findLive(place, look);
  if (owner?.metadata?.uid !== reference.uid) return "dangling";
  return isWaiting(owner) ? "waiting" : "solid";
}

async function findLive(
  place: { kind: Kind; namespace: string | undefined; name: string },
  { client }: Look,
): Promise<KubernetesObject | undefined> {
  try {
    return await client.get(place.kind, place);
  } catch (error) {
    if (isReason(error, "NotFound")) return undefined;
    throw error;
  }
}

/** Being deleted in the foreground: it goes when its dependents are gone. */
function isWaiting(object: KubernetesObject): boolean {
  return isLeaving(object) && hasFinalizer(object, FOREGROUND);
}

function hasFinalizer(object: KubernetesObject, finalizer: string): boolean {
  return object.metadata?.finalizers?.includes(finalizer) === true;
}

export function reconcileNode({ node, owners, dependents }: ObservedNode): readonly Change[] {
  const { object } = node;
  if (isLeaving(object)) {
    if (hasFinalizer(object, ORPHAN)) return orphanDependents(node, dependents);
    if (!hasFinalizer(object, FOREGROUND)) return [];
    const blocked = dependents.some((dependent) => blocks(dependent.object, object));
    return blocked ? [] : [withoutFinalizer(node, FOREGROUND)];
  }
  if (owners.length === 0 || owners.some(({ state }) => state === "foreign")) return [];
  if (owners.some(({ state }) => state === "unknown"))
    return [{ do: "retry", why: "an owner's kind is not served" }];

  const waiting = owners.filter(({ state }) => state === "waiting");
  if (owners.some(({ state }) => state === "solid")) {
    const lost = owners.filter(({ state }) => state !== "solid").map(({ reference }) => reference.uid);
    return lost.length === 0 ? [] : [withoutOwners(node, lost)];
  }
  if (waiting.length > 0 && dependents.length > 0) {
    // Two that wait for each other would wait for ever.
    const inCircle = dependents.some((dependent) => isWaiting(dependent.object));
    return [...(inCircle ? [unblock(node)] : []), erase(node, "Foreground")];
  }
  if (hasFinalizer(object, ORPHAN)) return [erase(node, "Orphan")];
  return [erase(node, hasFinalizer(object, FOREGROUND) ? "Foreground" : "Background")];
}

function blocks(dependent: KubernetesObject, owner: KubernetesObject): boolean {
  const references = dependent.metadata?.ownerReferences ?? [];
  return references.some(
    (reference) => reference.uid === owner.metadata?.uid && reference.blockOwnerDeletion === true,
  );
}

/** Every dependent forgets the owner before the owner goes. */
function orphanDependents(node: Node, dependents: readonly Node[]): Change[] {
  const uid = node.object.metadata?.uid ?? "";
  const forget = dependents.map((dependent) => withoutOwners(dependent, [uid]));
  return [{ do: "together", changes: forget }, withoutFinalizer(node, ORPHAN)];
}

function withoutOwners({ kind, object }: Node, uids: readonly string[]): Change {
  if (kind.custom !== undefined) return withoutOwnersOfCustom({ kind, object }, uids);
  const metadata = {
    uid: object.metadata?.uid,
    ownerReferences: uids.map((uid) => ({ $patch: "delete", uid })),
  };
  return patch(kind, object, { type: "strategic", body: { metadata } }, { failure: ignoreGone });
}

/** Custom resources take no strategic patch: the whole list is written, if it is still the one that was judged. */
function withoutOwnersOfCustom({ kind, object }: Node, uids: readonly string[]): Change {
  const { uid, resourceVersion, ownerReferences = [] } = object.metadata ?? {};
  const left = ownerReferences.filter((one) => !uids.includes(one.uid));
  const metadata = { uid, resourceVersion, ownerReferences: left };
  return patch(kind, object, { type: "merge", body: { metadata } }, { failure: ignoreGone });
}

function unblock({ kind, object }: Node): Change {
  const references = object.metadata?.ownerReferences ?? [];
  const ownerReferences = references.map((one) => ({ ...one, blockOwnerDeletion: false }));
  const metadata = { uid: object.metadata?.uid, ownerReferences };
  return patch(kind, object, { type: "merge", body: { metadata } }, { failure: ignoreGone });
}

function withoutFinalizer({ kind, object }: Node, finalizer: string): Change {
  const finalizers = object.metadata?.finalizers?.filter((one) => one !== finalizer) ?? [];
  const metadata = { resourceVersion: object.metadata?.resourceVersion, finalizers };
  return patch(kind, object, { type: "merge", body: { metadata } }, { failure: ignoreGone });
}

/** Deletes exactly the object that was judged: a later one of its name, or one that changed meanwhile, is judged anew. */
function erase({ kind, object }: Node, propagationPolicy: "Background" | "Foreground" | "Orphan"): Change {
  const { uid, resourceVersion } = object.metadata ?? {};
  return remove(kind, object, {
    propagationPolicy,
    preconditions: { uid, resourceVersion },
    failure: ignoreGone,
  });
}

function ignoreGone(error: { code: number }): readonly Change[] | undefined {
  return error.code === 404 ? [] : undefined;
}
