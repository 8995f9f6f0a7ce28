import type { V1ContainerStatus, V1Pod, V1PodCondition } from "../api/generated/types.ts";

/**
 * The five conditions a kubelet writes. Conditions of others (readiness gates, DisruptionTarget, anybody's own) are kept
 * as they are. Source: kubelet sheet 1.2 and 1.3.
 */
const OWNED = [
  "PodReadyToStartContainers",
  "Initialized",
  "Ready",
  "ContainersReady",
  "PodScheduled",
] as const;
type OwnedType = (typeof OWNED)[number];

interface Verdict {
  readonly status: "True" | "False";
  readonly reason?: string;
  readonly message?: string;
}
const YES: Verdict = { status: "True" };

export interface Observation {
  readonly phase: string;
  /** A sandbox with a network exists. */
  readonly sandbox: boolean;
  readonly initStatuses: readonly V1ContainerStatus[];
  readonly statuses: readonly V1ContainerStatus[];
  /** The API's time format. */
  readonly now: string;
}

/** All conditions of the pod after an observation, foreign ones first. */
export function conditionsOf(pod: V1Pod, seen: Observation): V1PodCondition[] {
  const before = pod.status?.conditions ?? [];
  const containersReady = containersReadyOf(pod, seen);
  const verdicts: Record<OwnedType, Verdict> = {
    PodReadyToStartContainers: seen.sandbox ? YES : { status: "False" },
    Initialized: initializedOf(pod, seen),
    Ready: containersReady.status === "True" ? readyOf(pod) : containersReady,
    ContainersReady: containersReady,
    PodScheduled: YES,
  };
  return [
    ...before.filter((condition) => !OWNED.includes(condition.type as OwnedType)),
    ...OWNED.map((type) => condition(pod, type, verdicts[type], seen.now)),
  ];
}

/** The conditions as they are, with the generation the kubelet has seen: what a pod being deleted first gets. */
export function acknowledged(pod: V1Pod): V1PodCondition[] {
  return (pod.status?.conditions ?? []).map((one) =>
    OWNED.includes(one.type as OwnedType) ? { ...one, observedGeneration: pod.metadata?.generation } : one,
  );
}

function condition(pod: V1Pod, type: OwnedType, verdict: Verdict, now: string): V1PodCondition {
  const before = pod.status?.conditions?.find((one) => one.type === type);
  const { status, reason, message } = verdict;
  return {
    type,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
    observedGeneration: pod.metadata?.generation,
  };
}

function initializedOf(pod: V1Pod, seen: Observation): Verdict {
  if (seen.phase === "Succeeded") return { status: "True", reason: "PodCompleted" };
  if (seen.statuses.some((one) => one.state?.running ?? one.state?.terminated)) return YES;
  const incomplete = (pod.spec?.initContainers ?? []).filter((container, i) => {
    const status = seen.initStatuses[i];
    if (container.restartPolicy === "Always") return status?.started !== true;
    return status?.state?.terminated?.exitCode !== 0;
  });
  if (incomplete.length === 0) return YES;
  return {
    status: "False",
    reason: "ContainersNotInitialized",
    message: `containers with incomplete status: [${names(incomplete)}]`,
  };
}

function containersReadyOf(pod: V1Pod, seen: Observation): Verdict {
  if (seen.phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (seen.phase === "Failed") return { status: "False", reason: "PodFailed" };
  const all = [...seen.initStatuses, ...seen.statuses];
  const sidecars = (pod.spec?.initContainers ?? []).filter((one) => one.restartPolicy === "Always");
  const unready = [...sidecars, ...(pod.spec?.containers ?? [])].filter(
    (container) => all.find((status) => status.name === container.name)?.ready !== true,
  );
  if (unready.length === 0) return YES;
  return {
    status: "False",
    reason: "ContainersNotReady",
    message: `containers with unready status: [${names(unready)}]`,
  };
}

function readyOf(pod: V1Pod): Verdict {
  const problems = (pod.spec?.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = pod.status?.conditions?.find((one) => one.type === conditionType);
    if (gate === undefined) {
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    }
    if (gate.status === "True") return [];
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`];
  });
  if (problems.length === 0) return YES;
  return { status: "False", reason: "ReadinessGatesNotReady", message: problems.join(", ") };
}

function names(containers: readonly { name: string }[]): string {
  return containers.map((container) => container.name).join(" ");
}
