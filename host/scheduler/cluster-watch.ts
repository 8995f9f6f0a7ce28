import { PodGroup } from "../api/alpha-kinds.ts";
import type { V1Node, V1Pod } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import {
  Namespace,
  Node,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  ReplicationController,
  Service,
  StatefulSet,
} from "../api/registry.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import { objectKey } from "../apimachinery/object.ts";
import type { SharedInformers } from "../client/informer.ts";
import {
  type ClusterEvent,
  concernsDecisions,
  nodeEvents,
  podEvents,
  takesOtherRoom,
} from "./cluster-events.ts";
import type { CoreFeed } from "./core-feed.ts";
import type { PodGroups } from "./groups/pod-groups.ts";
import type { PendingPods } from "./pending-pods.ts";
import { priorityOf } from "./queued-pod.ts";
import { STORAGE_KINDS, storageEvent } from "./storage-events.ts";

/** What decisions read besides nodes and pods: the system's default spreading, labels of namespaces, and storage. */
const READ_BY_DECISIONS: readonly Kind[] = [
  Namespace,
  Service,
  ReplicationController,
  ReplicaSet,
  StatefulSet,
  PodDisruptionBudget,
  ...STORAGE_KINDS,
];

interface Parts {
  readonly informers: SharedInformers;
  readonly feed: CoreFeed;
  readonly pending: Pick<PendingPods, "isOurs" | "has" | "put" | "remove">;
  /** Told of pods, and of pod groups where these are served; absent: there are none. */
  readonly groups: PodGroups | undefined;
  /** Something that may help waiting pods. */
  readonly happened: (events: readonly ClusterEvent[]) => void;
}

