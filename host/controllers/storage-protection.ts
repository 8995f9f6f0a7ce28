import { PersistentVolume, PersistentVolumeClaim, Pod } from "../api/core-kinds.ts";
import type { V1PersistentVolume, V1PersistentVolumeClaim, V1Pod } from "../api/generated/types.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { byNamespace } from "../client/lister.ts";
import { type Change, update } from "./change.ts";
import { isTerminal } from "./pod-state.ts";
import { controller } from "./runtime.ts";
import { self, watch } from "./watches.ts";

export const CLAIM_FINALIZER = "kubernetes.io/pvc-protection";
export const VOLUME_FINALIZER = "kubernetes.io/pv-protection";

export interface ObservedClaim {
  readonly claim: V1PersistentVolumeClaim;
  readonly pods: readonly V1Pod[];
}

/** A claim that a scheduled pod uses outlives its deletion until that pod is gone. Source: controllers.md 18.3. */
export const claimProtectionController = controller<ObservedClaim>({
  name: "persistentvolumeclaim-protection-controller",
  watches: [
    self(PersistentVolumeClaim),
    watch(Pod, (pod, _, why) => (why === "added" ? [] : claimKeys(pod))),
  ],
  observe: (key, { informers }) => {
    const claim = informers.get(PersistentVolumeClaim).lister.get(key);
    if (claim === undefined) return undefined;
    const inNamespace = informers.get(Pod).lister.by(byNamespace, claim.metadata?.namespace ?? "");
    return { claim, pods: isGoing(claim) ? inNamespace.filter((pod) => claimKeys(pod).includes(key)) : [] };
  },
  reconcile: reconcileClaim,
});

export function reconcileClaim({ claim, pods }: ObservedClaim): readonly Change[] {
  const isUsed = pods.some((pod) => pod.spec?.nodeName && !isShutDownFor(pod, claim));
  return protect(claim, CLAIM_FINALIZER, isUsed).map((object) => update(PersistentVolumeClaim, object));
}

/** An ephemeral volume's claim goes with its pod: a pod that has finished does not hold it. */
function isShutDownFor(pod: V1Pod, claim: V1PersistentVolumeClaim): boolean {
  if (!isTerminal(pod)) return false;
  const name = claim.metadata?.name;
  return !(pod.spec?.volumes ?? []).some((volume) => volume.persistentVolumeClaim?.claimName === name);
}

/** `namespace/name` of each claim a pod names, or has made for its ephemeral volumes. */
function claimKeys({ metadata, spec }: V1Pod): string[] {
  return (spec?.volumes ?? []).flatMap((volume) => {
    const name = volume.ephemeral
      ? `${metadata?.name}-${volume.name}`
      : volume.persistentVolumeClaim?.claimName;
    return name ? [`${metadata?.namespace}/${name}`] : [];
  });
}

/** A volume that is bound outlives its deletion. */
export const volumeProtectionController = controller<V1PersistentVolume>({
  name: "persistentvolume-protection-controller",
  watches: [self(PersistentVolume)],
  observe: (key, { informers }) => informers.get(PersistentVolume).lister.get(key),
  reconcile: (volume) =>
    protect(volume, VOLUME_FINALIZER, volume.status?.phase === "Bound").map((object) =>
      update(PersistentVolume, object),
    ),
});

/** The object with its finalizer put right: there while it is wanted or used, gone when it may go. */
export function protect<T extends KubernetesObject>(object: T, finalizer: string, isUsed: boolean): T[] {
  const present = object.metadata?.finalizers ?? [];
  const has = present.includes(finalizer);
  if (isGoing(object)) {
    if (!has || isUsed) return [];
    const finalizers = present.filter((one) => one !== finalizer);
    return [{ ...object, metadata: { ...object.metadata, finalizers } }];
  }
  return has ? [] : [{ ...object, metadata: { ...object.metadata, finalizers: [...present, finalizer] } }];
}

function isGoing({ metadata }: KubernetesObject): boolean {
  return metadata?.deletionTimestamp !== undefined;
}
