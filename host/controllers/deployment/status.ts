import type {
  V1Deployment,
  V1DeploymentCondition,
  V1DeploymentStatus,
  V1ReplicaSet,
} from "../../api/generated/types.ts";
import { Deployment } from "../../api/workload-kinds.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { type Change, updateStatus } from "../change.ts";
import {
  type Conditions,
  deadlineSeconds,
  findCondition,
  makeCondition,
  withCondition,
  withoutCondition,
} from "./conditions.ts";
import { allSets, availableIn, maxUnavailable, type Rollout, sizeOf, sum, wantedOf } from "./rollout.ts";

/** What a Deployment's sets say of it, with no word on progress: written while it is paused or scaled. */
export function syncStatus(rollout: Rollout): Change[] {
  const status = countStatus(rollout);
  return deepEqual(status, rollout.deployment.status)
    ? []
    : [updateStatus(Deployment, { ...rollout.deployment, status })];
}

/** The same with the rollout's progress judged; looks again when it could run into its deadline. */
export function syncRolloutStatus(rollout: Rollout): Change[] {
  const { deployment } = rollout;
  const counted = countStatus(rollout);
  const progressed = withProgress(rollout, counted);
  const conditions = withFailure(progressed, allSets(rollout), rollout.newSet);
  const status: V1DeploymentStatus = { ...counted, conditions: [...conditions] };
  if (!deepEqual(status, deployment.status)) return [updateStatus(Deployment, { ...deployment, status })];
  return watchDeadline(rollout, status);
}

/** Every wanted pod runs the new template and is available, and nothing else runs. */
export function isComplete(deployment: V1Deployment, status: V1DeploymentStatus = {}): boolean {
  const wanted = wantedOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0)
  );
}

function countStatus(rollout: Rollout): V1DeploymentStatus {
  const { deployment, newSet, nowMs } = rollout;
  const all = allSets(rollout);
  const available = sum(all, availableIn);
  const enough = available >= wantedOf(deployment) - maxUnavailable(deployment);
  const terminating = terminatingIn(all);
  const conditions = withCondition(
    deployment.status?.conditions ?? [],
    enough
      ? makeCondition(
          "Available",
          "True",
          "MinimumReplicasAvailable",
          "Deployment has minimum availability.",
          nowMs,
        )
      : makeCondition(
          "Available",
          "False",
          "MinimumReplicasUnavailable",
          "Deployment does not have minimum availability.",
          nowMs,
        ),
  );
  return {
    observedGeneration: deployment.metadata?.generation,
    replicas: orAbsent(sum(all, (set) => set.status?.replicas ?? 0)),
    updatedReplicas: orAbsent(newSet?.status?.replicas ?? 0),
    readyReplicas: orAbsent(sum(all, (set) => set.status?.readyReplicas ?? 0)),
    availableReplicas: orAbsent(available),
    unavailableReplicas: orAbsent(Math.max(0, sum(all, sizeOf) - available)),
    ...(terminating === undefined ? {} : { terminatingReplicas: terminating }),
    collisionCount: deployment.status?.collisionCount,
    conditions: [...conditions],
  };
}

/** A count of 0 is left out of the JSON, as Kubernetes does. */
function orAbsent(count: number): number | undefined {
  return count === 0 ? undefined : count;
}

/** Undefined when a set that was synced does not report it: a partial sum would mislead. */
function terminatingIn(sets: readonly V1ReplicaSet[]): number | undefined {
  const silent = sets.some(
    ({ status }) => (status?.observedGeneration ?? 0) > 0 && status?.terminatingReplicas === undefined,
  );
  return silent ? undefined : sum(sets, (set) => set.status?.terminatingReplicas ?? 0);
}

