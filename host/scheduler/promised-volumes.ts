import type { AssumedVolumes } from "./volume-candidates.ts";

interface VolumePromise {
  /** `namespace/name` */
  readonly claim: string;
  /** The volume, or undefined: one is to be provisioned. */
  readonly volume: string | undefined;
  readonly node: string;
}

/**
 * Volumes and claims that placed pods were promised, until the API shows the object anew or a pod with the promise is
 * forgotten: also when another pod shares the claim, for so does kube-scheduler. A pod that is seen bound has had its volumes
 * written, so its promises outlast it. Source: kube-scheduler's assume caches of volumes and claims.
 */
export class PromisedVolumes implements AssumedVolumes {
  readonly #byPod = new Map<string, readonly VolumePromise[]>();
  /** Volume -> claim. */
  readonly #claims = new Map<string, string>();
  /** Claim -> node. */
  readonly #nodes = new Map<string, string>();

  readonly claimOf = (volume: string): string | undefined => this.#claims.get(volume);

  readonly nodeOf = (claim: string): string | undefined => this.#nodes.get(claim);

  promise(pod: string, promises: readonly VolumePromise[]): void {
    this.#byPod.set(pod, promises);
    for (const { claim, volume, node } of promises) {
      if (volume === undefined) this.#nodes.set(claim, node);
      else this.#claims.set(volume, claim);
    }
  }

  /** @returns whether anything was promised to the pod */
  forget(pod: string): boolean {
    const promises = this.#byPod.get(pod);
    if (promises === undefined) return false;
    this.#byPod.delete(pod);
    for (const { volume, claim } of promises) {
      if (volume === undefined) this.#nodes.delete(claim);
      else this.#claims.delete(volume);
    }
    return true;
  }

  /** The pod is bound: what it was promised is no longer taken back with it. */
  keep(pod: string): void {
    this.#byPod.delete(pod);
  }

  /** The API shows the volume: what it says holds. */
  volumeSeen(volume: string): void {
    this.#claims.delete(volume);
  }

  /** The API shows the claim. */
  claimSeen(claim: string): void {
    this.#nodes.delete(claim);
  }
}
