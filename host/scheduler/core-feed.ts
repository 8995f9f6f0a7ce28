import type { V1Node, V1Pod } from "../api/generated/types.ts";
import { apiVersionOf, type Kind } from "../api/kind.ts";
import type { Logger } from "../apimachinery/log.ts";
import { type KubernetesObject, objectKey, parseKey } from "../apimachinery/object.ts";
import type { DecidingScheduler } from "./deciding-scheduler.ts";

interface Placed {
  readonly uid: string;
  readonly node: string;
  /** False while only this scheduler believes it: assumed, and not yet seen bound. */
  confirmed: boolean;
}

/**
 * Tells the core what the informers see, each pod once: a pod that the core has placed itself is only confirmed when it
 * is seen bound. It is the only writer besides `schedule`, and remembers which pods count and where.
 *
 *   assume ──► placed ──seen bound──► confirmed ──finished or deleted──► gone
 *                └───────forget (binding failed, pod deleted)────────────┘
 */
export class CoreFeed {
  #core: DecidingScheduler;
  readonly #log: Logger;
  readonly #nodes = new Set<string>();
  readonly #placed = new Map<string, Placed>();
  #assumed = 0;

  constructor(core: DecidingScheduler, log: Logger) {
    this.#core = core;
    this.#log = log;
  }

  /** The core that is told; another one after it was rebuilt. */
  get core(): DecidingScheduler {
    return this.#core;
  }

  /** A core that knows nothing takes the place of one that died: what was assumed stands, and is told again by `refill`. */
  replaceCore(core: DecidingScheduler, refill: () => void): void {
    this.#core = core;
    this.#nodes.clear();
    refill();
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  /** Pods that count on a node, assumed ones among them. */
  get podCount(): number {
    return this.#placed.size;
  }

  get assumedCount(): number {
    return this.#assumed;
  }

  /** A node that has not said yet what it offers counts as one that offers nothing, as for kube-scheduler. */
  putNode(seen: V1Node): void {
    const { status = {}, metadata } = seen;
    const name = metadata?.name ?? "";
    const node = { ...seen, status: { ...status, allocatable: status.allocatable ?? status.capacity ?? {} } };
    const isKnown = this.#nodes.has(name);
    const taken = this.#tell(`node ${name}`, () => {
      if (isKnown) this.#core.updateNode(node);
      else this.#core.addNode(node);
    });
    if (taken) this.#nodes.add(name);
  }

  removeNode(name: string): void {
    if (this.#nodes.delete(name)) this.#tell(`node ${name}`, () => this.#core.removeNode(name));
  }

  /** Another object that decisions read. The items of a list do not say their kind. */
  putObject(kind: Kind, object: KubernetesObject): void {
    this.#tell(`${kind.kind} ${objectKey(object)}`, () => this.#core.addObject(typed(kind, object)));
  }

  removeObject(kind: Kind, object: KubernetesObject): void {
    this.#tell(`${kind.kind} ${objectKey(object)}`, () => this.#core.removeObject(typed(kind, object)));
  }

  /**
   * A pod is bound, or a bound one has changed. What the API says wins over what was assumed.
   *
   * @param changed  whether it takes other room than when it was last told
   */
  putPod(pod: V1Pod, changed: boolean): void {
    const key = objectKey(pod);
    const { uid = "" } = pod.metadata ?? {};
    const node = pod.spec?.nodeName ?? "";
    const known = this.#placed.get(key);
    if (known?.confirmed === false) this.#assumed--;
    this.#placed.set(key, { uid, node, confirmed: true });
    const isKnown = known?.uid === uid && known.node === node && !changed;
    this.#tell(`pod ${key}`, () => (isKnown ? this.#core.noteStatus(pod) : this.#core.addPod(pod)));
  }

  /** Tells a new core of a pod that counts on a node, assumed or bound. */
  tellAgain(pod: V1Pod): void {
    const known = this.#placed.get(objectKey(pod));
    if (known === undefined || known.uid !== (pod.metadata?.uid ?? "")) return;
    const placed = { ...pod, spec: { ...pod.spec!, nodeName: known.node } };
    this.#tell(`pod ${objectKey(pod)}`, () => this.#core.addPod(placed));
  }

  /** The API says that room is kept for a waiting pod, or (null) no longer. */
  nominate(pod: V1Pod, node: string | null): void {
    this.#tell(`nomination of ${objectKey(pod)}`, () => this.#core.nominate(pod, node));
  }

  hasNode(name: string): boolean {
    return this.#nodes.has(name);
  }

  /** The node where a pod counts, assumed or bound; undefined when it counts nowhere. */
  nodeOf(key: string, uid: string): string | undefined {
    const known = this.#placed.get(key);
    return known?.uid === uid ? known.node : undefined;
  }

  /** A bound pod has finished or is deleted, or an assumed one is deleted. */
  removePod(key: string): void {
    const known = this.#placed.get(key);
    if (known === undefined) return;
    if (!known.confirmed) this.#assumed--;
    this.#placed.delete(key);
    this.discard(key);
  }

  /** The core has placed the pod; the API does not know yet. */
  assume(key: string, uid: string, node: string): void {
    if (this.#placed.get(key)?.confirmed !== false) this.#assumed++;
    this.#placed.set(key, { uid, node, confirmed: false });
  }

  /** Takes an assumption back. A pod that was seen bound meanwhile stays, and so does another pod of that name. */
  forget(key: string, uid: string): void {
    const known = this.#placed.get(key);
    if (known?.uid === uid && !known.confirmed) this.removePod(key);
  }

  /** The core placed a pod that was deleted while it decided. One that was bound by somebody else stays where it is. */
  discard(key: string): void {
    if (this.#placed.has(key)) return;
    const { namespace = "", name } = parseKey(key);
    this.#tell(`pod ${key}`, () => this.#core.removePod(namespace, name));
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

  /** The core refuses what its tables cannot hold: that object is left out and said so, the rest goes on. */
  #tell(what: string, change: () => void): boolean {
    try {
      change();
      return true;
    } catch (error) {
      this.#log.error("the scheduler core does not take it", { what, error: String(error) });
      return false;
    }
  }
}

function typed(kind: Kind, object: KubernetesObject): KubernetesObject {
  return { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind };
}
