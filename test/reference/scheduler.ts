import type { V1Node, V1Pod } from "../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import type { Explanation } from "../../host/scheduler/library.ts";
import { filterNode, narrowedNames, type Refusal } from "./filters.ts";
import { type Place, scoreNodes } from "./scores.ts";
import { topologyRefusal } from "./topology.ts";

const keyOf = (pod: V1Pod) => `${pod.metadata!.namespace}/${pod.metadata!.name}`;

/** The plain scheduler the core is compared against: no ids, no tables, every sum made anew. */
export class ReferenceScheduler {
  /** By slot; a removed node leaves a hole that the next node fills. */
  #slots: (V1Node | undefined)[] = [];
  #pods = new Map<string, V1Pod>();
  #world = new Map<string, KubernetesObject>();

  putNode(node: V1Node): void {
    const known = this.#slots.findIndex((one) => one?.metadata?.name === node.metadata?.name);
    const hole = this.#slots.indexOf(undefined);
    this.#slots[known >= 0 ? known : hole >= 0 ? hole : this.#slots.length] = node;
  }

  removeNode(name: string): void {
    const slot = this.#slots.findIndex((one) => one?.metadata?.name === name);
    if (slot >= 0) this.#slots[slot] = undefined;
  }

  addPod(pod: V1Pod): void {
    this.#pods.set(keyOf(pod), pod);
  }

  removePod(key: string): void {
    this.#pods.delete(key);
  }

  putObject(object: KubernetesObject): void {
    const { namespace, name } = object.metadata!;
    this.#world.set(`${object.kind}/${namespace}/${name}`, object);
  }

  removeObject(object: KubernetesObject): void {
    const { namespace, name } = object.metadata!;
    this.#world.delete(`${object.kind}/${namespace}/${name}`);
  }

  objects(): KubernetesObject[] {
    return [...this.#world.values()];
  }

  #refusal(pod: V1Pod, place: Place, places: Place[]): Refusal | undefined {
    return filterNode(pod, place.node, place.pods) ?? topologyRefusal(pod, place, places, this.objects());
  }

  podKeys(): string[] {
    return [...this.#pods.keys()];
  }

  pod(key: string): V1Pod {
    return this.#pods.get(key)!;
  }

  podsOn(node: string): V1Pod[] {
    return [...this.#pods.values()].filter((pod) => pod.spec!.nodeName === node);
  }

  /** As `schedule` assumes a pod: the pod's spec with the node's name, without a status. */
  assume(pod: V1Pod, node: string): void {
    this.addPod({ ...pod, spec: { ...pod.spec!, nodeName: node }, status: {} });
  }

  #places(): Place[] {
    return this.#slots
      .filter((node) => node !== undefined)
      .map((node) => ({
        node,
        pods: this.podsOn(node.metadata!.name!),
      }));
  }

  explain(pod: V1Pod): Explanation {
    const places = this.#places();
    const conflict = narrowedNames(pod)?.length === 0;
    const refusals = places.map((place): Refusal | undefined =>
      conflict
        ? { plugin: "NodeAffinity", reasons: ["pod affinity terms conflict"], unresolvable: true }
        : this.#refusal(pod, place, places),
    );
    const feasible = places.filter((_, i) => refusals[i] === undefined);
    const scores = scoreNodes(pod, feasible, places, this.objects());
    let chosen: string | null = null;
    let best = -1;
    const nodes = places.map((place, i) => {
      const node = place.node.metadata!.name!;
      const refusal = refusals[i];
      if (refusal) return { node, rejectedBy: refusal.plugin, reasons: refusal.reasons };
      const own = scores[feasible.indexOf(place)]!;
      const total = Object.values(own).reduce((sum, one) => sum + one.weighted, 0);
      if (total > best) {
        best = total;
        chosen = node;
      }
      return { node, scores: own, total };
    });
    return { pod: keyOf(pod), chosen, nodes };
  }

  /** The whole FitError text (2.16, 6.3, 6.6) for a pod that no node takes. */
  message(pod: V1Pod): string {
    const places = this.#places();
    const n = places.length;
    if (n === 0) return "no nodes available to schedule pods";
    if (narrowedNames(pod)?.length === 0)
      return `0/${n} nodes are available: pod affinity terms conflict. not found`;
    const refusals = places.map((place) => this.#refusal(pod, place, places)!);
    const text = `0/${n} nodes are available: ${histogram(refusals.map((one) => one.reasons))}.`;
    const suffix = "no new claims to deallocate, preemption:";
    if (pod.spec!.preemptionPolicy === "Never")
      return `${text} ${suffix} not eligible due to preemptionPolicy=Never.`;
    let couldPreempt = false;
    const trials = places.map((place, i) => {
      const { node, pods } = place;
      if (refusals[i]!.unresolvable) return ["Preemption is not helpful for scheduling"];
      const staying = pods.filter((one) => (one.spec!.priority ?? 0) >= (pod.spec!.priority ?? 0));
      if (staying.length === pods.length) return ["No preemption victims found for incoming pod"];
      const leaving = { node, pods: pods.filter((one) => !staying.includes(one)) };
      const still =
        filterNode(pod, node, staying) ?? topologyRefusal(pod, place, places, this.objects(), leaving);
      if (still === undefined) couldPreempt = true;
      return still?.reasons ?? [];
    });
    return couldPreempt ? text : `${text} ${suffix} 0/${n} nodes are available: ${histogram(trials)}.`;
  }
}

function histogram(reasons: string[][]): string {
  const counts: Record<string, number> = {};
  for (const reason of reasons.flat()) counts[reason] = (counts[reason] ?? 0) + 1;
  const texts = Object.entries(counts).map(([reason, count]) => `${count} ${reason}`);
  return texts.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).join(", ");
}
