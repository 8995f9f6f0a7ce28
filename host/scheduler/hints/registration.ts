import type { V1Pod } from "../../api/generated/types.ts";
import type { ClusterEvent, EventAction, EventResource } from "../cluster-events.ts";
import { type PodFacts, readPod, signatureOf } from "../pod-facts.ts";

/** A waiting pod, as hints look at it: what it asks for is read when the first hint wants to know. */
export class WaitingPod {
  readonly pod: V1Pod;
  #facts: PodFacts | undefined;
  readonly #signature: string;

  constructor(pod: V1Pod, signature = signatureOf(pod)) {
    this.pod = pod;
    this.#signature = signature;
  }

  get facts(): PodFacts {
    this.#facts ??= readPod(this.pod, this.#signature);
    return this.#facts;
  }

  get namespace(): string {
    return this.pod.metadata?.namespace ?? "default";
  }
}

/** Whether the event may let a pod fit that the plugin rejected. */
export type Hint = (waiting: WaitingPod, event: ClusterEvent) => boolean;

/** One line of the table: what a plugin listens to. Without a hint every such event brings its pods back. */
export interface Registration {
  readonly resource: EventResource;
  readonly actions: readonly EventAction[];
  readonly hint: Hint;
}

export const always: Hint = () => true;
/** Registered only so that what holds its pods back is looked at again. */
export const never: Hint = () => false;

export function on(
  resource: EventResource,
  actions: readonly EventAction[],
  hint: Hint = always,
): Registration {
  return { resource, actions, hint };
}

/**
 * Kubernetes compares bits: a registration of any update matches every one, and a change of nothing in particular matches
 * no narrow registration.
 */
export function listensTo({ resource, actions }: Registration, event: ClusterEvent): boolean {
  if (resource !== event.resource) return false;
  if (actions.includes(event.action)) return true;
  return event.action.startsWith("Update") && actions.includes("Update");
}

/** The pod of an event; the last state of one that is gone. */
export function podOf({ old, object }: ClusterEvent): V1Pod {
  return (object ?? old) as V1Pod;
}
