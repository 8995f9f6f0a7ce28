import { findCondition } from "../api/conditions.ts";
import { Node, Pod } from "../api/core-kinds.ts";
import type { V1Node, V1Pod, V1PodCondition } from "../api/generated/types.ts";
import { formatTime } from "../apimachinery/clock.ts";
import { isReason } from "../apimachinery/errors.ts";
import { byNode } from "../client/lister.ts";
import { type Change, patch, remove } from "./change.ts";
import { isTerminal } from "./pod-state.ts";
import { controller, type Look } from "./runtime.ts";
import { watch } from "./watches.ts";

export interface ObservedLoss {
  /** The pods that are bound to a node which is not there, or those nobody ends on one that is out of service. */
  readonly pods: readonly V1Pod[];
  /** An administrator said that the machine is off: nothing is waited for. */
  readonly isOutOfService?: boolean;
  /** Since when it has been seen missing; 0 when this is the first look. */
  readonly sinceMs: number;
}

/** How long a node may be missing before its pods are given up (quarantineTime). */
const QUARANTINE_MS = 40_000;

/**
 * Fails and removes pods whose node no longer exists: nobody else would, as their kubelet is gone. Its keys are names of
 * nodes; since when each is missing is all it remembers. Source: controllers.md 11.4, rules 2 and 3.
 */
export const podGarbageCollector = () => {
  const missingSince = new Map<string, number>();
  return controller<ObservedLoss & { nodeName: string }>({
    name: "pod-garbage-collector-controller",
    watches: [
      watch(Pod, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : [])),
      watch(Node, (node, _, why) =>
        why === "deleted" || isOutOfService(node) ? [node.metadata?.name ?? ""] : [],
      ),
    ],
    observe: async (nodeName, look) => {
      const node = look.informers.get(Node).lister.get(nodeName);
      if (node !== undefined && isOutOfService(node)) {
        const pods = look.informers.get(Pod).lister.by(byNode, nodeName);
        const leaving = pods.filter(({ metadata }) => metadata?.deletionTimestamp !== undefined);
        return { nodeName, pods: leaving, sinceMs: 0, isOutOfService: true };
      }
      const there = await isThere(nodeName, look);
      const pods = there ? [] : look.informers.get(Pod).lister.by(byNode, nodeName);
      if (pods.length > 0) return { nodeName, pods, sinceMs: missingSince.get(nodeName) ?? 0 };
      missingSince.delete(nodeName);
      return undefined;
    },
    reconcile: ({ nodeName, ...observed }, nowMs) => {
      if (observed.isOutOfService) return reconcileLoss(observed, nowMs);
      const sinceMs = observed.sinceMs || nowMs;
      missingSince.set(nodeName, sinceMs);
      return reconcileLoss({ ...observed, sinceMs }, nowMs);
    },
  });
};

/** A node that the cache lacks is asked for live before anything of it is given up. */
async function isThere(name: string, { informers, client }: Look): Promise<boolean> {
  if (informers.get(Node).lister.get(name) !== undefined) return true;
  try {
    await client.get(Node, { name });
    return true;
  } catch (error) {
    if (isReason(error, "NotFound")) return false;
    throw error;
  }
}

const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";

/** Not ready, and tainted by hand: its kubelet will not come back to end its pods. */
function isOutOfService({ spec, status }: V1Node): boolean {
  const isReady = findCondition(status?.conditions, "Ready")?.status === "True";
  return !isReady && (spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE);
}

export function reconcileLoss(
  { pods, sinceMs, isOutOfService: isOff }: ObservedLoss,
  nowMs: number,
): readonly Change[] {
  if (isOff)
    return pods.length === 0 ? [] : [{ do: "together", changes: pods.map((pod) => giveUp(pod, [])) }];
  const waitMs = sinceMs + QUARANTINE_MS - nowMs;
  if (waitMs > 0) return [{ do: "again", afterMs: waitMs }];
  const lost = {
    type: "DisruptionTarget",
    status: "True",
    reason: "DeletionByPodGC",
    message: "PodGC: node no longer exists",
    lastTransitionTime: formatTime(nowMs),
  };
  return [{ do: "together", changes: pods.map((pod) => giveUp(pod, [lost])) }];
}

/** Fails a pod that has not ended, and removes it at once. */
export function giveUp(pod: V1Pod, conditions: readonly V1PodCondition[]): Change {
  const gone = (error: { code: number }) => (error.code === 404 ? [] : undefined);
  const erase = remove(Pod, pod, {
    gracePeriodSeconds: 0,
    preconditions: { uid: pod.metadata?.uid },
    failure: gone,
  });
  if (isTerminal(pod)) return erase;
  const body = { status: { phase: "Failed", ...(conditions.length === 0 ? {} : { conditions }) } };
  const fail = { subresource: "status", success: () => [erase], failure: gone };
  return patch(Pod, pod, { type: "strategic", body }, fail);
}
