import type { V1Node, V1Pod } from "../api/generated/types.ts";
import type { Logger } from "../apimachinery/log.ts";
import { objectKey, parseKey } from "../apimachinery/object.ts";
import type { Scheduler } from "./library.ts";

interface Placed {
  readonly uid: string;
  readonly node: string;
  /** False while only this scheduler believes it: assumed, and not yet seen bound. */
  confirmed: boolean;
}

/**
 * Tells the core what the informers see, in an order it can use: a pod only while its node is known, no pod twice, no
 * pod on two nodes. It is the only writer besides `schedule`, and remembers where each pod counts.
 *
 *   assume ──► placed ──bound pod seen──► confirmed ──finished or deleted──► gone
 *                └──────forget (binding failed, pod deleted)─────────────────┘
 */
export class CoreFeed {
  readonly #core: Scheduler;
  readonly #log: Logger;
  readonly #nodes = new Set<string>();
  readonly #placed = new Map<string, Placed>();
  /** Node -> the pods placed on it, also when the node itself is gone (Kubernetes' ghost entries). */
  readonly #byNode = new Map<string, Map<string, V1Pod>>();

  constructor(core: Scheduler, log: Logger) {
    this.#core = core;
    this.#log = log;
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  addNode(node: V1Node): void {
    const name = node.metadata?.name ?? "";
    if (!this.#tell(() => this.#core.addNode(node), `node ${name}`)) return;
    this.#nodes.add(name);
    // Pods that were bound before their node was known, or stayed when it went, count from now on.
    for (const pod of this.#byNode.get(name)?.values() ?? []) {
      this.#tell(() => this.#core.addPod(onNode(pod, name)), `pod ${objectKey(pod)}`);
    }
  }

  updateNode(node: V1Node): void {
    const name = node.metadata?.name ?? "";
    if (!this.#nodes.has(name)) this.addNode(node);
    else this.#tell(() => this.#core.updateNode(node), `node ${name}`);
  }

  removeNode(name: string): void {
    if (!this.#nodes.delete(name)) return;
    for (const key of this.#byNode.get(name)?.keys() ?? []) this.#removeFromCore(key);
    this.#tell(() => this.#core.removeNode(name), `node ${name}`);
  }

  /** A pod is bound, or a bound one changed. What the API says wins over what was assumed. */
  addPod(pod: V1Pod, changed: boolean): void {
    const key = objectKey(pod);
    const node = pod.spec?.nodeName ?? "";
    const known = this.#placed.get(key);
    const asAssumed = known?.uid === pod.metadata?.uid && known?.node === node;
    this.#file(node, key, pod);
    if (known !== undefined && asAssumed && !changed) {
      known.confirmed = true;
      return;
    }
    if (known !== undefined) {
      if (known.node !== node) this.#unfile(known.node, key);
      this.#removeFromCore(key);
    }
    this.#placed.set(key, { uid: pod.metadata?.uid ?? "", node, confirmed: true });
    if (this.#nodes.has(node)) this.#tell(() => this.#core.addPod(pod), `pod ${key}`);
  }

  /** A bound pod has finished or is deleted, or an assumed one is deleted. */
  removePod(key: string): void {
    const known = this.#placed.get(key);
    if (known === undefined) return;
    this.#placed.delete(key);
    this.#unfile(known.node, key);
    if (this.#nodes.has(known.node)) this.#removeFromCore(key);
  }

  /** The core has placed the pod; the API does not know yet. */
  assume(pod: V1Pod, node: string): void {
    const key = objectKey(pod);
    this.#placed.set(key, { uid: pod.metadata?.uid ?? "", node, confirmed: false });
    this.#file(node, key, pod);
  }

  /** Takes an assumption back. A pod that was seen bound meanwhile stays, and so does another pod of that name. */
  forget(key: string, uid: string): void {
    const known = this.#placed.get(key);
    if (known?.uid === uid && !known.confirmed) this.removePod(key);
  }

  /** The core placed a pod that was deleted or bound elsewhere while it decided. */
  discard(key: string): void {
    if (!this.#placed.has(key)) this.#removeFromCore(key);
  }

  /** Whether the pod counts on a node, assumed or bound. */
  isPlaced(key: string, uid: string): boolean {
    return this.#placed.get(key)?.uid === uid;
  }

  /** Whether the API has shown the pod on a node. */
  isBound(key: string, uid: string): boolean {
    const known = this.#placed.get(key);
    return known?.uid === uid && known.confirmed;
  }

  #removeFromCore(key: string): void {
    const { namespace = "", name } = parseKey(key);
    this.#tell(() => this.#core.removePod(namespace, name), `pod ${key}`);
  }

  #file(node: string, key: string, pod: V1Pod): void {
    const pods = this.#byNode.get(node);
    if (pods === undefined) this.#byNode.set(node, new Map([[key, pod]]));
    else pods.set(key, pod);
  }

  #unfile(node: string, key: string): void {
    const pods = this.#byNode.get(node);
    pods?.delete(key);
    if (pods?.size === 0) this.#byNode.delete(node);
  }

  /** The core refuses what its tables cannot hold: that object is left out and said so, the rest goes on. */
  #tell(change: () => void, what: string): boolean {
    try {
      change();
      return true;
    } catch (error) {
      this.#log.error("the scheduler core does not take it", { what, error: String(error) });
      return false;
    }
  }
}

/** An assumed pod as it will be once it is bound. */
function onNode(pod: V1Pod, node: string): V1Pod {
  return pod.spec?.nodeName === node || pod.spec === undefined
    ? pod
    : { ...pod, spec: { ...pod.spec, nodeName: node } };
}
