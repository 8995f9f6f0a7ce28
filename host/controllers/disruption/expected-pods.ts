import { ReplicationController } from "../../api/core-kinds.ts";
import type { V1Pod, V1Scale } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { Deployment, findKindByName, ReplicaSet, StatefulSet } from "../../api/registry.ts";
import { isReason, qualifiedResource } from "../../apimachinery/errors.ts";
import { controllerOf, type KubernetesObject, type OwnerReference } from "../../apimachinery/object.ts";
import { CustomKinds } from "../custom-kinds.ts";
import type { Look } from "../runtime.ts";
import { ownerKey } from "../watches.ts";

/** How many pods the owners of a budget's pods want together, or why that cannot be said. */
export type Expected =
  | { readonly count: number; readonly unmanaged: readonly string[] }
  | { readonly problem: string };

interface Owner {
  readonly uid: string;
  readonly replicas: number;
}

/** Asks each owner once: pods of one Deployment count it once, whatever ReplicaSets they are of (getExpectedScale). */
export async function expectedPods(pods: readonly V1Pod[], look: Look): Promise<Expected> {
  const asked = new Set<string>();
  const replicas = new Map<string, number>();
  const unmanaged: string[] = [];
  for (const pod of pods) {
    const reference = controllerOf(pod);
    if (reference === undefined) unmanaged.push(pod.metadata?.name ?? "");
    if (reference === undefined || asked.has(reference.uid)) continue;
    asked.add(reference.uid);
    const owner = await findOwner(pod, reference, look);
    if (owner !== undefined && "problem" in owner) return owner;
    if (owner === undefined)
      return { problem: `found no controllers for pod ${JSON.stringify(pod.metadata?.name)}` };
    replicas.set(owner.uid, owner.replicas);
  }
  return { count: [...replicas.values()].reduce((sum, one) => sum + one, 0), unmanaged };
}

async function findOwner(
  pod: V1Pod,
  reference: OwnerReference,
  look: Look,
): Promise<Owner | { problem: string } | undefined> {
  const set = ownerOf(pod, ReplicaSet, look);
  const owner =
    ownerOf(pod, ReplicationController, look) ??
    ownerOf(pod, StatefulSet, look) ??
    (set !== undefined && controllerOf(set)?.kind === Deployment.kind ? ownerOf(set, Deployment, look) : set);
  if (owner !== undefined) return { uid: owner.metadata?.uid ?? "", replicas: owner.spec?.replicas ?? 0 };
  return findScale(pod.metadata?.namespace, reference, look);
}

function ownerOf<T extends KubernetesObject>(
  object: KubernetesObject,
  kind: Kind<T>,
  look: Look,
): T | undefined {
  const { lister } = look.informers.get(kind);
  const key = ownerKey(object, kind, lister);
  return key === undefined ? undefined : lister.get(key);
}

/** Any other kind is asked for its Scale. */
async function findScale(
  namespace: string | undefined,
  { apiVersion, kind: name, uid, name: owner }: OwnerReference,
  { client, informers }: Look,
): Promise<Owner | { problem: string } | undefined> {
  const kind = findKindByName(apiVersion, name) ?? CustomKinds.of(informers).findByName(apiVersion, name);
  if (kind === undefined) return { problem: `no matches for kind "${name}" in version "${apiVersion}"` };
  if (!kind.subresources.some((one) => one.name === "scale"))
    return { problem: `${qualifiedResource(kind)} does not implement the scale subresource` };
  try {
    const reference = { name: owner, ...(kind.namespaced ? { namespace } : {}) };
    const scale = (await client.get(kind, reference, { subresource: "scale" })) as V1Scale;
    return scale.metadata?.uid === uid ? { uid, replicas: scale.spec?.replicas ?? 0 } : undefined;
  } catch (error) {
    if (isReason(error, "NotFound")) return undefined;
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Owners are read, not watched: a change of theirs shows in their pods. */
export const ownersAreRead = {
  attach: (informers: Look["informers"]) => {
    for (const kind of [ReplicationController, ReplicaSet, Deployment, StatefulSet])
      informers.get(kind as unknown as Kind);
    CustomKinds.of(informers);
  },
};
