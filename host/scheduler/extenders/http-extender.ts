import type { V1Node, V1Pod } from "../../api/generated/types.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { ExtenderConfiguration } from "../configuration/extenders.ts";
import type { VictimOffer } from "../stepwise-decisions.ts";
import { ExtenderConnection } from "./call.ts";
import { readBindingResult, readFilterResult, readHostPriorities, readPreemptionResult } from "./shapes.ts";

/** What of the cluster an extender is told. */
export interface ClusterView {
  node(name: string): V1Node | undefined;
  /** By `namespace/name`. */
  pod(key: string): V1Pod | undefined;
}

export interface Filtered {
  /** Nodes that are left, in the extender's order. */
  readonly nodes: readonly string[];
  readonly failed: ReadonlyMap<string, string>;
  readonly unresolvable: ReadonlyMap<string, string>;
}

/** Nodes as JSON, written once: the same thousand are sent with every pod. */
const nodeTexts = new WeakMap<V1Node, string>();

/** One extender, as kube-scheduler's HTTPExtender asks it. What it throws is for the user, in kube-scheduler's words. */
export class HttpExtender {
  readonly configuration: ExtenderConfiguration;
  readonly #connection: ExtenderConnection;
  readonly #cluster: ClusterView;

  constructor(configuration: ExtenderConfiguration, clock: Clock, cluster: ClusterView) {
    this.configuration = configuration;
    this.#connection = new ExtenderConnection(configuration, clock);
    this.#cluster = cluster;
  }

  close(): void {
    this.#connection.close();
  }

  /** Whether some container, or init container, asks for a resource that it manages; an extender that manages none wants all. */
  isInterested({ spec }: V1Pod): boolean {
    const { managedResources } = this.configuration;
    if (managedResources.size === 0) return true;
    return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ resources }) =>
      [resources?.requests, resources?.limits].some((amounts) =>
        Object.keys(amounts ?? {}).some((name) => managedResources.has(name)),
      ),
    );
  }

  async filter(pod: V1Pod, nodes: readonly string[]): Promise<Filtered> {
    const { filterVerb, nodeCacheCapable, urlPrefix } = this.configuration;
    const result = readFilterResult(await this.#connection.ask(filterVerb, this.#args(pod, nodes)));
    if (result.error !== "") throw new Error(result.error);
    const answered = (nodeCacheCapable ? result.nodeNames : undefined) ?? result.nodes ?? [];
    const known = new Set(nodes);
    for (const node of answered)
      if (!known.has(node))
        throw new Error(
          `extender "${urlPrefix}" claims a filtered node "${node}" which is not found in the input node list`,
        );
    return { nodes: [...new Set(answered)], failed: result.failed, unresolvable: result.unresolvable };
  }

  /** Node -> score, usually 0 to 10. */
  async prioritize(pod: V1Pod, nodes: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { prioritizeVerb } = this.configuration;
    return readHostPriorities(await this.#connection.ask(prioritizeVerb, this.#args(pod, nodes)));
  }

  async bind({ metadata }: V1Pod, node: string): Promise<void> {
    const args = {
      PodName: metadata?.name,
      PodNamespace: metadata?.namespace,
      PodUID: metadata?.uid,
      Node: node,
    };
    const { bindVerb } = this.configuration;
    const error = readBindingResult(await this.#connection.ask(bindVerb, JSON.stringify(args)));
    if (error !== "") throw new Error(error);
  }

  /** The offers that it leaves, perhaps with other victims. */
  async preempt(pod: V1Pod, offers: readonly VictimOffer[]): Promise<VictimOffer[]> {
    const { preemptVerb, urlPrefix } = this.configuration;
    const byNode = new Map(offers.map((offer) => [offer.node, offer]));
    const answer = await this.#connection.ask(preemptVerb, this.#preemptionArgs(pod, offers));
    return [...readPreemptionResult(answer)].map(([node, { uids, violations }]) => {
      const offer = byNode.get(node);
      if (offer === undefined) throw new Error(`nodeinfo not found for node name "${node}"`);
      const keys = new Map(offer.lower.map((key) => [this.#cluster.pod(key)?.metadata?.uid, key]));
      const victims = uids.map((uid) => {
        const key = keys.get(uid);
        if (key !== undefined) return key;
        throw new Error(
          `extender: ${urlPrefix} claims to preempt pod (UID: ${uid}) on node: ${node}, but the pod is not found on that node`,
        );
      });
      return { ...offer, victims: [...new Set(victims)], violations };
    });
  }

  #args(pod: V1Pod, names: readonly string[]): string {
    const { nodeCacheCapable } = this.configuration;
    const nodes = nodeCacheCapable ? "null" : `{"metadata":{},"items":[${this.#nodes(names).join()}]}`;
    const nodeNames = nodeCacheCapable ? JSON.stringify(names) : "null";
    return `{"Pod":${JSON.stringify(pod)},"Nodes":${nodes},"NodeNames":${nodeNames}}`;
  }

  #nodes(names: readonly string[]): string[] {
    return names.flatMap((name) => {
      const node = this.#cluster.node(name);
      if (node === undefined) return [];
      const text = nodeTexts.get(node) ?? JSON.stringify(node);
      nodeTexts.set(node, text);
      return [text];
    });
  }

  #preemptionArgs(pod: V1Pod, offers: readonly VictimOffer[]): string {
    const { nodeCacheCapable } = this.configuration;
    const pods = (keys: readonly string[]) => keys.flatMap((key) => this.#cluster.pod(key) ?? []);
    const victims = Object.fromEntries(
      offers.map(({ node, victims, violations }) => {
        const shown = pods(victims);
        const Pods = nodeCacheCapable ? shown.map(({ metadata }) => ({ UID: metadata?.uid })) : shown;
        return [node, { Pods, NumPDBViolations: violations }];
      }),
    );
    return JSON.stringify({
      Pod: pod,
      NodeNameToVictims: nodeCacheCapable ? null : victims,
      NodeNameToMetaVictims: nodeCacheCapable ? victims : null,
    });
  }
}
