import type { V1Pod, V1ReplicaSet, V1ReplicaSetCondition } from "../api/generated/types.ts";
import { formatTime } from "../apimachinery/clock.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import type { Failure } from "./change.ts";
import { isAvailable, isReady } from "./pod-state.ts";

export interface ReplicaSetFacts {
  readonly replicaSet: V1ReplicaSet;
  readonly active: readonly V1Pod[];
  /** Absent for kinds that do not report them. */
  readonly terminating?: readonly V1Pod[];
  /** Pods too many (positive) or too few (negative). */
  readonly surplus: number;
  /** What ended the pass, if anything. */
  readonly failure: Failure | undefined;
  readonly nowMs: number;
}

/** The set with its status as it should be; undefined when it is so already (controllers.md 4, Status). */
export function replicaSetStatus(facts: ReplicaSetFacts): V1ReplicaSet | undefined {
  const { replicaSet, active, terminating, nowMs } = facts;
  const old = replicaSet.status;
  const { generation } = replicaSet.metadata ?? {};
  const minReadySeconds = replicaSet.spec?.minReadySeconds ?? 0;
  const templateLabels = Object.entries(replicaSet.spec?.template?.metadata?.labels ?? {});
  const count = (holds: (pod: V1Pod) => boolean) => active.filter(holds).length;
  const status = {
    replicas: active.length,
    fullyLabeledReplicas: orAbsent(
      count((pod) => templateLabels.every(([key, value]) => pod.metadata?.labels?.[key] === value)),
    ),
    readyReplicas: orAbsent(count(isReady)),
    availableReplicas: orAbsent(count((pod) => isAvailable(pod, minReadySeconds, nowMs))),
    ...(terminating === undefined ? {} : { terminatingReplicas: terminating.length }),
    observedGeneration: generation,
    conditions: conditions(facts),
  };
  return deepEqual(status, old) ? undefined : { ...replicaSet, status };
}

/** A count of 0 is left out of the JSON, as Kubernetes does. */
function orAbsent(count: number): number | undefined {
  return count === 0 ? undefined : count;
}

/** ReplicaFailure appears with the first refusal, keeps its first message, and goes with the first pass that works. */
function conditions({
  replicaSet,
  surplus,
  failure,
  nowMs,
}: ReplicaSetFacts): V1ReplicaSetCondition[] | undefined {
  const old = replicaSet.status?.conditions ?? [];
  const others = old.filter((condition) => condition.type !== "ReplicaFailure");
  const known = old.find((condition) => condition.type === "ReplicaFailure");
  if (failure === undefined) return others.length === 0 ? undefined : others;
  if (known !== undefined || surplus === 0) return old.length === 0 ? undefined : old;
  return [
    ...others,
    {
      type: "ReplicaFailure",
      status: "True",
      lastTransitionTime: formatTime(nowMs),
      reason: surplus < 0 ? "FailedCreate" : "FailedDelete",
      message: failure.error.message,
    },
  ];
}
