import { Pod } from "../api/core-kinds.ts";
import type { V1Pod } from "../api/generated/types.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Index } from "../client/lister.ts";
import type { Change } from "./change.ts";
import { giveUp } from "./pod-garbage-collector.ts";
import { isTerminal } from "./pod-state.ts";
import { controller } from "./runtime.ts";
import { watch } from "./watches.ts";

/** `--terminated-pod-gc-threshold`: so many pods that have ended are kept to be looked at. */
const MAX_TERMINATED = 12_500;

const TERMINATED = "terminated";
const NEVER_SCHEDULED = "never scheduled";

/** The pods that nobody else would remove, by why. */
const byGarbage: Index<KubernetesObject> = {
  name: "garbage",
  valuesOf: (object) => {
    const pod = object as V1Pod;
    if (pod.metadata?.deletionTimestamp !== undefined) return pod.spec?.nodeName ? [] : [NEVER_SCHEDULED];
    return isTerminal(pod) ? [TERMINATED] : [];
  },
};

export interface ObservedGarbage {
  readonly why: string;
  readonly pods: readonly V1Pod[];
}

/** Removes pods that ended long ago when there are too many, and those that were deleted before they had a node. Source: controllers.md 11.4, rules 1 and 4. */
export const terminatedPodCollector = controller<ObservedGarbage>({
  name: "pod-garbage-collector-controller",
  watches: [watch(Pod, (pod) => byGarbage.valuesOf(pod))],
  observe: (why, { informers }) => ({ why, pods: informers.get(Pod).lister.by(byGarbage, why) }),
  reconcile: reconcileGarbage,
});

/** @param kept  pods that have ended and stay; a test may ask for fewer */
export function reconcileGarbage(
  { why, pods }: ObservedGarbage,
  _nowMs: number,
  kept = MAX_TERMINATED,
): readonly Change[] {
  const surplus =
    why === TERMINATED ? [...pods].sort(sooner).slice(0, Math.max(0, pods.length - kept)) : pods;
  return surplus.length === 0 ? [] : [{ do: "together", changes: surplus.map((pod) => giveUp(pod, [])) }];
}

/** Who goes first: one that was evicted, then the oldest, then by name. */
function sooner(a: V1Pod, b: V1Pod): number {
  const isEvicted = ({ status }: V1Pod) => Number(status?.reason === "Evicted");
  const madeAt = ({ metadata }: V1Pod) => metadata?.creationTimestamp ?? "";
  const name = ({ metadata }: V1Pod) => `${metadata?.namespace}/${metadata?.name}`;
  const order = (x: string, y: string) => (x < y ? -1 : Number(x > y));
  return isEvicted(b) - isEvicted(a) || order(madeAt(a), madeAt(b)) || order(name(a), name(b));
}
