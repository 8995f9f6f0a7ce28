import { Pod } from "../../api/core-kinds.ts";
import type { V1Deployment, V1Pod, V1ReplicaSet } from "../../api/generated/types.ts";
import { Deployment, ReplicaSet } from "../../api/workload-kinds.ts";
import { controllerOf, type ObjectKey } from "../../apimachinery/object.ts";
import { labelSelectorFromObject } from "../../apimachinery/selectors.ts";
import type { SharedInformers } from "../../client/informer.ts";
import { type Change, note, updateStatus } from "../change.ts";
import { assertStillThere, byController, candidatesOf, claim, wouldAdopt } from "../claim.ts";
import { isTerminal } from "../pod-state.ts";
import { controller, type Look } from "../runtime.ts";
import { ownedBy, ownerKey, self, watch } from "../watches.ts";
import { deadlineSeconds, findCondition, makeCondition, withCondition } from "./conditions.ts";
import { cleanUpHistory } from "./history.ts";
import { createNewSet, syncRevision } from "./new-set.ts";
import { resize } from "./resize.ts";
import { rollingStep } from "./rolling-update.ts";
import { isActiveSet, isRollingUpdate, type Rollout, rolloutOf, wantedOf } from "./rollout.ts";
import { isScalingEvent, scale } from "./scale.ts";
import { isComplete, syncRolloutStatus, syncStatus } from "./status.ts";

export interface ObservedDeployment {
  readonly deployment: V1Deployment;
  /** Its own ReplicaSets and the orphans of its namespace. */
  readonly replicaSets: readonly V1ReplicaSet[];
  /** Pods of its own ReplicaSets; read only for Recreate. */
  readonly pods: readonly V1Pod[];
  /** The ReplicaSet of a name in its namespace, whoever owns it. */
  readonly findSet: (name: string) => V1ReplicaSet | undefined;
}

export const deploymentController = controller<ObservedDeployment>({
  name: "deployment-controller",
  watches: [
    self(Deployment),
    ownedBy(ReplicaSet, Deployment, (owner) => labelSelectorFromObject(owner.spec?.selector)),
    // Recreate waits for the last old pod to be gone, which no ReplicaSet event may announce.
    watch(Pod, (pod, informers, why) => (why === "deleted" ? deploymentOf(pod, informers) : [])),
  ],
  observe: observeDeployment,
  reconcile: reconcileDeployment,
  tries: 15,
});

function deploymentOf(pod: V1Pod, informers: SharedInformers): readonly ObjectKey[] {
  const sets = informers.get(ReplicaSet).lister;
  const setKey = ownerKey(pod, ReplicaSet, sets);
  const set = setKey === undefined ? undefined : sets.get(setKey);
  const key = set && ownerKey(set, Deployment, informers.get(Deployment).lister);
  return key === undefined ? [] : [key];
}

async function observeDeployment(key: string, look: Look): Promise<ObservedDeployment | undefined> {
  const { informers } = look;
  const deployment = informers.get(Deployment).lister.get(key);
  if (deployment === undefined) return undefined;
  const sets = informers.get(ReplicaSet).lister;
  const replicaSets = candidatesOf(sets, deployment);
  if (wouldAdopt(deployment, labelSelectorFromObject(deployment.spec?.selector), replicaSets)) {
    await assertStillThere(look.client, Deployment, deployment);
  }
  const pods = isRollingUpdate(deployment)
    ? []
    : replicaSets.flatMap((set) => informers.get(Pod).lister.by(byController, set.metadata?.uid ?? ""));
  const { namespace } = deployment.metadata ?? {};
  return { deployment, replicaSets, pods, findSet: (name) => sets.get(`${namespace}/${name}`) };
}

/** Source: controllers.md 3.1, in its order. */
export function reconcileDeployment(observed: ObservedDeployment, nowMs: number): readonly Change[] {
  const { deployment } = observed;
  const selector = labelSelectorFromObject(deployment.spec?.selector);
  if (selector.requirements.length === 0) return refuseToSelectAll(deployment);
  const claimed = claim(deployment, Deployment, selector, observed.replicaSets, ReplicaSet);
  const rollout = rolloutOf(deployment, claimed.mine, nowMs);
  return [...claimed.changes, ...reconcileRollout(rollout, observed)];
}

