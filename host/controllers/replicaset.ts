import { Pod } from "../api/core-kinds.ts";
import type { V1Pod, V1ReplicaSet } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import { ReplicaSet } from "../api/workload-kinds.ts";
import { controllerOf } from "../apimachinery/object.ts";
import { labelSelectorFromObject, matches } from "../apimachinery/selectors.ts";
import { type Change, create, note, remove, statusAfter } from "./change.ts";
import {
  assertStillThere,
  byController,
  candidatesOf,
  claim,
  controllerReference,
  wouldAdopt,
} from "./claim.ts";
import { inDeletionOrder } from "./deletion-order.ts";
import { isActive, isTerminating, nextAvailableMs, podFromTemplate } from "./pod-state.ts";
import { replicaSetStatus } from "./replicaset-status.ts";
import { controller, type Look } from "./runtime.ts";
import { ownedBy, self } from "./watches.ts";

export interface ObservedReplicaSet {
  readonly replicaSet: V1ReplicaSet;
  /** Its own pods and the orphans of its namespace. */
  readonly pods: readonly V1Pod[];
  /** Pods of all ReplicaSets under the same owner, its own among them; none without an owner. Asked when pods must go. */
  readonly related: () => readonly V1Pod[];
}

/** Most pods created or deleted in one pass (BurstReplicas). */
const BURST = 500;

export const replicaSetController = controller<ObservedReplicaSet>({
  name: "replicaset-controller",
  watches: [
    self(ReplicaSet),
    ownedBy(Pod, ReplicaSet, (owner) => labelSelectorFromObject(owner.spec?.selector)),
  ],
  observe: (key, look) => {
    const replicaSet = look.informers.get(ReplicaSet).lister.get(key);
    return replicaSet && observePods(replicaSet, ReplicaSet, look, () => relatedPods(replicaSet, look));
  },
  reconcile: (observed, nowMs) => reconcileReplicaSet(observed, nowMs),
});

/** Also for kinds that are ReplicaSets by another name: `kind` is the one that is stored. */
export async function observePods(
  replicaSet: V1ReplicaSet,
  kind: Kind<V1ReplicaSet>,
  look: Look,
  related: () => readonly V1Pod[],
): Promise<ObservedReplicaSet> {
  const selector = labelSelectorFromObject(replicaSet.spec?.selector);
  const pods = candidatesOf(look.informers.get(Pod).lister, replicaSet);
  if (wouldAdopt(replicaSet, selector, pods.filter(isActive))) {
    await assertStillThere(look.client, kind, replicaSet);
  }
  return { replicaSet, pods, related };
}

/** Siblings' pods count by owner, where Kubernetes lists by the siblings' selectors: the same unless selectors overlap. */
function relatedPods(replicaSet: V1ReplicaSet, { informers }: Look): readonly V1Pod[] {
  const owner = controllerOf(replicaSet);
  if (owner === undefined) return [];
  const siblings = informers.get(ReplicaSet).lister.by(byController, owner.uid);
  return siblings.flatMap((one) => informers.get(Pod).lister.by(byController, one.metadata?.uid ?? ""));
}

/**
 * Keeps as many active pods as wanted: claims, then creates what is missing or deletes what is too much, never both.
 * The status says what was there before these changes. Source: controllers.md 4.
 *
 * @param kind  how the set is stored: a ReplicationController takes the same path
 */
export function reconcileReplicaSet(
  observed: ObservedReplicaSet,
  nowMs: number,
  kind: Kind<V1ReplicaSet> = ReplicaSet,
): readonly Change[] {
  const { replicaSet, pods, related } = observed;
  const { uid, deletionTimestamp } = replicaSet.metadata ?? {};
  const selector = labelSelectorFromObject(replicaSet.spec?.selector);
  const claimed = claim(replicaSet, kind, selector, pods.filter(isActive), Pod);
  const active = claimed.mine;
  const terminating = pods.filter(
    (pod) => isTerminating(pod) && controllerOf(pod)?.uid === uid && matches(selector, pod.metadata?.labels),
  );

  const surplus = deletionTimestamp === undefined ? active.length - (replicaSet.spec?.replicas ?? 1) : 0;
  const minReadySeconds = replicaSet.spec?.minReadySeconds ?? 0;
  const againMs = nextAvailableMs(active, minReadySeconds, nowMs);
  return [
    ...claimed.changes,
    ...(surplus < 0 ? createPods(replicaSet, kind, -surplus) : []),
    ...(surplus > 0 ? deletePods(replicaSet, kind, active, related, surplus, nowMs) : []),
    statusAfter(kind, (failure) =>
      replicaSetStatus({
        replicaSet,
        active,
        // Only ReplicaSets report them.
        terminating: kind === ReplicaSet ? terminating : undefined,
        surplus,
        failure,
        nowMs,
      }),
    ),
    ...(againMs === undefined ? [] : [{ do: "again", afterMs: againMs } as const]),
  ];
}

function createPods(replicaSet: V1ReplicaSet, kind: Kind<V1ReplicaSet>, missing: number): Change[] {
  const { name = "", namespace } = replicaSet.metadata ?? {};
  const pod = podFromTemplate(
    replicaSet.spec?.template,
    name,
    namespace,
    controllerReference(kind, replicaSet),
  );
  const one = create(Pod, pod, {
    success: (made) => [
      note(kind, replicaSet, "Normal", "SuccessfulCreate", `Created pod: ${made.metadata?.name}`),
    ],
    refused: (error) => [
      note(kind, replicaSet, "Warning", "FailedCreate", `Error creating: ${error.message}`),
    ],
  });
  return [{ do: "slow start", changes: Array<Change>(Math.min(missing, BURST)).fill(one) }];
}

function deletePods(
  replicaSet: V1ReplicaSet,
  kind: Kind<V1ReplicaSet>,
  active: readonly V1Pod[],
  related: () => readonly V1Pod[],
  surplus: number,
  nowMs: number,
): Change[] {
  // Nothing to choose when all go.
  const ordered = surplus < active.length ? inDeletionOrder(active, related(), nowMs) : active;
  const changes = ordered.slice(0, Math.min(surplus, BURST)).map((pod) =>
    remove(Pod, pod, {
      success: () => [
        note(kind, replicaSet, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata?.name}`),
      ],
      failure: (error) => (error.code === 404 ? [] : undefined),
      refused: (error) => [
        note(kind, replicaSet, "Warning", "FailedDelete", `Error deleting: ${error.message}`),
      ],
    }),
  );
  return [{ do: "together", changes }];
}
