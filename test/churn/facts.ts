import type { V1Node, V1Pod } from "../../host/api/generated/types.ts";

/**
 * What the auditor knows of an object: read from its spec, by rules that are written here once more and shared with nothing
 * in host/scheduler. Only what the workload uses is understood; anything else in a spec is a fault of the workload.
 */
export interface PodFacts {
  readonly uid: string;
  readonly name: string;
  readonly node: string | undefined;
  readonly isLeaving: boolean;
  readonly hasEnded: boolean;
  /** A sentence from the scheduler that says why the pod waits. */
  readonly reason: string | undefined;
  readonly rules: PodRules;
}

export interface PodRules {
  /** The workload's own label: who belongs together. */
  readonly app: string;
  readonly priority: number;
  readonly milliCpu: number;
  readonly mebibytes: number;
  readonly hostPort: number | undefined;
  /** A zone that the pod asks for by nodeSelector. */
  readonly zone: string | undefined;
  readonly toleratesTaint: boolean;
  readonly apart: readonly Term[];
  readonly together: readonly Term[];
  readonly spread: readonly SpreadRule[];
}

export interface Term {
  readonly key: string;
  readonly app: string;
}

export interface SpreadRule extends Term {
  readonly maxSkew: number;
}

export interface NodeFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly milliCpu: number;
  readonly mebibytes: number;
  readonly pods: number;
  /** Cordoned, tainted or not ready: only pods that tolerate it may come. */
  readonly isClosed: boolean;
  /** Nobody may come: cordoned, or its kubelet says nothing. */
  readonly isCordoned: boolean;
}

export const ZONE = "topology.kubernetes.io/zone";
export const HOSTNAME = "kubernetes.io/hostname";
/** The only taint that the workload sets, and that a pod may tolerate. */
export const TAINT = "churn.pintle.dev/maintenance";

export function podFacts({ metadata = {}, spec, status }: V1Pod, rules = rulesOf(metadata, spec)): PodFacts {
  const waiting = status?.conditions?.find(
    ({ type, status }) => type === "PodScheduled" && status === "False",
  );
  return {
    uid: metadata.uid!,
    name: metadata.name!,
    node: spec?.nodeName || undefined,
    isLeaving: metadata.deletionTimestamp !== undefined,
    hasEnded: status?.phase === "Succeeded" || status?.phase === "Failed",
    reason: waiting?.message || undefined,
    rules,
  };
}

function rulesOf(metadata: NonNullable<V1Pod["metadata"]>, spec: V1Pod["spec"]): PodRules {
  const container = spec!.containers[0]!;
  const requests = container.resources?.requests ?? {};
  const { podAffinity, podAntiAffinity } = spec!.affinity ?? {};
  const spread = (spec!.topologySpreadConstraints ?? []).filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule",
  );
  const termOf = (one: {
    topologyKey: string;
    labelSelector?: { matchLabels?: Record<string, string> };
  }) => ({
    key: one.topologyKey,
    app: one.labelSelector!.matchLabels!["app"]!,
  });
  return {
    app: metadata.labels?.["app"] ?? "",
    priority: spec!.priority ?? 0,
    milliCpu: milliOf(requests["cpu"] ?? "0"),
    mebibytes: mebibytesOf(requests["memory"] ?? "0"),
    hostPort: container.ports?.find(({ hostPort }) => hostPort)?.hostPort,
    zone: spec!.nodeSelector?.[ZONE],
    toleratesTaint: (spec!.tolerations ?? []).some(({ key }) => key === TAINT),
    apart: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(termOf),
    together: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(termOf),
    spread: spread.map((one) => ({ ...termOf(one), maxSkew: one.maxSkew })),
  };
}

export function nodeFacts({ metadata, spec, status }: V1Node): NodeFacts {
  const room = status?.allocatable ?? {};
  const taints = (spec?.taints ?? []).filter(({ effect }) => effect !== "PreferNoSchedule");
  const isCordoned = spec?.unschedulable === true || taints.some(({ key }) => key !== TAINT);
  return {
    name: metadata!.name!,
    labels: metadata?.labels ?? {},
    milliCpu: milliOf(room["cpu"] ?? "0"),
    mebibytes: mebibytesOf(room["memory"] ?? "0"),
    pods: Number(room["pods"] ?? 0),
    isClosed: isCordoned || taints.length > 0,
    isCordoned,
  };
}

function milliOf(cpu: string): number {
  return cpu.endsWith("m") ? Number(cpu.slice(0, -1)) : Number(cpu) * 1_000;
}

function mebibytesOf(memory: string): number {
  const [, digits, unit] = /^(\d+)(Ki|Mi|Gi)?$/.exec(memory) ?? [];
  if (digits === undefined) throw new Error(`the workload does not use memory like ${memory}`);
  const perUnit = { Ki: 1 / 1_024, Mi: 1, Gi: 1_024 }[unit ?? ""] ?? 1 / 1_048_576;
  return Number(digits) * perUnit;
}
