import type { Usage } from "../wasm/scheduler-facts.ts";
import { CapacityError, MAX_MILLI_CPU } from "./capacity.ts";
import { byImportance } from "./preemption/choose-node.ts";
import type { Potential } from "./preemption/potential.ts";
import type { KnownShape } from "./preemption/shapes.ts";
import type { VictimStatus } from "./preemption/victim-facts.ts";
import type { Amounts } from "./resource-list.ts";
import type { PodGroup } from "./track-table.ts";
import type { Holding } from "./volume-holdings.ts";

/** A pod that is bound to a node, or assumed there. */
export interface PlacedPod {
  readonly key: string;
  readonly node: string;
  readonly usage: Usage;
  readonly priority: number;
  readonly group: PodGroup;
  readonly holdings: readonly Holding[];
  /** When it started; infinite until it has. */
  startMs: number;
  /** It is being deleted to make room for a pod of higher priority. */
  isPreempted: boolean;
  /** What it is to its node in a dry run, if it was in one. */
  shape?: KnownShape;
}

/**
 * The pods of a node that are less important than one of this priority, the most important first. It stays the same object
 * as long as the node's pods stay as they are, so that preemption may remember what it made of them.
 */
export interface LesserPods {
  readonly priority: number;
  readonly pods: readonly PlacedPod[];
  asked?: Potential;
}

/** What the pods of one node take together, by the fields that the core sums. */
const SUMMED = [
  "requestMilliCpu",
  "nonZeroMilliCpu",
  "requestMemory",
  "nonZeroMemory",
  "requestEphemeral",
] as const;
/** What a pod is refused for, by the field that is summed. */
const ROOM = [
  ["requestMilliCpu", "cpu"],
  ["requestMemory", "memory"],
  ["requestEphemeral", "ephemeral-storage"],
] as const;
type Sums = Record<(typeof SUMMED)[number], number>;

interface NodePods {
  readonly pods: Map<string, PlacedPod>;
  readonly sums: Sums;
  /** For the priority that was asked about last. */
  lesser: LesserPods | undefined;
}

const noSums = (): Sums => ({
  requestMilliCpu: 0,
  nonZeroMilliCpu: 0,
  requestMemory: 0,
  nonZeroMemory: 0,
  requestEphemeral: 0,
});

/**
 * Bound and assumed pods by node. A pod may name a node that is not there (yet, or any more): it counts as soon as the node
 * is, as in kube-scheduler's cache.
 */
export class PlacedPods {
  readonly #byKey = new Map<string, PlacedPod>();
  readonly #byNode = new Map<string, NodePods>();
  readonly #allocatable = new Map<string, Amounts>();
  /** How many pods have each priority: is any lower than a given one? */
  readonly #priorities = new Map<number, number>();

  #holdingCount = 0;

  /** What all pods hold of volumes, together. */
  get holdingCount(): number {
    return this.#holdingCount;
  }

  get count(): number {
    return this.#byKey.size;
  }

  find(key: string): PlacedPod | undefined {
    return this.#byKey.get(key);
  }

  on(node: string): readonly PlacedPod[] {
    return [...(this.#byNode.get(node)?.pods.values() ?? [])];
  }

  /** The pods of a node that may have to go for one of this priority. */
  lesserOn(node: string, priority: number): LesserPods | undefined {
    const found = this.#byNode.get(node);
    if (found === undefined) return undefined;
    if (found.lesser?.priority !== priority) {
      const pods = [...found.pods.values()].filter((pod) => pod.priority < priority);
      found.lesser = { priority, pods: pods.sort(byImportance) };
    }
    return found.lesser;
  }

  /** When a pod started, and whether it is on its way out. */
  noteStatus(key: string, { startMs, isPreempted }: VictimStatus): void {
    const pod = this.#byKey.get(key);
    if (pod === undefined) return;
    if (pod.startMs !== startMs) this.#byNode.get(pod.node)!.lesser = undefined;
    pod.startMs = startMs;
    pod.isPreempted = isPreempted;
  }

  add(pod: PlacedPod): void {
    this.#byKey.set(pod.key, pod);
    const node: NodePods = this.#byNode.get(pod.node) ?? {
      pods: new Map(),
      sums: noSums(),
      lesser: undefined,
    };
    node.pods.set(pod.key, pod);
    node.lesser = undefined;
    for (const field of SUMMED) node.sums[field] += pod.usage[field];
    this.#byNode.set(pod.node, node);
    for (const { nodes } of [pod.group, ...pod.holdings]) nodes.set(pod.node, (nodes.get(pod.node) ?? 0) + 1);
    this.#holdingCount += pod.holdings.length;
    this.#priorities.set(pod.priority, (this.#priorities.get(pod.priority) ?? 0) + 1);
  }

  remove(key: string): PlacedPod | undefined {
    const pod = this.#byKey.get(key);
    if (pod === undefined) return undefined;
    this.#byKey.delete(key);
    const node = this.#byNode.get(pod.node)!;
    node.pods.delete(key);
    node.lesser = undefined;
    for (const field of SUMMED) node.sums[field] -= pod.usage[field];
    if (node.pods.size === 0) this.#byNode.delete(pod.node);
    for (const { nodes } of [pod.group, ...pod.holdings]) {
      const others = nodes.get(pod.node)! - 1;
      if (others === 0) nodes.delete(pod.node);
      else nodes.set(pod.node, others);
    }
    this.#holdingCount -= pod.holdings.length;
    const left = this.#priorities.get(pod.priority)! - 1;
    if (left === 0) this.#priorities.delete(pod.priority);
    else this.#priorities.set(pod.priority, left);
    return pod;
  }

  /**
   * Refuses a bound pod that would take the sums of its node beyond what the core counts exactly. Only bound pods can: one
   * that is placed fits into what the node offers.
   *
   * @throws CapacityError
   */
  checkSums({ key, node, usage }: Pick<PlacedPod, "key" | "node" | "usage">): void {
    const before = this.find(key)?.node === node ? this.find(key)!.usage : undefined;
    const sums = this.#byNode.get(node)?.sums ?? noSums();
    for (const field of SUMMED) {
      const limit = field.endsWith("Cpu") ? MAX_MILLI_CPU : Number.MAX_SAFE_INTEGER;
      if (sums[field] - (before?.[field] ?? 0) + usage[field] > limit)
        throw new CapacityError(
          `Pod "${key}": spec.containers: the pods of node "${node}" together ask for more than ${limit} (${field})`,
        );
    }
  }

  /** What a node offers; undefined: it is gone. */
  nodeOffers(node: string, allocatable: Amounts | undefined): void {
    if (allocatable === undefined) this.#allocatable.delete(node);
    else this.#allocatable.set(node, allocatable);
  }

  /** Whether the pods of its node leave a placed pod the room it asks for, as NodeResourcesFit looks at it. */
  hasRoom({ node, usage }: Pick<PlacedPod, "node" | "usage">): boolean {
    const allocatable = this.#allocatable.get(node);
    const there = this.#byNode.get(node);
    if (allocatable === undefined || there === undefined) return true;
    if (there.pods.size > (allocatable.get("pods") ?? 0)) return false;
    return ROOM.every(
      ([field, resource]) => usage[field] === 0 || there.sums[field] <= (allocatable.get(resource) ?? 0),
    );
  }

  /** Whether some pod could be a victim of one with this priority. */
  anyBelow(priority: number): boolean {
    for (const other of this.#priorities.keys()) if (other < priority) return true;
    return false;
  }
}
