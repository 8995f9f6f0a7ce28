import type {
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1Pod,
  V1StorageClass,
  V1Volume,
} from "../../../host/api/generated/types.ts";
import { find, namespaceOf, type World } from "./cycle.ts";

/** Reference model: how a pod's volumes name claims, and claims name volumes and classes (shared/spec/scheduling.md 2.8, 2.9). */
export interface ClaimUse {
  name: string;
  ephemeral: boolean;
  claim: V1PersistentVolumeClaim | undefined;
}

export function claimUses(pod: V1Pod, world: World): ClaimUse[] {
  const uses: ClaimUse[] = [];
  for (const volume of pod.spec!.volumes ?? []) {
    const name = claimName(pod, volume);
    if (name === undefined) continue;
    const claim = find<V1PersistentVolumeClaim>(world, "PersistentVolumeClaim", name, namespaceOf(pod));
    uses.push({ name, ephemeral: volume.ephemeral !== undefined, claim });
  }
  return uses;
}

function claimName(pod: V1Pod, volume: V1Volume): string | undefined {
  if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral ? `${pod.metadata!.name}-${volume.name}` : undefined;
}

export function isOwnedBy(claim: V1PersistentVolumeClaim, pod: V1Pod): boolean {
  return (claim.metadata!.ownerReferences ?? []).some(
    (one) => one.controller && one.uid === pod.metadata!.uid,
  );
}

export const notOwner = (claim: V1PersistentVolumeClaim, pod: V1Pod) => {
  const { namespace, name } = claim.metadata!;
  return `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata!.name} (pod is not owner)`;
};

export const volumeOf = (claim: V1PersistentVolumeClaim, world: World) =>
  find<V1PersistentVolume>(world, "PersistentVolume", claim.spec!.volumeName);

/** The annotation of old wins over the field. */
export const classNameOf = (claim: V1PersistentVolumeClaim) =>
  claim.metadata!.annotations?.["volume.beta.kubernetes.io/storage-class"] ??
  claim.spec!.storageClassName ??
  "";

export const classOf = (claim: V1PersistentVolumeClaim, world: World) =>
  find<V1StorageClass>(world, "StorageClass", classNameOf(claim));

export const isFullyBound = (claim: V1PersistentVolumeClaim) =>
  Boolean(claim.spec!.volumeName) &&
  claim.metadata!.annotations?.["pv.kubernetes.io/bind-completed"] !== undefined;
