import type { V1Pod } from "../api/generated/types.ts";
import { Pod } from "../api/registry.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { createEventRecorder, type EventRecorder } from "../client/event-recorder.ts";
import { MAX_NODES } from "./node-shape.ts";

/**
 * The kubelets' events, a recorder a node as with real kubelets: each has its own queue, limits and host name. A
 * recorder is made when its node first has something to say. There are at most MAX_NODES; where names have come and
 * gone beyond that, the oldest recorder ends with what it had not sent yet.
 */
export class NodeEvents {
  readonly #recorders = new Map<string, EventRecorder>();
  readonly #parts: { client: Client; clock: Clock; random: Random; log: Logger };

  readonly #limit: number;

  /** @param limit  recorders kept; a test may ask for fewer */
  constructor(parts: { client: Client; clock: Clock; random: Random; log: Logger }, limit = MAX_NODES) {
    this.#parts = parts;
    this.#limit = limit;
  }

  get recorderCount(): number {
    return this.#recorders.size;
  }

  event(pod: V1Pod, type: "Normal" | "Warning", reason: string, message: string, fieldPath?: string): void {
    this.#recorder(pod.spec?.nodeName ?? "").event(Pod, pod, type, reason, message, fieldPath);
  }

  stop(): void {
    for (const recorder of this.#recorders.values()) recorder.stop();
  }

  #recorder(node: string): EventRecorder {
    let recorder = this.#recorders.get(node);
    if (recorder === undefined) {
      this.#makeRoom();
      recorder = createEventRecorder({
        ...this.#parts,
        random: this.#parts.random.fork(node),
        component: "kubelet",
        host: node,
      });
      this.#recorders.set(node, recorder);
    }
    return recorder;
  }

  #makeRoom(): void {
    if (this.#recorders.size < this.#limit) return;
    for (const [node, oldest] of this.#recorders) {
      oldest.stop();
      this.#recorders.delete(node);
      return;
    }
  }
}
