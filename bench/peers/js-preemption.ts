/** A pod of the peer: what it takes, and how important it is. */
export interface PeerPod {
  readonly milliCpu: number;
  readonly memory: number;
  readonly priority: number;
}

interface PeerNode {
  freeMilliCpu: number;
  freeMemory: number;
  freePods: number;
  readonly pods: PeerPod[];
}

/** kube-scheduler looks for so many candidates. */
const CANDIDATES = 100;

/**
 * Preemption by resources alone, as a plain program does it: objects in arrays, every node asked in turn, the pods of lower
 * priority taken off a candidate and let back one by one, and the fewest and least important victims chosen.
 */
export class JsPreemption {
  readonly #nodes: PeerNode[];

  constructor(nodes: number, milliCpu: number, memory: number, pods: number) {
    this.#nodes = Array.from({ length: nodes }, () => ({
      freeMilliCpu: milliCpu,
      freeMemory: memory,
      freePods: pods,
      pods: [],
    }));
  }

  add(node: number, pod: PeerPod): void {
    take(this.#nodes[node]!, pod, 1);
    this.#nodes[node]!.pods.push(pod);
  }

  /** Finds a node, evicts what has to go, and puts the pod there. @returns how many had to go */
  preempt(pod: PeerPod, offset: number): number {
    if (this.#nodes.some((node) => fits(node, pod))) return 0;
    let best: { node: PeerNode; victims: PeerPod[]; sum: number } | undefined;
    let found = 0;
    for (let i = 0; i < this.#nodes.length && found < CANDIDATES; i++) {
      const node = this.#nodes[(offset + i) % this.#nodes.length]!;
      const victims = victimsOn(node, pod);
      if (victims === undefined) continue;
      found++;
      const sum = victims.reduce((total, { priority }) => total + priority + 2 ** 31, 0);
      if (best === undefined || sum < best.sum) best = { node, victims, sum };
    }
    if (best === undefined) return 0;
    for (const victim of best.victims) {
      take(best.node, victim, -1);
      best.node.pods.splice(best.node.pods.indexOf(victim), 1);
    }
    take(best.node, pod, 1);
    best.node.pods.push(pod);
    return best.victims.length;
  }
}

function victimsOn(node: PeerNode, pod: PeerPod): PeerPod[] | undefined {
  const lower = node.pods.filter(({ priority }) => priority < pod.priority);
  if (lower.length === 0) return undefined;
  lower.sort((a, b) => b.priority - a.priority);
  for (const one of lower) take(node, one, -1);
  const victims: PeerPod[] = [];
  const helps = fits(node, pod);
  for (const one of lower) {
    take(node, one, 1);
    if (!helps || fits(node, pod)) continue;
    take(node, one, -1);
    victims.push(one);
  }
  for (const one of victims) take(node, one, 1);
  return helps ? victims : undefined;
}

function fits(node: PeerNode, pod: PeerPod): boolean {
  return node.freePods > 0 && node.freeMilliCpu >= pod.milliCpu && node.freeMemory >= pod.memory;
}

function take(node: PeerNode, pod: PeerPod, sign: 1 | -1): void {
  node.freeMilliCpu -= sign * pod.milliCpu;
  node.freeMemory -= sign * pod.memory;
  node.freePods -= sign;
}
