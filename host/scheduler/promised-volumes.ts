import type { AssumedVolumes } from "./volume-candidates.ts";

interface VolumePromise {
  readonly claim: string;
  /** The volume, or undefined: one is to be provisioned. */
  readonly volume: string | undefined;
  readonly node: string;
}

/**
 * Volumes and claims that placed pods were promised, until the API shows the object anew or the pod is forgotten. Two pods
 * that share a claim share its promise, which then lasts as long as one of them. A pod that is seen bound has had its volumes
 * written, so its promises outlast it. Source: kube-scheduler's assume caches of volumes and claims.
 */
export class PromisedVolumes implements AssumedVolumes {
  readonly #byPod = new Map<string, readonly VolumePromise[]>();
  readonly #byVolume = new Map<string, Map<string, VolumePromise>>();
  readonly #byClaim = new Map<string, Map<string, VolumePromise>>();

  readonly claimOf = (volume: string): string | undefined =>
    this.#byVolume.get(volume)?.values().next().value?.claim;

  readonly nodeOf = (claim: string): string | undefined =>
    this.#byClaim.get(claim)?.values().next().value?.node;

  promise(pod: string, promises: readonly VolumePromise[]): void {
    this.forget(pod);
    if (promises.length === 0) return;
    this.#byPod.set(pod, promises);
    for (const one of promises) {
      if (one.volume === undefined) put(this.#byClaim, one.claim, pod, one);
      else put(this.#byVolume, one.volume, pod, one);
    }
  }

  /** @returns whether anything was promised to the pod */
  forget(pod: string): boolean {
    const promises = this.#byPod.get(pod) ?? [];
    this.#byPod.delete(pod);
    for (const { volume, claim } of promises) {
      if (volume === undefined) drop(this.#byClaim, claim, pod);
      else drop(this.#byVolume, volume, pod);
    }
    return promises.length > 0;
  }

  /** The pod is bound: what it was promised is no longer taken back with it. */
  keep(pod: string): void {
    this.#byPod.delete(pod);
  }

  /** The API shows the volume: what it says holds. */
  volumeSeen(volume: string): void {
    this.#byVolume.delete(volume);
  }

  /** The API shows the claim. */
  claimSeen(claim: string): void {
    this.#byClaim.delete(claim);
  }
}

function put(
  index: Map<string, Map<string, VolumePromise>>,
  key: string,
  pod: string,
  one: VolumePromise,
): void {
  const promises = index.get(key) ?? new Map<string, VolumePromise>();
  index.set(key, promises);
  promises.set(pod, one);
}

function drop(index: Map<string, Map<string, VolumePromise>>, key: string, pod: string): void {
  const promises = index.get(key);
  promises?.delete(pod);
  if (promises?.size === 0) index.delete(key);
}
