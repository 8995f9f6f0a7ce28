import { Node, Pod } from "../api/core-kinds.ts";
import type { V1Pod } from "../api/generated/types.ts";
import { formatTime } from "../apimachinery/clock.ts";
import { isReason } from "../apimachinery/errors.ts";
import { byNode } from "../client/lister.ts";
import { type Change, patch, remove } from "./change.ts";
import { isTerminal } from "./pod-state.ts";
import { controller, type Look } from "./runtime.ts";
import { watch } from "./watches.ts";

export interface ObservedLoss {
  /** The pods that are bound to a node which is not there. */
  readonly pods: readonly V1Pod[];
  /** Since when it has been seen missing; 0 when this is the first look. */
  readonly sinceMs: number;
}

/** How long a node may be missing before its pods are given up (quarantineTime). */
const QUARANTINE_MS = 40_000;

/**
 * Fails and removes pods whose node no longer exists: nobody else would, as their kubelet is gone. Its keys are names of
 * nodes; since when each is missing is all it remembers. Source: controllers.md 11.4, rule 3.
 */
export const podGarbageCollector = () => {
  const missingSince = new Map<string, number>();
  return controller<ObservedLoss & { nodeName: string }>({
    name: "pod-garbage-collector-controller",
    watches: [
      watch(Pod, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : [])),
      watch(Node, ({ metadata }, _, why) => (why === "deleted" ? [metadata?.name ?? ""] : [])),
    ],
    observe: async (nodeName, look) => {
      const there = await isThere(nodeName, look);
      const pods = there ? [] : look.informers.get(Pod).lister.by(byNode, nodeName);
      if (pods.length > 0) return { nodeName, pods, sinceMs: missingSince.get(nodeName) ?? 0 };
      missingSince.delete(nodeName);
      return undefined;
    },
    reconcile: ({ nodeName, ...observed }, nowMs) => {
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

export function reconcileLoss({ pods, sinceMs }: ObservedLoss, nowMs: number): readonly Change[] {
  const waitMs = sinceMs + QUARANTINE_MS - nowMs;
  if (waitMs > 0) return [{ do: "again", afterMs: waitMs }];
  return [{ do: "together", changes: pods.map((pod) => giveUp(pod, nowMs)) }];
}

function giveUp(pod: V1Pod, nowMs: number): Change {
  const gone = (error: { code: number }) => (error.code === 404 ? [] : undefined);
  const erase = remove(Pod, pod, {
    gracePeriodSeconds: 0,
    preconditions: { uid: pod.metadata?.uid },
    failure: gone,
  });
  if (isTerminal(pod)) return erase;
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "DeletionByPodGC",
    message: "PodGC: node no longer exists",
    lastTransitionTime: formatTime(nowMs),
  };
  const body = { status: { phase: "Failed", conditions: [condition] } };
  const fail = { subresource: "status", success: () => [erase], failure: gone };
  return patch(Pod, pod, { type: "strategic", body }, fail);
}
