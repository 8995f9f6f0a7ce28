import type { ScoredResource, ScoredResources } from "../wasm/scheduler-facts.ts";
import type { PodFacts } from "./pod-facts.ts";
import type { ProfileFacts } from "./profile-facts.ts";
import type { Amounts } from "./resource-list.ts";
import { isScalarResource } from "./resource-names.ts";

const BUILT_IN: Readonly<Record<string, "milliCpu" | "memory" | "ephemeral">> = {
  cpu: "milliCpu",
  memory: "memory",
  "ephemeral-storage": "ephemeral",
};

/**
 * What a class is scored by under its profile; undefined for the core's short cut. An extended resource that the pod does
 * not ask for is left out, and so is a name that no node can offer. A pod that asks for none of the resources of
 * BalancedAllocation is not scored by it.
 *
 * @param columnOf  the core's column of an extended resource
 */
export function scoredResourcesOf(
  pod: PodFacts,
  { args, scoresPlainly }: ProfileFacts,
  columnOf: (name: string) => number,
): ScoredResources | undefined {
  if (scoresPlainly) return undefined;
  const read = (name: string, weight: number, amounts: Amounts): ScoredResource[] => {
    const amount = amounts.get(name) ?? 0;
    if (Object.hasOwn(BUILT_IN, name)) return [{ resource: BUILT_IN[name]!, amount, weight }];
    return amount > 0 && isScalarResource(name) ? [{ resource: columnOf(name), amount, weight }] : [];
  };
  const { resources } = args.NodeResourcesFit.scoringStrategy;
  const balanced = args.NodeResourcesBalancedAllocation.resources.flatMap((name) =>
    read(name, 1, pod.requests),
  );
  return {
    fit: resources.flatMap(({ name, weight }) => read(name, weight, pod.score)),
    balanced: balanced.some(({ amount }) => amount > 0) ? balanced : [],
  };
}
