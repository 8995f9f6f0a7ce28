import type { V1Pod, V1PodTemplateSpec } from "../api/generated/types.ts";
import type { OwnerReference } from "../apimachinery/object.ts";

/** Not finished and not being deleted: what a workload counts (controllers.md, Conventions). */
export function isActive(pod: V1Pod): boolean {
  return !isTerminal(pod) && pod.metadata?.deletionTimestamp === undefined;
}

export function isTerminal(pod: V1Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** Being deleted, and still at work. */
export function isTerminating(pod: V1Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined && !isTerminal(pod);
}

export function isReady(pod: V1Pod): boolean {
  return readyCondition(pod)?.status === "True";
}

/** When the pod became ready, or undefined when it is not or does not say. */
export function readySinceMs(pod: V1Pod): number | undefined {
  const condition = readyCondition(pod);
  if (condition?.status !== "True" || condition.lastTransitionTime === undefined) return undefined;
  return Date.parse(condition.lastTransitionTime);
}

/** Ready for at least `minReadySeconds`. */
export function isAvailable(pod: V1Pod, minReadySeconds: number, nowMs: number): boolean {
  if (!isReady(pod)) return false;
  if (minReadySeconds === 0) return true;
  const since = readySinceMs(pod);
  return since !== undefined && since + minReadySeconds * 1000 <= nowMs;
}

/** How long until the first of the ready pods becomes available; undefined when none is on its way. */
export function nextAvailableMs(
  pods: readonly V1Pod[],
  minReadySeconds: number,
  nowMs: number,
): number | undefined {
  const waits = pods.flatMap((pod) => {
    const since = readySinceMs(pod);
    const waitMs = since === undefined ? 0 : since + minReadySeconds * 1000 - nowMs;
    return waitMs > 0 ? [waitMs] : [];
  });
  return waits.length === 0 ? undefined : Math.min(...waits);
}

function readyCondition(pod: V1Pod) {
  return pod.status?.conditions?.find((condition) => condition.type === "Ready");
}

/** A pod after a template, owned by the one reference (controllers.md 1.4). */
export function podFromTemplate(
  template: V1PodTemplateSpec | undefined,
  ownerName: string,
  namespace: string | undefined,
  owner: OwnerReference,
): V1Pod {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: generatePrefix(ownerName),
      namespace,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [owner],
    },
    spec: template?.spec,
  };
}

const MAX_NAME_LENGTH = 253;

/** `web-`, or the bare name where a dash would make it too long to be a name's beginning. */
export function generatePrefix(name: string): string {
  return name.length < MAX_NAME_LENGTH ? `${name}-` : name;
}
