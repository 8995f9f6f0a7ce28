import type { V1alpha2PodGroup, V1Pod } from "../api/generated/types.ts";
import { objectKey } from "../apimachinery/object.ts";
import { groupKeyOf } from "../scheduler/groups/pod-groups.ts";
import type { SimulatedCluster } from "./cluster.ts";

/** Pods that are decided about in one call, by their places in the input. */
export interface Turn {
  readonly places: readonly number[];
  /** Of a gang: how many of them have to find nodes, those that are bound counted. */
  readonly minCount?: number;
}

/** Pods between two reports of progress. */
const SLICE = 1_000;

/**
 * The pods in their order, in slices. All pods of a gang are a turn of their own, where its first one stands: the higher
 * priority first, as the scheduler takes them. A group whose PodGroup is not given is a name and no more.
 */
export function* turnsOf({ pods, objects }: SimulatedCluster): Iterable<Turn> {
  const minCounts = gangsOf(objects.map(({ object }) => object));
  const gangs = new Map<string, number[]>();
  const gangOf = (pod: V1Pod) => {
    const key = groupKeyOf(pod);
    return key !== undefined && minCounts.has(key) ? key : undefined;
  };
  if (minCounts.size > 0)
    pods.forEach(({ object }, place) => {
      const gang = gangOf(object);
      if (gang === undefined) return;
      const known = gangs.get(gang);
      if (known === undefined) gangs.set(gang, [place]);
      else known.push(place);
    });
  let places: number[] = [];
  for (const [place, { object }] of pods.entries()) {
    const gang = gangs.size > 0 ? gangOf(object) : undefined;
    if (gang === undefined) places.push(place);
    const isDue = gang !== undefined && gangs.get(gang)![0] === place;
    if (places.length > 0 && (isDue || places.length === SLICE)) {
      yield { places };
      places = [];
    }
    if (!isDue) continue;
    const priority = (at: number) => pods[at]!.object.spec?.priority ?? 0;
    const together = [...gangs.get(gang)!].sort((a, b) => priority(b) - priority(a) || a - b);
    yield { places: together, minCount: minCounts.get(gang)! };
  }
  if (places.length > 0) yield { places };
}

function gangsOf(objects: readonly { kind?: string }[]): Map<string, number> {
  const minCounts = new Map<string, number>();
  for (const object of objects) {
    if (object.kind !== "PodGroup") continue;
    const group = object as V1alpha2PodGroup;
    const { gang } = group.spec.schedulingPolicy;
    if (gang !== undefined) minCounts.set(objectKey(group), gang.minCount);
  }
  return minCounts;
}
