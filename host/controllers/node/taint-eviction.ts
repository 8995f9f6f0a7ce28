import { findCondition } from "../../api/conditions.ts";
import { DISRUPTION_TARGET, withDisruptionTarget } from "../../api/disruption.ts";
import type { V1Node, V1Pod, V1Taint, V1Toleration } from "../../api/generated/types.ts";
import { Node, Pod } from "../../api/registry.ts";
import { tolerates } from "../../api/taints.ts";
import { type Clock, formatTime } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { type ObjectKey, objectKey, parseKey } from "../../apimachinery/object.ts";
import { byNode } from "../../client/lister.ts";
import { type Change, note, patch, remove } from "../change.ts";
import { controller } from "../runtime.ts";
import type { Watch } from "../watches.ts";

/** What is to become of a pod, and what was said of it before. */
export interface ObservedEviction {
  readonly pod: V1Pod;
  /** It was to go, and is not any more; or it goes sooner than it was to. */
  readonly isCancelled: boolean;
  /** When it has to go; undefined: it may stay. */
  readonly dueMs: number | undefined;
}

/**
 * Removes pods from nodes whose NoExecute taints they do not tolerate, or not for so long. When a pod has to go is all it
 * remembers; a later look does not move that time. Source: controllers.md 11.2.
 *
 * @param clock  a pod's time begins when the taint is seen
 */
export function taintEvictionController(clock: Clock) {
  const due = new Map<ObjectKey, number>();

  const watchNodes: Watch = {
    attach: (informers, enqueue) => {
      const tell = (node: V1Node) => {
        for (const pod of informers.get(Pod).lister.by(byNode, objectKey(node))) enqueue(objectKey(pod));
      };
      informers.get(Node).addHandler({
        onAdd: (node) => {
          if (evictingTaints(node).length > 0) tell(node);
        },
        onUpdate: (old, node) => {
          if (!deepEqual(evictingTaints(old), evictingTaints(node))) tell(node);
        },
      });
    },
  };

  const watchPods: Watch = {
    attach: (informers, enqueue) => {
      const tell = (pod: V1Pod) => {
        const node = informers.get(Node).lister.get(pod.spec?.nodeName ?? "");
        if (due.has(objectKey(pod)) || evictingTaints(node).length > 0) enqueue(objectKey(pod));
      };
      informers.get(Pod).addHandler({
        onAdd: tell,
        onUpdate: (old, pod) => {
          const isMoved = old.spec?.nodeName !== pod.spec?.nodeName;
          if (isMoved || !deepEqual(old.spec?.tolerations, pod.spec?.tolerations)) tell(pod);
        },
        onDelete: tell,
      });
    },
  };

  return controller<ObservedEviction>({
    name: "taint-eviction-controller",
    watches: [watchNodes, watchPods],
    workers: 8,
    observe: (key, { informers }) => {
      const pod = informers.get(Pod).lister.get(key);
      const known = due.get(key);
      due.delete(key);
      if (pod === undefined || pod.metadata?.deletionTimestamp !== undefined) {
        const lost = { metadata: parseKey(key) };
        // One that was still to wait was ended by somebody else.
        return known !== undefined && known > clock.nowMs()
          ? { pod: pod ?? lost, isCancelled: true, dueMs: undefined }
          : undefined;
      }
      const taints = evictingTaints(informers.get(Node).lister.get(pod.spec?.nodeName ?? ""));
      const stayMs = stayOf(pod.spec?.tolerations ?? [], taints);
      if (stayMs === Number.POSITIVE_INFINITY)
        return { pod, isCancelled: known !== undefined, dueMs: undefined };
      const nowMs = clock.nowMs();
      const isIntolerable = stayMs === undefined;
      const dueMs = isIntolerable ? nowMs : (known ?? nowMs + stayMs);
      due.set(key, dueMs);
      return { pod, isCancelled: isIntolerable && known !== undefined && known > nowMs, dueMs };
    },
    reconcile: reconcileEviction,
  });
}

export function reconcileEviction(
  { pod, isCancelled, dueMs }: ObservedEviction,
  nowMs: number,
): readonly Change[] {
  const say = (what: string) =>
    note(Pod, pod, "Normal", "TaintManagerEviction", `${what} Pod ${objectKey(pod)}`);
  const cancelled = isCancelled ? [say("Cancelling deletion of")] : [];
  if (dueMs === undefined) return cancelled;
  if (dueMs > nowMs) return [...cancelled, { do: "again", afterMs: dueMs - nowMs }];
  const target = {
    status: "True",
    reason: "DeletionByTaintManager",
    message: "Taint manager: deleting due to NoExecute taint",
  } as const;
  const marked = withDisruptionTarget(pod, target, formatTime(nowMs));
  const conditions = [findCondition(marked.status?.conditions, DISRUPTION_TARGET)];
  const gone = ({ code }: { code: number }) => (code === 404 ? [] : undefined);
  const erase = remove(Pod, pod, { preconditions: { uid: pod.metadata?.uid }, failure: gone });
  const body = { metadata: { uid: pod.metadata?.uid }, status: { conditions } };
  return [
    ...cancelled,
    say("Marking for deletion"),
    patch(
      Pod,
      pod,
      { type: "strategic", body },
      { subresource: "status", success: () => [erase], failure: gone },
    ),
  ];
}

function evictingTaints(node: V1Node | undefined): readonly V1Taint[] {
  return (node?.spec?.taints ?? []).filter(({ effect }) => effect === "NoExecute");
}

/**
 * How long a pod may stay in spite of the taints. Of several tolerations of one taint the first in the list counts, of
 * several taints the one tolerated shortest.
 *
 * @returns undefined when it may not stay at all, infinity when it may for ever
 */
export function stayOf(tolerations: readonly V1Toleration[], taints: readonly V1Taint[]): number | undefined {
  let stayMs = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    const toleration = tolerations.find((one) => tolerates(one, taint));
    if (toleration === undefined) return undefined;
    const { tolerationSeconds: seconds } = toleration;
    if (seconds !== undefined) stayMs = Math.min(stayMs, Math.max(0, seconds) * 1000);
  }
  return stayMs;
}
