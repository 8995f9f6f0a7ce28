import type { V1ContainerStatus, V1Pod, V1PodStatus } from "../api/generated/types.ts";
import { formatTime } from "../apimachinery/clock.ts";
import { completed, running, stopped, waiting } from "./container-status.ts";
import { acknowledged, conditionsOf } from "./pod-conditions.ts";
import type { StatusName } from "./stage.ts";

/**
 * The statuses a pod goes through, each computed from the pod as it is. A status that is already there comes out
 * unchanged, so nothing is written twice; fields that others own are kept. Source: kubelet sheet 1.1 to 1.4 and 1.11.
 *
 *   starting ──► running ──► stopped
 *                observed (a deletion was seen)
 */
export interface Surroundings {
  readonly nowMs: number;
  readonly hostIP: string;
  /** The address out of the node's pod CIDR; not asked for by every status. */
  readonly podIP?: string;
  readonly exitCode: number;
}

export function nextStatus(name: StatusName, pod: V1Pod, around: Surroundings): V1PodStatus {
  switch (name) {
    case "starting":
      return startingStatus(pod, around);
    case "running":
      return runningStatus(pod, around);
    case "observed":
      return {
        ...pod.status,
        observedGeneration: pod.metadata?.generation,
        conditions: acknowledged(pod),
      };
    case "stopped":
      return stoppedStatus(pod, around);
    default:
      return name satisfies never;
  }
}

/** Seen by the kubelet, nothing created yet. */
function startingStatus(pod: V1Pod, around: Surroundings): V1PodStatus {
  const now = formatTime(around.nowMs);
  const initContainers = pod.spec?.initContainers ?? [];
  const reason = initContainers.length > 0 ? "PodInitializing" : "ContainerCreating";
  const initStatuses = initContainers.map((container) => waiting(container, reason));
  const statuses = (pod.spec?.containers ?? []).map((container) => waiting(container, reason));
  return assemble(pod, around, {
    phase: "Pending",
    sandbox: false,
    initStatuses,
    statuses,
    now,
    ...(pod.spec?.hostNetwork === true ? { podIP: around.hostIP } : {}),
  });
}

/** Init containers done, sidecars and containers running and ready. Also what a running pod is kept at. */
function runningStatus(pod: V1Pod, around: Surroundings): V1PodStatus {
  const now = formatTime(around.nowMs);
  const before = byName(pod);
  const initStatuses = (pod.spec?.initContainers ?? []).map((container) =>
    container.restartPolicy === "Always"
      ? running(pod, container, before.get(container.name), now)
      : completed(pod, container, before.get(container.name), now),
  );
  const statuses = (pod.spec?.containers ?? []).map((container) =>
    running(pod, container, before.get(container.name), now),
  );
  const ephemeral = (pod.spec?.ephemeralContainers ?? []).map((container) => {
    const { started: _, ...status } = running(pod, container, before.get(container.name), now);
    return status;
  });
  return {
    ...assemble(pod, around, {
      phase: "Running",
      sandbox: true,
      initStatuses,
      statuses,
      now,
      podIP: pod.spec?.hostNetwork === true ? around.hostIP : (pod.status?.podIP ?? around.podIP),
    }),
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: ephemeral }),
  };
}

/** Every container has ended; the address stays in the status. */
function stoppedStatus(pod: V1Pod, around: Surroundings): V1PodStatus {
  const now = formatTime(around.nowMs);
  const end = (status: V1ContainerStatus) => stopped(status, around.exitCode, now);
  // A sidecar's or an init container's end never decides the phase.
  const initStatuses = (pod.status?.initContainerStatuses ?? []).map((status) =>
    status.state?.running === undefined ? status : end(status),
  );
  const statuses = (pod.status?.containerStatuses ?? []).map(end);
  const succeeded = statuses.length > 0 && statuses.every((one) => one.state?.terminated?.exitCode === 0);
  return assemble(pod, around, {
    phase: succeeded ? "Succeeded" : "Failed",
    sandbox: false,
    initStatuses,
    statuses,
    now,
    ...(pod.status?.podIP === undefined ? {} : { podIP: pod.status.podIP }),
  });
}

interface Parts {
  readonly phase: string;
  readonly sandbox: boolean;
  readonly initStatuses: readonly V1ContainerStatus[];
  readonly statuses: readonly V1ContainerStatus[];
  readonly now: string;
  readonly podIP?: string | undefined;
}

function assemble(pod: V1Pod, around: Surroundings, parts: Parts): V1PodStatus {
  const { phase, initStatuses, statuses, now, podIP } = parts;
  const byNameOrder = [...statuses].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    ...pod.status,
    observedGeneration: pod.metadata?.generation,
    phase,
    conditions: conditionsOf(pod, parts),
    hostIP: around.hostIP,
    hostIPs: [{ ip: around.hostIP }],
    ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
    startTime: pod.status?.startTime ?? now,
    ...(initStatuses.length === 0 ? {} : { initContainerStatuses: [...initStatuses] }),
    containerStatuses: byNameOrder,
  };
}

function byName(pod: V1Pod): Map<string, V1ContainerStatus> {
  const {
    initContainerStatuses = [],
    containerStatuses = [],
    ephemeralContainerStatuses = [],
  } = pod.status ?? {};
  const all = [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses];
  return new Map(all.map((status) => [status.name, status]));
}

/** The containers that a change of status starts, replaces, or finds running: what its events are about. */
export function affectedContainers(
  before: V1PodStatus | undefined,
  after: V1PodStatus,
): Record<"started" | "restarted" | "running", readonly string[]> {
  const all = (status: V1PodStatus | undefined) => [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
  const old = new Map(all(before).map((status) => [status.name, status]));
  const fresh = all(after).filter(
    (status) => status.containerID !== undefined && status.containerID !== old.get(status.name)?.containerID,
  );
  return {
    started: fresh.map((status) => status.name),
    restarted: fresh.filter((status) => old.get(status.name)?.state?.running).map((status) => status.name),
    running: [...old.values()].filter((status) => status.state?.running).map((status) => status.name),
  };
}