function reconcileRollout(rollout: Rollout, observed: ObservedDeployment): readonly Change[] {
  const { deployment } = rollout;
  if (deployment.metadata?.deletionTimestamp !== undefined) return syncStatus(rollout);
  const paused = syncPaused(rollout);
  if (paused.length > 0) return paused;
  const revised = syncRevision(rollout);
  if (revised.length > 0) return revised;
  if (deployment.spec?.paused) return [...scale(rollout), ...cleanUpHistory(rollout), ...syncStatus(rollout)];
  if (isScalingEvent(rollout)) return [...scale(rollout), ...syncStatus(rollout)];
  if (!isRollingUpdate(deployment)) return recreate(rollout, observed);
  if (rollout.newSet === undefined) return createNewSet(rollout, observed.findSet);
  const step = rollingStep(rollout);
  return [...step, ...(step.length > 0 ? [] : finish(rollout)), ...syncRolloutStatus(rollout)];
}

/** All old pods go before the first new one comes. Source: controllers.md 3.4. */
function recreate(rollout: Rollout, observed: ObservedDeployment): readonly Change[] {
  const { deployment, newSet, oldSets } = rollout;
  const stopping = oldSets.filter(isActiveSet).flatMap((set) => resize(deployment, set, 0));
  if (stopping.length > 0 || oldPodsRun(rollout, observed.pods))
    return [...stopping, ...syncRolloutStatus(rollout)];
  if (newSet === undefined) return createNewSet(rollout, observed.findSet);
  const step = resizeTo(rollout, newSet);
  return [...step, ...(step.length > 0 ? [] : finish(rollout)), ...syncRolloutStatus(rollout)];
}

function resizeTo({ deployment }: Rollout, newSet: V1ReplicaSet): Change[] {
  const wanted = wantedOf(deployment);
  return newSet.spec?.replicas === wanted ? [] : resize(deployment, newSet, wanted);
}

function oldPodsRun({ newSet, oldSets }: Rollout, pods: readonly V1Pod[]): boolean {
  if (oldSets.some((set) => (set.status?.replicas ?? 0) > 0)) return true;
  return pods.some((pod) => controllerOf(pod)?.uid !== newSet?.metadata?.uid && !isTerminal(pod));
}

/** Revisions beyond the limit go only when the rollout they could be needed for is over. */
function finish(rollout: Rollout): readonly Change[] {
  return isComplete(rollout.deployment, rollout.deployment.status) ? cleanUpHistory(rollout) : [];
}

/** Pausing stops the deadline's clock and resuming starts it anew, unless the rollout had timed out already. */
function syncPaused({ deployment, nowMs }: Rollout): readonly Change[] {
  if (deadlineSeconds(deployment) === undefined) return [];
  const conditions = deployment.status?.conditions ?? [];
  const reason = findCondition(conditions, "Progressing")?.reason;
  if (reason === "ProgressDeadlineExceeded") return [];
  const paused = deployment.spec?.paused === true;
  if (paused === (reason === "DeploymentPaused")) return [];
  if (!paused && reason !== "DeploymentPaused") return [];
  const condition = paused
    ? makeCondition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", nowMs)
    : makeCondition("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed", nowMs);
  const status = { ...deployment.status, conditions: [...withCondition(conditions, condition)] };
  return [updateStatus(Deployment, { ...deployment, status })];
}

function refuseToSelectAll(deployment: V1Deployment): readonly Change[] {
  const warning = note(
    Deployment,
    deployment,
    "Warning",
    "SelectingAll",
    "This deployment is selecting all pods. A non-empty selector is required.",
  );
  const { generation } = deployment.metadata ?? {};
  if ((deployment.status?.observedGeneration ?? 0) >= (generation ?? 0)) return [warning];
  const status = { ...deployment.status, observedGeneration: generation };
  return [warning, updateStatus(Deployment, { ...deployment, status })];
}
