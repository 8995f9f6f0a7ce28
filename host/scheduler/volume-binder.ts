import type { V1PersistentVolume, V1PersistentVolumeClaim } from "../api/generated/types.ts";
import { PersistentVolume, PersistentVolumeClaim } from "../api/registry.ts";
import type { Clock, Timer } from "../apimachinery/clock.ts";
import { parseKey } from "../apimachinery/object.ts";
import type { Client } from "../client/client.ts";
import type { ClaimBinding } from "./volumes.ts";

const SELECTED_NODE = "volume.kubernetes.io/selected-node";
const BIND_COMPLETED = "pv.kubernetes.io/bind-completed";
const BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller";
const POLL_MS = 1_000;
/** VolumeBindingArgs.bindTimeoutSeconds. */
const TIMEOUT_MS = 600_000;

interface Wait {
  readonly claims: readonly ClaimBinding[];
  readonly isWanted: () => boolean;
  readonly done: (error: Error | undefined) => void;
  readonly deadlineMs: number;
}

/**
 * PreBind of VolumeBinding: tells the API which volumes the claims of a placed pod are to have, and waits until they have
 * them. Binding itself is another's work, so without a controller of volumes every such pod fails after ten minutes.
 *
 *   volume chosen      PersistentVolume.spec.claimRef      ──► its controller binds the two
 *   to be provisioned  annotation selected-node on the claim ──► the driver's provisioner makes a volume
 *
 * Waits for as many pods as there are with such claims; a pod that waits holds no place among the bindings under way.
 */
export class VolumeBinder {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();
  #stopped = false;

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Writes what was decided; throws what the API answers. */
  async write(claims: readonly ClaimBinding[], node: string): Promise<void> {
    for (const { claim, volume } of claims) {
      const object = await this.#claim(claim);
      if (volume === null) await this.#promise(object, node);
      else await this.#reserve(volume, object);
    }
  }

  /** Calls back when all are bound, or with the reason why they are not. Never after `stop`, or when it is not wanted any more. */
  wait(
    claims: readonly ClaimBinding[],
    isWanted: () => boolean,
    done: (error: Error | undefined) => void,
  ): void {
    this.#poll({ claims, isWanted, done, deadlineMs: this.#clock.nowMs() + TIMEOUT_MS });
  }

  /** Waits no longer. The pods that waited are not called back: they are scheduled again by whoever comes next. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
  }

  #poll(wait: Wait): void {
    if (this.#stopped) return;
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer);
      if (!wait.isWanted()) return;
      this.#areBound(wait.claims).then(
        (bound) => {
          if (!wait.isWanted()) return;
          if (bound) wait.done(undefined);
          else if (this.#clock.nowMs() >= wait.deadlineMs) wait.done(new Error("context deadline exceeded"));
          else this.#poll(wait);
        },
        (error: unknown) => {
          if (wait.isWanted()) wait.done(error instanceof Error ? error : new Error(String(error)));
        },
      );
    }, POLL_MS);
    this.#timers.add(timer);
  }

  async #areBound(claims: readonly ClaimBinding[]): Promise<boolean> {
    for (const { claim } of claims) {
      const { spec, metadata } = await this.#claim(claim);
      if (!spec?.volumeName || metadata?.annotations?.[BIND_COMPLETED] === undefined) return false;
    }
    return true;
  }

  #claim(key: string): Promise<V1PersistentVolumeClaim> {
    const { namespace = "", name } = parseKey(key);
    return this.#client.get(PersistentVolumeClaim, { namespace, name });
  }

  async #promise({ metadata }: V1PersistentVolumeClaim, node: string): Promise<void> {
    const { namespace = "", name = "", resourceVersion } = metadata ?? {};
    const body = { metadata: { resourceVersion, annotations: { [SELECTED_NODE]: node } } };
    await this.#client.patch(PersistentVolumeClaim, { namespace, name }, { type: "merge", body });
  }

  async #reserve(volume: string, claim: V1PersistentVolumeClaim): Promise<void> {
    const known: V1PersistentVolume = await this.#client.get(PersistentVolume, { name: volume });
    const { namespace, name, uid, resourceVersion } = claim.metadata ?? {};
    const owner = known.spec?.claimRef;
    if (owner?.name === name && owner?.namespace === namespace && owner?.uid === uid) return;
    if (owner?.uid) throw new Error(`volume ${volume} is bound to claim ${owner.namespace}/${owner.name}`);
    const claimRef = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      namespace,
      name,
      uid,
      resourceVersion,
    };
    const body = {
      metadata: {
        resourceVersion: known.metadata?.resourceVersion,
        annotations: { [BOUND_BY_CONTROLLER]: "yes" },
      },
      spec: { claimRef },
    };
    await this.#client.patch(PersistentVolume, { name: volume }, { type: "merge", body });
  }
}

/** In the words of the plugin's error. */
export function bindingFailed(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return `running PreBind plugin "VolumeBinding": binding volumes: ${reason}`;
}
