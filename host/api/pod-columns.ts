import { ageColumn, column, NONE, nameColumn, wideColumn } from "./columns.ts";
import { formatAge } from "./duration.ts";
import type { V1ContainerStatus, V1Pod } from "./generated/types.ts";
import type { Column, RowCondition } from "./kind.ts";

/**
 * What `kubectl get pods` says of a pod: how many containers are ready, why it is where it is, and its restarts.
 * Source: api-wire 13 (printPod of k8s.io/kubernetes/pkg/printers/internalversion).
 */
interface PodSummary {
  readonly ready: string;
  readonly reason: string;
  readonly restarts: number;
  /** When a container last ended before it was started again. */
  readonly lastRestart: string | undefined;
}

function summarizePod(pod: V1Pod): PodSummary {
  const sidecars = new Set(
    (pod.spec?.initContainers ?? []).filter((one) => one.restartPolicy === "Always").map((one) => one.name),
  );
  const statuses = pod.status?.containerStatuses ?? [];
  const init = summarizeInit(pod, sidecars);
  const initializing = init.reason !== undefined && !hasCondition(pod, "Initialized");
  const main = summarizeMain(pod, init.reason ?? startReason(pod));
  const counted = initializing
    ? init.statuses
    : [...init.statuses.filter(({ name }) => sidecars.has(name)), ...statuses];
  return {
    ready: `${init.ready + (initializing ? 0 : main.ready)}/${(pod.spec?.containers ?? []).length + sidecars.size}`,
    reason: endReason(pod) ?? (initializing ? init.reason! : main.reason),
    restarts: counted.reduce((sum, status) => sum + (status.restartCount ?? 0), 0),
    lastRestart: counted
      .map((status) => status.lastState?.terminated?.finishedAt)
      .filter((time) => time !== undefined)
      .sort()
      .at(-1),
  };
}

function startReason({ status }: V1Pod): string {
  const gated = status?.conditions?.some(
    (one) => one.type === "PodScheduled" && one.reason === "SchedulingGated",
  );
  return gated ? "SchedulingGated" : status?.reason || (status?.phase ?? "");
}

/** A pod that is being deleted says so, unless it has already come to an end. */
function endReason({ metadata, status }: V1Pod): string | undefined {
  if (!metadata?.deletionTimestamp) return undefined;
  if (status?.reason === "NodeLost") return "Unknown";
  return status?.phase === "Succeeded" || status?.phase === "Failed" ? undefined : "Terminating";
}

interface InitSummary {
  /** Those looked at: up to and including the first that holds the pod back. */
  readonly statuses: readonly V1ContainerStatus[];
  readonly ready: number;
  /** Why the pod is still initializing; absent: it is not. */
  readonly reason?: string;
}

function summarizeInit(pod: V1Pod, sidecars: ReadonlySet<string>): InitSummary {
  const statuses = pod.status?.initContainerStatuses ?? [];
  let ready = 0;
  for (const [index, status] of statuses.entries()) {
    const { waiting, terminated } = status.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecars.has(status.name) && status.started) {
      if (status.ready) ready++;
      continue;
    }
    const looked = statuses.slice(0, index + 1);
    if (terminated) return { statuses: looked, ready, reason: `Init:${terminationReason(terminated)}` };
    if (waiting?.reason && waiting.reason !== "PodInitializing")
      return { statuses: looked, ready, reason: `Init:${waiting.reason}` };
    return { statuses: looked, ready, reason: `Init:${index}/${pod.spec?.initContainers?.length ?? 0}` };
  }
  return { statuses, ready };
}

function summarizeMain(pod: V1Pod, start: string): { ready: number; reason: string } {
  let ready = 0;
  let reason = start;
  let failure: string | undefined;
  for (const status of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    const { waiting, terminated, running } = status.state ?? {};
    if (waiting?.reason) reason = waiting.reason;
    else if (terminated) {
      reason = terminationReason(terminated);
      if (terminated.exitCode !== 0) failure = reason;
    } else if (status.ready && running) ready++;
  }
  // One container has ended well, another goes on.
  if (reason === "Completed" && ready > 0)
    reason = hasCondition(pod, "Ready") ? "Running" : (failure ?? "NotReady");
  return { ready, reason };
}

function terminationReason(terminated: { reason?: string; signal?: number; exitCode: number }): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

function hasCondition(pod: V1Pod, type: string): boolean {
  return pod.status?.conditions?.some((one) => one.type === type && one.status === "True") ?? false;
}

function readinessGates({ spec, status }: V1Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  const open = gates.filter((gate) =>
    status?.conditions?.some((one) => one.type === gate.conditionType && one.status === "True"),
  );
  return `${open.length}/${gates.length}`;
}

export const podColumns: readonly Column<V1Pod>[] = [
  nameColumn,
  column("Ready", (pod) => summarizePod(pod).ready),
  column("Status", (pod) => summarizePod(pod).reason),
  column("Restarts", (pod, nowMs) => {
    const { restarts, lastRestart } = summarizePod(pod);
    return restarts > 0 && lastRestart ? `${restarts} (${formatAge(lastRestart, nowMs)} ago)` : `${restarts}`;
  }),
  ageColumn,
  wideColumn("IP", ({ status }) => status?.podIPs?.[0]?.ip || status?.podIP || NONE),
  wideColumn("Node", ({ spec }) => spec?.nodeName || NONE),
  wideColumn("Nominated Node", ({ status }) => status?.nominatedNodeName || NONE),
  wideColumn("Readiness Gates", readinessGates),
];

/** kubectl may hide the rows of pods that are done. */
export function podRowConditions({ status }: V1Pod): readonly RowCondition[] {
  const done = status?.phase === "Succeeded" || status?.phase === "Failed";
  return done ? [{ type: "Completed", status: "True", reason: status.phase }] : [];
}
