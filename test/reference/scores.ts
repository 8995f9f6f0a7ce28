import type { V1Node, V1Pod } from "../../host/api/generated/types.ts";
import { termMatches, tolerates } from "./filters.ts";
import { bag, fitRequest, nonZeroUsage, scoreRequest, usage } from "./requests.ts";

import { affinityScores, spreadScores, type World } from "./topology.ts";

/** Reference model of the scores, written from shared/spec/scheduling.md section 3. */
export interface PluginScore {
  raw: number;
  normalized: number;
  weighted: number;
}

export const WEIGHTS = {
  TaintToleration: 3,
  NodeAffinity: 2,
  NodeResourcesFit: 1,
  PodTopologySpread: 2,
  InterPodAffinity: 2,
  NodeResourcesBalancedAllocation: 1,
};

export type Plugin = keyof typeof WEIGHTS;
export interface Place {
  node: V1Node;
  pods: V1Pod[];
}

const sumOf = (pods: V1Pod[], amounts: (pod: V1Pod) => Record<string, bigint>, name: string) =>
  pods.reduce((sum, pod) => sum + (amounts(pod)[name] ?? 0n), 0n);

function leastAllocated(pod: V1Pod, { node, pods }: Place): number {
  const offered = bag(node.status?.allocatable);
  const parts: bigint[] = [];
  for (const name of ["cpu", "memory"]) {
    const capacity = offered[name] ?? 0n;
    if (capacity === 0n) continue;
    const used = sumOf(pods, nonZeroUsage, name) + (scoreRequest(pod)[name] ?? 0n);
    parts.push(used > capacity ? 0n : ((capacity - used) * 100n) / capacity);
  }
  if (parts.length === 0) return 0;
  return Number(parts.reduce((sum, part) => sum + part, 0n) / BigInt(parts.length));
}

function balancedAllocation(pod: V1Pod, { node, pods }: Place): number {
  const offered = bag(node.status?.allocatable);
  const wanted = fitRequest(pod);
  const names = ["cpu", "memory"];
  if (names.every((name) => (wanted[name] ?? 0n) === 0n)) return 0;
  const balance = (withPod: boolean) => {
    const fractions = names
      .filter((name) => (offered[name] ?? 0n) > 0n)
      .map((name) => {
        const used = sumOf(pods, usage, name) + (withPod ? (wanted[name] ?? 0n) : 0n);
        return Math.min(1, Number(used) / Number(offered[name]));
      });
    const deviation = fractions.length === 2 ? Math.abs(fractions[0]! - fractions[1]!) / 2 : 0;
    return Math.trunc((1 - deviation) * 100);
  };
  return 50 + Math.trunc((50 + balance(true) - balance(false)) / 2);
}

function intolerableTaints(pod: V1Pod, node: V1Node): number {
  const tolerations = (pod.spec!.tolerations ?? []).filter(
    (one) => !one.effect || one.effect === "PreferNoSchedule",
  );
  const soft = (node.spec?.taints ?? []).filter((one) => one.effect === "PreferNoSchedule");
  return soft.filter((taint) => !tolerations.some((one) => tolerates(one, taint))).length;
}

function preferredWeight(pod: V1Pod, node: V1Node): number {
  const terms = pod.spec!.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.filter((one) => termMatches(one.preference, node)).reduce((sum, one) => sum + one.weight, 0);
}

function normalizeDefault(raw: number[], reverse: boolean): number[] {
  const highest = Math.max(...raw);
  return raw.map((one) => {
    if (highest === 0) return reverse ? 100 : one;
    const scaled = Math.floor((100 * one) / highest);
    return reverse ? 100 - scaled : scaled;
  });
}

/** Every plugin's scores of the feasible nodes, in their order. */
export function scoreNodes(
  pod: V1Pod,
  feasible: Place[],
  places: Place[],
  world: World,
): Record<Plugin, PluginScore>[] {
  const taints = feasible.map((place) => intolerableTaints(pod, place.node));
  const affinity = feasible.map((place) => preferredWeight(pod, place.node));
  const least = feasible.map((place) => leastAllocated(pod, place));
  const balanced = feasible.map((place) => balancedAllocation(pod, place));
  const columns: Record<Plugin, [number[], number[]]> = {
    TaintToleration: [taints, normalizeDefault(taints, true)],
    NodeAffinity: [affinity, normalizeDefault(affinity, false)],
    NodeResourcesFit: [least, least],
    PodTopologySpread: spreadScores(pod, feasible, places, world),
    InterPodAffinity: affinityScores(pod, feasible, places, world),
    NodeResourcesBalancedAllocation: [balanced, balanced],
  };
  return feasible.map((_, i) => {
    const entries = Object.entries(columns).map(([plugin, [raw, normalized]]) => {
      const weighted = normalized[i]! * WEIGHTS[plugin as Plugin];
      return [plugin, { raw: raw[i]!, normalized: normalized[i]!, weighted }];
    });
    return Object.fromEntries(entries);
  });
}
