import type { V1alpha2PodGroup, V1Pod } from "../../api/generated/types.ts";
import type { FeatureGates } from "../../apimachinery/feature-gates.ts";
import { objectKey } from "../../apimachinery/object.ts";

/** Why the pods of a gang are held back of which too few exist. */
export const TOO_FEW_PODS = "waiting for minCount pods from a gang to appear in scheduling queue";

/** The condition of a group that says whether it was scheduled. */
export const GROUP_CONDITION = "PodGroupScheduled";

/** A group as far as it is known: its object may come after its pods, and go before them. */
interface KnownGroup {
  object: V1alpha2PodGroup | undefined;
  /** UIDs of its pods that have not ended, by `namespace/name`: waiting, assumed and bound. */
  readonly members: Map<string, string>;
  /** Its pods may be looked at. */
  isReady: boolean;
  /** It was scheduled once, whatever became of its pods. */
  wasScheduled: boolean;
}

/** `namespace/name` of the group that a pod is scheduled with; undefined for most pods. */
export function groupKeyOf({ metadata, spec }: V1Pod): string | undefined {
  const name = spec?.schedulingGroup?.podGroupName;
  return name === undefined ? undefined : `${metadata?.namespace}/${name}`;
}

/**
 * Which pods belong together, and whether there are enough of them to be looked at. Pods without a group cost one look at a
 * field. Holds a UID for each pod of a group, and nothing of a group without pods or object.
 *
 *   PodGroup "ring", gang of 3        pods a, b: held back        c comes: all three are let go
 *
 * Source: kube-scheduler's GangScheduling plugin, PreEnqueue (scheduling sheet 2.15, 7.1).
 */
export class PodGroups {
  readonly #gates: FeatureGates;
  readonly #letGo: (key: string, why: string) => void;
  readonly #groups = new Map<string, KnownGroup>();

  /** @param letGo  told of every pod of a group that has become ready, by its key, and of the event that made it so */
  constructor(gates: FeatureGates, letGo: (key: string, why: string) => void) {
    this.#gates = gates;
    this.#letGo = letGo;
  }

  /** The object of a group; undefined when there is none. */
  find(group: string): V1alpha2PodGroup | undefined {
    return this.#groups.get(group)?.object;
  }

  put(object: V1alpha2PodGroup): void {
    this.#change(objectKey(object), "scheduling.k8s.io/PodGroupAdd", (group) => {
      // Another of that name has yet to be scheduled.
      if (group.object?.metadata?.uid !== object.metadata?.uid) group.wasScheduled = false;
      group.object = object;
      group.wasScheduled ||= isScheduled(object);
    });
  }

  remove(object: V1alpha2PodGroup): void {
    this.#change(objectKey(object), "", (group) => {
      group.object = undefined;
    });
  }

  /** A pod that has not ended, new or changed. */
  saw(pod: V1Pod): void {
    const group = this.#groupOf(pod);
    if (group === undefined) return;
    const [key, uid] = [objectKey(pod), pod.metadata?.uid ?? ""];
    if (this.#groups.get(group)?.members.get(key) === uid) return;
    this.#change(group, "UnschedulablePodAdd", ({ members }) => members.set(key, uid));
  }

  /** A pod that has ended, or is gone. */
  lost(pod: V1Pod): void {
    const group = this.#groupOf(pod);
    if (group === undefined) return;
    this.#change(group, "", ({ members }) => {
      if (members.get(objectKey(pod)) === pod.metadata?.uid) members.delete(objectKey(pod));
    });
  }

  markScheduled(key: string): void {
    const group = this.#groups.get(key);
    if (group !== undefined) group.wasScheduled = true;
  }

  wasScheduled(key: string): boolean {
    return this.#groups.get(key)?.wasScheduled === true;
  }

  /** Why the pod may not be looked at yet, in GangScheduling's words; undefined: it may. */
  whyHeld(pod: V1Pod): string | undefined {
    const key = this.#groupOf(pod);
    if (key === undefined || !this.#gates.GangScheduling) return undefined;
    const group = this.#groups.get(key);
    if (group?.object === undefined)
      return `waiting for pods's pod group "${pod.spec?.schedulingGroup?.podGroupName}" to appear in scheduling queue`;
    return group.isReady ? undefined : TOO_FEW_PODS;
  }

  /** The group's object has gone since its pods were let go, and nobody knows what it asks for. */
  isMissing(group: string): boolean {
    return this.#gates.GangScheduling && this.find(group) === undefined;
  }

  /** How many pods of a group have to have nodes so that any may keep its own. A group without a gang's policy asks for one. */
  minCountOf(group: string): number {
    return this.#gates.GangScheduling ? (this.find(group)?.spec.schedulingPolicy.gang?.minCount ?? 1) : 1;
  }

  /** How many of a group's pods are where `isPlaced` says. */
  count(group: string, isPlaced: (key: string, uid: string) => boolean): number {
    let count = 0;
    for (const [key, uid] of this.#groups.get(group)?.members ?? []) if (isPlaced(key, uid)) count++;
    return count;
  }

  #groupOf(pod: V1Pod): string | undefined {
    return this.#gates.GenericWorkload ? groupKeyOf(pod) : undefined;
  }

  #change(key: string, why: string, change: (group: KnownGroup) => void): void {
    const group = this.#groups.get(key) ?? {
      object: undefined,
      members: new Map(),
      isReady: false,
      wasScheduled: false,
    };
    this.#groups.set(key, group);
    change(group);
    const was = group.isReady;
    group.isReady = group.object !== undefined && group.members.size >= this.minCountOf(key);
    if (group.isReady && !was) for (const member of group.members.keys()) this.#letGo(member, why);
    if (group.object === undefined && group.members.size === 0) this.#groups.delete(key);
  }
}

function isScheduled({ status }: V1alpha2PodGroup): boolean {
  return status?.conditions?.some((one) => one.type === GROUP_CONDITION && one.status === "True") === true;
}
