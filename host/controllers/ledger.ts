import { apiVersionOf, type Kind } from "../api/kind.ts";
import { type KubernetesObject, type ObjectKey, objectKey } from "../apimachinery/object.ts";
import type { SharedInformers } from "../client/informer.ts";

/** A write that a cache must show: a revision to reach, or an object to be gone. */
interface Written {
  readonly kind: Kind;
  readonly key: ObjectKey;
  readonly revision: number;
  /** Set for an object that was deleted at once: its answer carries no revision. */
  readonly goneUid?: string;
}

interface Pending {
  readonly sinceMs: number;
  readonly writes: Map<string, Written>;
}

/** After this time a write counts as seen whatever the cache shows (Kubernetes' ExpectationsTimeout). */
const GIVE_UP_MS = 5 * 60_000;

/**
 * What a controller wrote for each key and has not seen come back. A controller that were asked again before would act
 * on the past: create a pod twice, count one deletion as none. Mirrors expectations and the consistency store of
 * kube-controller-manager (controllers.md 1.2). Holds an entry per key only until its writes are seen.
 */
export class Ledger {
  readonly #pending = new Map<ObjectKey, Pending>();

  constructor(readonly informers: SharedInformers) {}

  /** Notes that `written` is the server's answer to a write made for `key`. */
  wrote(key: ObjectKey, kind: Kind, written: KubernetesObject, nowMs: number): void {
    this.#note(key, { kind, key: objectKey(written), revision: revisionOf(written) }, nowMs);
  }

  /** Notes that an object was removed at once. */
  removed(key: ObjectKey, kind: Kind, object: KubernetesObject, nowMs: number): void {
    const goneUid = object.metadata?.uid;
    this.#note(key, { kind, key: objectKey(object), revision: revisionOf(object), goneUid }, nowMs);
  }

  /** Whether the caches show everything that was written for `key`. */
  isSettled(key: ObjectKey, nowMs: number): boolean {
    const pending = this.#pending.get(key);
    if (pending === undefined) return true;
    if (nowMs - pending.sinceMs < GIVE_UP_MS) {
      for (const written of pending.writes.values()) if (!this.#isSeen(written)) return false;
    }
    this.#pending.delete(key);
    return true;
  }

  #note(key: ObjectKey, written: Written, nowMs: number): void {
    const pending = this.#pending.get(key) ?? { sinceMs: nowMs, writes: new Map<string, Written>() };
    pending.writes.set(`${apiVersionOf(written.kind)}/${written.kind.plural}/${written.key}`, written);
    this.#pending.set(key, pending);
  }

  #isSeen(written: Written): boolean {
    const informer = this.informers.find(written.kind);
    // A kind nobody watches cannot mislead anybody.
    if (informer === undefined) return true;
    if (written.goneUid === undefined) return informer.revision >= written.revision;
    return informer.lister.get(written.key)?.metadata?.uid !== written.goneUid;
  }
}

function revisionOf(object: KubernetesObject): number {
  return Number(object.metadata?.resourceVersion ?? 0);
}
