import type { Decision } from "../scheduler/library.ts";
import { readNode } from "../scheduler/node-facts.ts";
import { readPodRequests } from "../scheduler/pod-requests.ts";
import { type Amounts, addAmounts } from "../scheduler/resource-list.ts";
import type { SimulatedCluster } from "./cluster.ts";

/** How full the nodes are, by resource; ratios with four decimals. */
export interface Use {
  /** What placed pods ask for, of what all nodes offer: 0 to 1. */
  readonly allocated: Readonly<Record<string, number>>;
  /**
   * How much of what is free would be of no use to a pod drawn from the input: it lies on nodes where that pod's requests
   * do not fit. 0 to 1; pods that do not ask for the resource are not asked. The idea is "fragmentation" of Weng et al.
   * (Beware of Fragmentation, ATC '23), without the boundaries of single devices.
   */
  readonly fragmentation: Readonly<Record<string, number>>;
}

/** The pods of one shape of requests, `pods` of them. */
interface Shape {
  readonly requests: Amounts;
  pods: number;
}

/** Measures what the decisions leave. Every pod takes one of `pods`, as NodeResourcesFit counts. */
export function measureUse({ nodes, pods }: SimulatedCluster, decisions: readonly Decision[]): Use {
  const offered = nodes.map(({ object }) => readNode(object).allocatable);
  const free = new Map(nodes.map(({ object }, i) => [object.metadata!.name!, new Map(offered[i])]));
  const shapes = new Map<string, Shape>();
  const taken: Amounts = new Map();
  pods.forEach(({ object }, i) => {
    // Pods that cannot be read have been refused by the scheduler: what is left of them counts nothing.
    const requests = new Map(readPodRequests(object, "spec", []).requests).set("pods", 1);
    const key = JSON.stringify([...requests]);
    const shape = shapes.get(key) ?? { requests, pods: 0 };
    shape.pods++;
    shapes.set(key, shape);
    const { node } = decisions[i]!;
    if (node === null) return;
    addAmounts(taken, requests);
    const left = free.get(node)!;
    for (const [name, amount] of requests) left.set(name, (left.get(name) ?? 0) - amount);
  });
  const total: Amounts = new Map();
  for (const amounts of offered) addAmounts(total, amounts);
  const names = [...total].filter(([, amount]) => amount > 0).map(([name]) => name);
  return {
    allocated: ratios(names, (name) => (taken.get(name) ?? 0) / total.get(name)!),
    fragmentation: ratios(names, (name) => fragmentation(name, [...free.values()], [...shapes.values()])),
  };
}

function fragmentation(resource: string, free: readonly Amounts[], shapes: readonly Shape[]): number {
  const asking = shapes.filter(({ requests }) => (requests.get(resource) ?? 0) > 0);
  let [all, useless] = [0, 0];
  for (const left of free) {
    const amount = Math.max(0, left.get(resource) ?? 0);
    if (amount === 0) continue;
    for (const { requests, pods } of asking) {
      all += amount * pods;
      if (!fits(requests, left)) useless += amount * pods;
    }
  }
  return all === 0 ? 0 : useless / all;
}

function fits(requests: Amounts, free: Amounts): boolean {
  for (const [name, amount] of requests) if (amount > 0 && amount > (free.get(name) ?? 0)) return false;
  return true;
}

function ratios(names: readonly string[], ratio: (name: string) => number): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, Number(ratio(name).toFixed(4))]));
}