function withProgress(rollout: Rollout, status: V1DeploymentStatus): Conditions {
  const { deployment, nowMs } = rollout;
  const conditions = status.conditions ?? [];
  if (deadlineSeconds(deployment) === undefined) return withoutCondition(conditions, "Progressing");
  const current = findCondition(conditions, "Progressing");
  const wasAvailable = current?.reason === "NewReplicaSetAvailable";
  // A rollout that came to its end is not judged again when pods are lost later.
  if (wasAvailable && status.replicas === status.updatedReplicas) return conditions;
  const progressing = (value: "True" | "False", reason: string, says: string) =>
    makeCondition("Progressing", value, reason, `${subjectOf(rollout)} ${says}`, nowMs);

  if (isComplete(deployment, status)) {
    const done = progressing("True", "NewReplicaSetAvailable", "has successfully progressed.");
    return withCondition(conditions, done);
  }
  if (isProgressing(deployment.status ?? {}, status)) {
    // Replaced even under the same reason: each step forward starts the deadline again.
    const moved = progressing("True", "ReplicaSetUpdated", "is progressing.");
    const since = current?.status === "True" ? current.lastTransitionTime : moved.lastTransitionTime;
    return [...withoutCondition(conditions, "Progressing"), { ...moved, lastTransitionTime: since }];
  }
  if (isTimedOut(deployment, current, nowMs)) {
    const late = progressing("False", "ProgressDeadlineExceeded", "has timed out progressing.");
    return withCondition(conditions, late);
  }
  return conditions;
}

function subjectOf({ newSet, deployment }: Rollout): string {
  return newSet === undefined
    ? `Deployment "${deployment.metadata?.name}"`
    : `ReplicaSet "${newSet.metadata?.name}"`;
}

function isProgressing(old: V1DeploymentStatus, status: V1DeploymentStatus): boolean {
  const outdated = (one: V1DeploymentStatus) => (one.replicas ?? 0) - (one.updatedReplicas ?? 0);
  const grew = (count: (one: V1DeploymentStatus) => number | undefined) =>
    (count(status) ?? 0) > (count(old) ?? 0);
  return (
    grew((one) => one.updatedReplicas) ||
    outdated(status) < outdated(old) ||
    grew((one) => one.readyReplicas) ||
    grew((one) => one.availableReplicas)
  );
}

function isTimedOut(
  deployment: V1Deployment,
  current: V1DeploymentCondition | undefined,
  nowMs: number,
): boolean {
  if (current === undefined || current.reason === "NewReplicaSetAvailable") return false;
  if (current.reason === "ProgressDeadlineExceeded") return true;
  return deadlineMs(deployment, current) < nowMs;
}

function deadlineMs(deployment: V1Deployment, current: V1DeploymentCondition): number {
  return Date.parse(current.lastUpdateTime ?? "") + (deadlineSeconds(deployment) ?? 0) * 1000;
}

/** A set that cannot make pods says so on its Deployment: the new one first, then any. */
function withFailure(
  conditions: Conditions,
  sets: readonly V1ReplicaSet[],
  newSet: V1ReplicaSet | undefined,
): Conditions {
  const failureOf = (set: V1ReplicaSet | undefined) =>
    set?.status?.conditions?.find((condition) => condition.type === "ReplicaFailure");
  const failure = failureOf(newSet) ?? sets.map(failureOf).find((one) => one !== undefined);
  if (failure === undefined) return withoutCondition(conditions, "ReplicaFailure");
  return withCondition(conditions, { ...failure, lastUpdateTime: failure.lastTransitionTime });
}

/** Nothing changed: if the rollout is under way, looks again when its deadline has passed. */
function watchDeadline({ deployment, nowMs }: Rollout, status: V1DeploymentStatus): Change[] {
  const current = findCondition(deployment.status?.conditions, "Progressing");
  if (deadlineSeconds(deployment) === undefined || current === undefined) return [];
  if (isComplete(deployment, status) || current.reason === "ProgressDeadlineExceeded") return [];
  const leftMs = deadlineMs(deployment, current) - nowMs;
  if (leftMs < 1000) return [{ do: "retry", why: "the progress deadline is about to pass" }];
  // A second more, since conditions carry whole seconds.
  return [{ do: "again", afterMs: leftMs + 1000 }];
}
