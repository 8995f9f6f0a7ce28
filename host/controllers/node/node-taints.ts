import { findCondition } from "../../api/conditions.ts";
import type { V1Node, V1Taint } from "../../api/generated/types.ts";
import { NOT_READY, UNREACHABLE, UNSCHEDULABLE } from "../../api/taints.ts";
import { formatTime } from "../../apimachinery/clock.ts";

/** Condition and status -> the taint that stands for it. */
const BY_CONDITION: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { False: NOT_READY, Unknown: UNREACHABLE },
  MemoryPressure: { True: "node.kubernetes.io/memory-pressure" },
  DiskPressure: { True: "node.kubernetes.io/disk-pressure" },
  NetworkUnavailable: { True: "node.kubernetes.io/network-unavailable" },
  PIDPressure: { True: "node.kubernetes.io/pid-pressure" },
};
const MIRRORED = new Set([
  UNSCHEDULABLE,
  ...Object.values(BY_CONDITION).flatMap((one) => Object.values(one)),
]);
const EVICTING = [NOT_READY, UNREACHABLE];

/** The taint by which a node's pods are evicted; undefined while it is ready, or has not said. */
export function evictingTaint({ status }: V1Node): string | undefined {
  const ready = findCondition(status?.conditions, "Ready");
  return ready && BY_CONDITION["Ready"]![ready.status];
}

/** Whether the node has either of the two taints that evict. */
export function isEvicting({ spec }: V1Node): boolean {
  return (spec?.taints ?? []).some(({ key, effect }) => effect === "NoExecute" && EVICTING.includes(key));
}

/**
 * The taints a node is to have: those with effect NoSchedule mirror its conditions and `spec.unschedulable`; the one that
 * evicts is `evicting`, or none; all others stay. Those that are there keep their place and their time.
 */
export function wantedTaints(node: V1Node, evicting: string | undefined, nowMs: number): readonly V1Taint[] {
  const wanted: V1Taint[] = (node.status?.conditions ?? []).flatMap(({ type, status }) => {
    const key = BY_CONDITION[type]?.[status];
    return key === undefined ? [] : [{ key, effect: "NoSchedule" }];
  });
  if (node.spec?.unschedulable) wanted.push({ key: UNSCHEDULABLE, effect: "NoSchedule" });
  if (evicting !== undefined) wanted.push({ key: evicting, effect: "NoExecute" });
  const has = (taints: readonly V1Taint[], { key, effect }: V1Taint) =>
    taints.some((one) => one.key === key && one.effect === effect);
  const isOurs = ({ key, effect }: V1Taint) =>
    effect === "NoSchedule" ? MIRRORED.has(key) : effect === "NoExecute" && EVICTING.includes(key);
  const present = node.spec?.taints ?? [];
  const timeAdded = formatTime(nowMs);
  return [
    ...present.filter((taint) => !isOurs(taint) || has(wanted, taint)),
    ...wanted.filter((taint) => !has(present, taint)).map((taint) => ({ ...taint, timeAdded })),
  ];
}

/** Labels of old, which follow those of today. */
export function wantedLabels({ metadata }: V1Node): Readonly<Record<string, string>> {
  const labels = metadata?.labels ?? {};
  const wanted = { ...labels };
  for (const name of ["os", "arch"]) {
    const value = labels[`kubernetes.io/${name}`];
    if (value !== undefined) wanted[`beta.kubernetes.io/${name}`] = value;
  }
  return wanted;
}
