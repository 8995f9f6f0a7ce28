import type { V1Pod } from "../../api/generated/types.ts";
import type { Nominations } from "../../wasm/scheduler-facts.ts";
import { podKey } from "../pod-facts.ts";
import { type KnownShape, type ShapedPod, Shapes } from "./shapes.ts";

/** A pod that waits for the room that was made for it on a node. */
export interface NominatedPod extends ShapedPod {
  readonly key: string;
  readonly node: string;
  readonly priority: number;
  shape?: KnownShape;
}

interface Parts {
  readonly slotOf: (node: string) => number | undefined;
  /** Sees to it that the core can hold the shapes and the pods of one node. */
  readonly ensure: (shapes: Shapes, podsOfNode: number) => void;
}

const MAX_NOMINATED = 65_536;

/**
 * Which pods are nominated to which nodes. A pod that is placed has to fit beside those of its own priority or above, so that
 * nobody takes the room that was made for them. Holds at most one node a pod, and 65,536 pods.
 */
export class NominatedPods {
  readonly #parts: Parts;
  readonly #byKey = new Map<string, NominatedPod>();
  readonly #byNode = new Map<string, Map<string, NominatedPod>>();
  /** How many have each priority. */
  readonly #priorities = new Map<number, number>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** No further pod can be nominated: it competes for room as all others do. */
  get isFull(): boolean {
    return this.#byKey.size >= MAX_NOMINATED;
  }

  find(key: string): NominatedPod | undefined {
    return this.#byKey.get(key);
  }

  put(pod: NominatedPod): void {
    this.delete(pod.key);
    this.#byKey.set(pod.key, pod);
    this.#priorities.set(pod.priority, (this.#priorities.get(pod.priority) ?? 0) + 1);
    const pods = this.#byNode.get(pod.node) ?? new Map<string, NominatedPod>();
    pods.set(pod.key, pod);
    this.#byNode.set(pod.node, pods);
  }

  delete(key: string): NominatedPod | undefined {
    const pod = this.#byKey.get(key);
    if (pod === undefined) return undefined;
    this.#byKey.delete(key);
    const left = this.#priorities.get(pod.priority)! - 1;
    if (left === 0) this.#priorities.delete(pod.priority);
    else this.#priorities.set(pod.priority, left);
    const pods = this.#byNode.get(pod.node)!;
    pods.delete(key);
    if (pods.size === 0) this.#byNode.delete(pod.node);
    return pod;
  }

  /** Whether nominations bear on a pod: others' of its priority or above, or its own. */
  concerns(key: string, priority: number): boolean {
    if (this.#byKey.size === 0) return false;
    if (this.#byKey.has(key)) return true;
    for (const other of this.#priorities.keys()) if (other >= priority) return true;
    return false;
  }

  /** Which nominations bear on a pod: none, those of its priority and above, or its own as well. */
  concernOf(pod: V1Pod): "none" | "own" | number {
    const key = podKey(pod);
    const priority = pod.spec?.priority ?? 0;
    if (this.#byKey.has(key)) return "own";
    return this.concerns(key, priority) ? priority : "none";
  }

  /** The others that a pod of this priority has to make room for on a node. */
  beside(node: string, key: string, priority: number): NominatedPod[] {
    const pods = this.#byNode.get(node);
    if (pods === undefined) return [];
    return [...pods.values()].filter((pod) => pod.key !== key && pod.priority >= priority);
  }

  /** Those of lower priority that are nominated to a node: they lose it. */
  below(node: string, priority: number): NominatedPod[] {
    return [...(this.#byNode.get(node)?.values() ?? [])].filter((pod) => pod.priority < priority);
  }

  /** All that bears on the placement of a pod, in the core's numbers. */
  questionFor(key: string, priority: number): Nominations {
    const shapes = new Shapes();
    let most = 0;
    const nodes = [...this.#byNode.keys()].flatMap((node) => {
      const slot = this.#parts.slotOf(node);
      const beside = this.beside(node, key, priority);
      if (slot === undefined || beside.length === 0) return [];
      most = Math.max(most, beside.length);
      return [{ slot, nominated: beside.map((pod) => shapes.numberOf(pod)) }];
    });
    this.#parts.ensure(shapes, most);
    const own = this.#byKey.get(key);
    return {
      shapes: shapes.list,
      nodes: nodes.sort((a, b) => a.slot - b.slot),
      own: own && this.#parts.slotOf(own.node),
    };
  }
}