/** Mirrors the cluster: the core is told what takes room and what decisions read, the queue what may help its pods. */
export class ClusterWatch {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { informers, feed, happened } = parts;
    informers.get(Node).addHandler({
      onAdd: (node) => {
        feed.putNode(node);
        happened([{ resource: "Node", action: "Add", object: node }]);
      },
      onUpdate: (old, node) => {
        if (concernsDecisions(old, node)) feed.putNode(node);
        happened(nodeEvents(old, node));
      },
      onDelete: (node: V1Node) => {
        feed.removeNode(node.metadata?.name ?? "");
        happened([{ resource: "Node", action: "Delete", old: node }]);
      },
    });
    informers.get(Pod).addHandler({
      onAdd: (pod) => this.#sawPod(undefined, pod),
      onUpdate: (old, pod) => this.#sawPod(old, pod),
      onDelete: (pod) => this.#lostPod(pod),
    });
    if (parts.groups !== undefined) this.#followGroups(informers, parts.groups);
    for (const kind of READ_BY_DECISIONS) {
      const saw = (...states: [Parameters<typeof storageEvent>[1], Parameters<typeof storageEvent>[2]]) => {
        const event = storageEvent(kind, ...states);
        if (event !== undefined) happened([event]);
      };
      informers.get(kind).addHandler({
        onAdd: (object) => {
          feed.putObject(kind, object);
          saw(undefined, object);
        },
        onUpdate: (old, object) => {
          feed.putObject(kind, object);
          saw(old, object);
        },
        onDelete: (object) => {
          feed.removeObject(kind, object);
          saw(object, undefined);
        },
      });
    }
  }

  #followGroups(informers: SharedInformers, groups: PodGroups): void {
    informers.get(PodGroup).addHandler({
      onAdd: (group) => groups.put(group),
      onUpdate: (_, group) => groups.put(group),
      onDelete: (group) => groups.remove(group),
    });
  }

  /** Tells a core that knows nothing everything that the caches show, and what was assumed. */
  refill(): void {
    const { informers, feed, pending } = this.#parts;
    for (const kind of READ_BY_DECISIONS)
      for (const object of informers.get(kind).lister.list()) feed.putObject(kind, object);
    for (const node of informers.get(Node).lister.list()) feed.putNode(node);
    for (const pod of informers.get(Pod).lister.list()) {
      feed.tellAgain(pod);
      if (pod.status?.nominatedNodeName && !pod.spec?.nodeName && pending.isOurs(pod))
        feed.nominate(pod, pod.status.nominatedNodeName);
    }
  }

  #sawPod(old: V1Pod | undefined, pod: V1Pod): void {
    const { feed, pending, happened } = this.#parts;
    const key = objectKey(pod);
    const was = old !== undefined && holdsRoom(old);
    if (isFinished(pod)) this.#parts.groups?.lost(pod);
    else if (pod.spec?.nodeName || pending.isOurs(pod)) this.#parts.groups?.saw(pod);
    if (holdsRoom(pod)) {
      pending.remove(key);
      if (was) this.#boundPodChanged(old, pod);
      else {
        feed.putPod(pod, false);
        happened([{ resource: "AssignedPod", action: "Add", object: pod }]);
      }
    } else if (was) {
      feed.removePod(key);
      happened([{ resource: "AssignedPod", action: "Delete", old }]);
    } else if (isFinished(pod)) {
      pending.remove(key);
    } else {
      this.#followNomination(old, pod);
      // Bound already, only the watch has not shown it: an older change must not queue the pod a second time.
      if (!pending.has(key) && feed.isPlaced(key, pod.metadata?.uid ?? "")) return;
      pending.put(pod);
    }
  }

  /** Room that a pod gives up is news for those that are no more important. */
  #followNomination(old: V1Pod | undefined, pod: V1Pod | undefined): void {
    const { feed, happened } = this.#parts;
    const before = old?.status?.nominatedNodeName ?? "";
    const now = pod?.status?.nominatedNodeName ?? "";
    if (before === now || !this.#parts.pending.isOurs(pod ?? old!)) return;
    feed.nominate(pod ?? old!, now === "" ? null : now);
    if (before === "" || old === undefined) return;
    happened([{ resource: "AssignedPod", action: "Delete", old, upToPriority: priorityOf(old) }]);
  }

  /** Also what only the core knows: the API may not show a nomination yet. */
  #lostNomination(pod: V1Pod): void {
    this.#parts.feed.nominate(pod, null);
    this.#followNomination(pod, undefined);
  }

  #boundPodChanged(old: V1Pod, pod: V1Pod): void {
    const { feed, happened } = this.#parts;
    const relabelled = !deepEqual(old.metadata?.labels, pod.metadata?.labels);
    // Spreading does not count a pod that is being deleted; that alone brings no waiting pod back (5.6).
    const isLeaving = isTerminating(pod) && !isTerminating(old);
    feed.putPod(pod, relabelled || isLeaving || takesOtherRoom(old, pod));
    // A change of nothing in particular is news to nobody.
    happened(podEvents("AssignedPod", old, pod).filter(({ action }) => action !== "Update"));
  }

  #lostPod(pod: V1Pod): void {
    const { feed, pending, happened } = this.#parts;
    const key = objectKey(pod);
    this.#parts.groups?.lost(pod);
    const assumedOn = holdsRoom(pod) ? undefined : feed.nodeOf(key, pod.metadata?.uid ?? "");
    pending.remove(key);
    feed.removePod(key);
    if (!pod.spec?.nodeName) this.#lostNomination(pod);
    if (holdsRoom(pod)) happened([{ resource: "AssignedPod", action: "Delete", old: pod }]);
    else if (assumedOn !== undefined) happened([assumptionEnds(pod, assumedOn)]);
  }
}

/** An assumed pod does not come to its node after all: to others its room is free. */
export function assumptionEnds(pod: V1Pod, node: string): ClusterEvent {
  const placed = { ...pod, spec: { ...pod.spec!, nodeName: node } };
  return { resource: "AssignedPod", action: "Delete", old: placed };
}

/** A pod takes room on its node from its binding until it has finished. */
export function holdsRoom(pod: V1Pod): boolean {
  return Boolean(pod.spec?.nodeName) && !isFinished(pod);
}

export function isFinished(pod: V1Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

function isTerminating(pod: V1Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined;
}
