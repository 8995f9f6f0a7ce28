import { PodGroup } from "../api/alpha-kinds.ts";
import { Pod } from "../api/core-kinds.ts";
import type { V1alpha2PodGroup, V1Pod } from "../api/generated/types.ts";
import { byNamespace } from "../client/lister.ts";
import { type Change, update } from "./change.ts";
import { isTerminal } from "./pod-state.ts";
import { controller } from "./runtime.ts";
import { protect } from "./storage-protection.ts";
import { self, watch } from "./watches.ts";

const FINALIZER = "scheduling.k8s.io/podgroup-protection";

export interface ObservedGroup {
  readonly group: V1alpha2PodGroup;
  /** Its pods; read only when it is being deleted. */
  readonly members: readonly V1Pod[];
}

/** A pod group outlives its deletion until all of its pods have ended or are gone. Source: PodGroup protection of Kubernetes. */
export const podGroupProtectionController = controller<ObservedGroup>({
  name: "podgroup-protection-controller",
  watches: [self(PodGroup), watch(Pod, (pod, _, why) => (why === "added" ? [] : groupKeys(pod)))],
  observe: (key, { informers }) => {
    const group = informers.get(PodGroup).lister.get(key);
    if (group === undefined) return undefined;
    const isGoing = group.metadata?.deletionTimestamp !== undefined;
    const inNamespace = informers.get(Pod).lister.by(byNamespace, group.metadata?.namespace ?? "");
    return { group, members: isGoing ? inNamespace.filter((pod) => groupKeys(pod).includes(key)) : [] };
  },
  reconcile: reconcileGroup,
});

export function reconcileGroup({ group, members }: ObservedGroup): readonly Change[] {
  const isUsed = members.some((pod) => !isTerminal(pod));
  return protect(group, FINALIZER, isUsed).map((object) => update(PodGroup, object));
}

function groupKeys({ metadata, spec }: V1Pod): string[] {
  const name = spec?.schedulingGroup?.podGroupName;
  return name ? [`${metadata?.namespace}/${name}`] : [];
}
