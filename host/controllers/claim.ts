import { apiVersionOf, type Kind } from "../api/kind.ts";
import { ApiError } from "../apimachinery/errors.ts";
import { controllerOf, type KubernetesObject, type OwnerReference } from "../apimachinery/object.ts";
import { type LabelSelector, matches } from "../apimachinery/selectors.ts";
import type { Client } from "../client/client.ts";
import type { Index, Lister } from "../client/lister.ts";
import { type Change, patch } from "./change.ts";

/** Files an object under its managing owner's UID, or under its namespace's orphans when it has none. */
export const byController: Index<KubernetesObject> = {
  name: "controller",
  valuesOf: (object) => [controllerOf(object)?.uid ?? orphansOf(object.metadata?.namespace)],
};

function orphansOf(namespace = ""): string {
  return `orphans of ${namespace}`;
}

/** What `owner` may claim: its own, and the orphans of its namespace. */
export function candidatesOf<T extends KubernetesObject>(
  lister: Lister<T>,
  owner: KubernetesObject,
): readonly T[] {
  return [
    ...lister.by(byController, owner.metadata?.uid ?? ""),
    ...lister.by(byController, orphansOf(owner.metadata?.namespace)),
  ];
}

export interface Claim<T> {
  readonly mine: readonly T[];
  /** Adoptions and releases, to be made before anything else. */
  readonly changes: readonly Change[];
}

/**
 * Decides which candidates belong to `owner`: keeps its own that match, releases its own that no longer do, adopts
 * orphans that match. An owner that is being deleted neither adopts nor releases. Source: controllers.md 1.3.
 */
export function claim<T extends KubernetesObject, O extends KubernetesObject>(
  owner: O,
  ownerKind: Kind<O>,
  selector: LabelSelector,
  candidates: readonly T[],
  kind: Kind<T>,
): Claim<T> {
  const mine: T[] = [];
  const changes: Change[] = [];
  const leaving = owner.metadata?.deletionTimestamp !== undefined;
  for (const candidate of candidates) {
    const manager = controllerOf(candidate);
    const fits = matches(selector, candidate.metadata?.labels);
    if (manager !== undefined) {
      if (manager.uid !== owner.metadata?.uid) continue;
      if (fits) mine.push(candidate);
      else if (!leaving) changes.push(release(owner, candidate, kind));
    } else if (isAdoptable(candidate, fits, leaving)) {
      mine.push(candidate);
      changes.push(adopt(owner, ownerKind, candidate, kind));
    }
  }
  return { mine, changes };
}

function isAdoptable(candidate: KubernetesObject, fits: boolean, leaving: boolean): boolean {
  return fits && !leaving && candidate.metadata?.deletionTimestamp === undefined;
}

/** Whether a claim would adopt something, so that the owner must be read live first. */
export function wouldAdopt(
  owner: KubernetesObject,
  selector: LabelSelector,
  candidates: readonly KubernetesObject[],
) {
  const leaving = owner.metadata?.deletionTimestamp !== undefined;
  return candidates.some(
    (candidate) =>
      controllerOf(candidate) === undefined &&
      isAdoptable(candidate, matches(selector, candidate.metadata?.labels), leaving),
  );
}

/** Refuses to adopt for an owner that is gone, was made anew, or is being deleted, though the cache does not show it yet. */
export async function assertStillThere<O extends KubernetesObject>(
  client: Client,
  kind: Kind<O>,
  owner: O,
): Promise<void> {
  const { namespace, name = "", uid } = owner.metadata ?? {};
  const fresh = await client.get(kind, { namespace, name });
  if (fresh.metadata?.uid !== uid) {
    throw new ApiError(
      "Conflict",
      `original ${kind.kind} ${namespace}/${name} is gone: got uid ${fresh.metadata?.uid}`,
    );
  }
  if (fresh.metadata?.deletionTimestamp !== undefined) {
    throw new ApiError(
      "Conflict",
      `${namespace}/${name} has just been deleted at ${fresh.metadata.deletionTimestamp}`,
    );
  }
}

/** The reference by which a controller owns what it makes. */
export function controllerReference<O extends KubernetesObject>(kind: Kind<O>, owner: O): OwnerReference {
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    name: owner.metadata?.name ?? "",
    uid: owner.metadata?.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

function adopt<T extends KubernetesObject, O extends KubernetesObject>(
  owner: O,
  ownerKind: Kind<O>,
  object: T,
  kind: Kind<T>,
): Change {
  // The uid guards against an object that was deleted and made again under its name.
  const metadata = { uid: object.metadata?.uid, ownerReferences: [controllerReference(ownerKind, owner)] };
  return patch(kind, object, { type: "strategic", body: { metadata } });
}

function release<T extends KubernetesObject>(owner: KubernetesObject, object: T, kind: Kind<T>): Change {
  const metadata = {
    uid: object.metadata?.uid,
    ownerReferences: [{ $patch: "delete", uid: owner.metadata?.uid }],
  };
  return patch(kind, object, { type: "strategic", body: { metadata } }, { failure: ignoreGone });
}

/** An object that vanished, or was made anew under its name (the uid then is refused), needs no release. */
function ignoreGone(error: ApiError): readonly Change[] | undefined {
  return error.code === 404 || error.code === 422 ? [] : undefined;
}
