import type { V1Node, V1Pod } from "../api/generated/types.ts";
import { Node, Pod } from "../api/registry.ts";
import { NOT_READY } from "../api/taints.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/log.ts";
import { objectKey } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import { packageVersion } from "../apimachinery/version.ts";
import type { Client } from "../client/client.ts";
import { type Informer, SharedInformers } from "../client/informer.ts";
import { NodeAgent } from "./node-agent.ts";
import { NodeEvents } from "./node-events.ts";
import { internalIP } from "./node-shape.ts";
import { type Nodes, PodEngine } from "./pod-engine.ts";
import type { PodNetwork } from "./pod-network.ts";
import { loadStages } from "./stage.ts";

export interface SimulatedKubeletOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How many nodes to register, 0 to 32,768: `node-1`, `node-2`, … */
  readonly nodes: number;
  /** Pintle's own version, part of what the nodes report; the package's unless told otherwise. */
  readonly version?: string;
  /** Where its pods can be reached; nobody reaches them unless given. */
  readonly network?: PodNetwork;
  /** Begins only when pods may come to the nodes, too: their controller has taken the taint of new nodes off them. */
  readonly untilSchedulable?: boolean;
}

/**
 * Kubelets for any number of nodes, without machines: the nodes register and stay alive, the pods bound to them run.
 * One engine serves all nodes: two watches, one loop each for nodes and pods.
 *
 * @returns when every node is registered
 */
export async function startSimulatedKubelet(
  options: SimulatedKubeletOptions,
): Promise<{ stop(): Promise<void> }> {
  const { client, clock, nodes } = options;
  const log = options.log.child("kubelet");
  const random = options.random.fork("kubelet");
  const informers = new SharedInformers({ client, clock, random, log });
  const nodeInformer = informers.get(Node);
  const podInformer = informers.get(Pod);
  const version = options.version ?? packageVersion();
  const agent = new NodeAgent({ client, clock, log, nodes, version, informer: nodeInformer });
  const events = new NodeEvents({ client, clock, random, log });
  const engine = new PodEngine({
    client,
    clock,
    log,
    events,
    informer: podInformer,
    stages: loadStages(),
    nodes: agent,
  });
  informers.start();
  await informers.synced();
  if (options.network !== undefined) connectPods(options.network, podInformer, agent);
  engine.start();
  // Nodes of our own have their network from the start; one that somebody else made gets it when it is filled in.
  nodeInformer.addHandler({
    onUpdate: (old, node) => {
      const { name = "" } = node.metadata ?? {};
      const filled = internalIP(old) !== internalIP(node) || old.spec?.podCIDR !== node.spec?.podCIDR;
      if (filled && agent.adopted(name)) engine.networkAppeared(name);
    },
  });
  await agent.start();
  if (options.untilSchedulable) await untainted(nodeInformer, (node) => agent.runs(objectKey(node)));
  log.info("nodes registered", { nodes });
  return {
    stop: async () => {
      informers.stop();
      events.stop();
      options.network?.stop();
      await Promise.all([agent.stop(), engine.stop()]);
    },
  };
}

/** Pods of its nodes are in the network as long as they run. */
function connectPods(network: PodNetwork, informer: Informer<V1Pod>, nodes: Nodes): void {
  const put = (pod: V1Pod) => {
    const node = pod.spec?.nodeName;
    if (!node || !nodes.runs(node)) return;
    const range = nodes.network(node)?.podCIDR;
    if (range !== undefined) network.addRange(range);
    network.put(pod);
  };
  informer.addHandler({ onAdd: put, onUpdate: (_, pod) => put(pod), onDelete: (pod) => network.remove(pod) });
}

/** Resolves when none of the nodes has the taint any more that new nodes come with. */
function untainted(informer: Informer<V1Node>, isOurs: (node: V1Node) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const tainted = new Set(
      informer.lister
        .list()
        .filter((node) => isOurs(node) && isTainted(node))
        .map(objectKey),
    );
    const free = (node: V1Node) => {
      tainted.delete(objectKey(node));
      if (tainted.size > 0) return;
      handler?.remove();
      resolve();
    };
    const handler = informer.addHandler({
      onUpdate: (_, node) => {
        if (!isTainted(node)) free(node);
      },
      onDelete: free,
    });
    if (tainted.size === 0) {
      handler.remove();
      resolve();
    }
  });
}

function isTainted({ spec }: V1Node): boolean {
  return (spec?.taints ?? []).some(({ key, effect }) => key === NOT_READY && effect === "NoSchedule");
}
