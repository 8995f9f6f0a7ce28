import { findCondition } from "../../api/conditions.ts";
import type { V1Node, V1Pod } from "../../api/generated/types.ts";
import { Lease, Node, Pod } from "../../api/registry.ts";
import { type Clock, formatTime } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { objectKey } from "../../apimachinery/object.ts";
import { byNode } from "../../client/lister.ts";
import { type Change, note, patch, updateStatus } from "../change.ts";
import { isReady } from "../pod-state.ts";
import { controller } from "../runtime.ts";
import type { Watch } from "../watches.ts";
import { Health, silentConditions } from "./health.ts";
import { evictingTaint, isEvicting, wantedLabels, wantedTaints } from "./node-taints.ts";
import { Zones } from "./zones.ts";

export type ObservedNode =
  | { readonly gone: V1Node }
  | {
      readonly node: V1Node;
      readonly isNew: boolean;
      /** It was ready when it was last looked at. */
      readonly lostReady: boolean;
      readonly expiresMs: number;
      /** Pods on it that are not to be called ready any longer. */
      readonly pods: readonly V1Pod[];
      /** What its taint that evicts is to be. */
      readonly evicting: string | undefined;
      /** When it may have that taint, where it has to wait. */
      readonly turnMs: number | undefined;
    };

/**
 * Nodes that give no sign become Unknown, what a node says of itself becomes taints, and pods on a node that is not ready
 * are not ready. Taints with effect NoExecute come one node after the other (zones.ts); who has to leave because of them is
 * the taint eviction controller's to say. Source: controllers.md 11.1.
 *
 * @param clock  signs of life are timed as they are seen
 */
export function nodeLifecycleController(clock: Clock) {
  const health = new Health();
  const zones = new Zones();
  const gone = new Map<string, V1Node>();
  const fresh = new Set<string>();
  const lost = new Set<string>();
  /** Node -> keys of pods. An entry stays until every pod of it says that it is not ready. */
  const marking = new Map<string, Set<string>>();

  const watchNodes: Watch = {
    attach: (informers, enqueue) => {
      const tell = (node: V1Node) => {
        const name = objectKey(node);
        const { isNew, lostReady } = health.see(node, clock.nowMs());
        if (isNew) fresh.add(name);
        if (lostReady) {
          lost.add(name);
          const pods = informers.get(Pod).lister.by(byNode, name).map(objectKey);
          marking.set(name, new Set([...(marking.get(name) ?? []), ...pods]));
        }
        const wasDark = zones.isDark;
        const others = zones.note(node);
        if (wasDark && !zones.isDark) health.restart(clock.nowMs());
        for (const other of others) enqueue(other);
        enqueue(name);
      };
      informers.get(Node).addHandler({
        onAdd: tell,
        onUpdate: (_, node) => tell(node),
        onDelete: (node) => {
          const name = objectKey(node);
          gone.set(name, node);
          health.forget(name);
          marking.delete(name);
          for (const other of zones.forget(name)) enqueue(other);
          enqueue(name);
        },
      });
    },
  };

  const watchLeases: Watch = {
    attach: (informers) => {
      const tell = (lease: Parameters<Health["renewed"]>[0]) => {
        if (lease.metadata?.namespace === LEASES) health.renewed(lease, clock.nowMs());
      };
      informers.get(Lease).addHandler({ onAdd: tell, onUpdate: (_, lease) => tell(lease) });
    },
  };

  /** A pod that comes to a node which is not ready is not ready. */
  const watchPods: Watch = {
    attach: (informers, enqueue) => {
      const tell = (pod: V1Pod) => {
        const name = pod.spec?.nodeName ?? "";
        const node = informers.get(Node).lister.get(name);
        if (node === undefined || isNodeReady(node) || !isReady(pod)) return;
        marking.set(name, new Set([...(marking.get(name) ?? []), objectKey(pod)]));
        enqueue(name);
      };
      informers.get(Pod).addHandler({
        onAdd: tell,
        onUpdate: (old, pod) => {
          if (old.spec?.nodeName !== pod.spec?.nodeName) tell(pod);
        },
      });
    },
  };

  return controller<ObservedNode>({
    name: "node-controller",
    watches: [watchNodes, watchLeases, watchPods],
    workers: 8,
    observe: (name, { informers }) => {
      const nowMs = clock.nowMs();
      const left = gone.get(name);
      gone.delete(name);
      const node = informers.get(Node).lister.get(name);
      if (node === undefined) return left && { gone: left };
      const pods = [...(marking.get(name) ?? [])].flatMap((key) => {
        const pod = informers.get(Pod).lister.get(key);
        return pod?.spec?.nodeName === name && isReady(pod) ? [pod] : [];
      });
      if (pods.length === 0 || isNodeReady(node)) marking.delete(name);
      else marking.set(name, new Set(pods.map(objectKey)));
      const wanted = zones.isDark ? undefined : evictingTaint(node);
      // One that evicts already only changes its reason, at once.
      const needsTurn = wanted !== undefined && !isEvicting(node);
      if (!needsTurn) zones.leaveQueue(name);
      const turnMs = needsTurn ? zones.askTurn(name, nowMs) : 0;
      const isNew = fresh.delete(name);
      const lostReady = lost.delete(name) && !isNodeReady(node);
      const evicting = turnMs === 0 ? wanted : undefined;
      const expiresMs = health.expiresMs(node);
      return { node, isNew, lostReady, expiresMs, evicting, turnMs, pods: marking.has(name) ? pods : [] };
    },
    reconcile: reconcileNode,
  });
}

const LEASES = "kube-node-lease";

function isNodeReady({ status }: V1Node): boolean {
  return findCondition(status?.conditions, "Ready")?.status === "True";
}

export function reconcileNode(observed: ObservedNode, nowMs: number): readonly Change[] {
  if ("gone" in observed) {
    const name = observed.gone.metadata?.name;
    const text = `Node ${name} event: Removing Node ${name} from Controller`;
    return [note(Node, observed.gone, "Normal", "RemovingNode", text)];
  }
  const { node, isNew, lostReady, expiresMs, pods, evicting, turnMs } = observed;
  const name = node.metadata?.name;
  const changes: Change[] = [];
  const say = (reason: string, text: string) => changes.push(note(Node, node, "Normal", reason, text));
  if (isNew) say("RegisteredNode", `Node ${name} event: Registered Node ${name} in Controller`);
  if (lostReady) say("NodeNotReady", `Node ${name} status is now: NodeNotReady`);
  if (pods.length > 0) changes.push({ do: "together", changes: pods.map((pod) => markNotReady(pod, nowMs)) });
  const isKnownSilent = findCondition(node.status?.conditions, "Ready")?.status === "Unknown";
  if (!isKnownSilent && nowMs > expiresMs) {
    const conditions = [...silentConditions(node, nowMs)];
    // What follows from it is seen when it has come back.
    return [...changes, updateStatus(Node, { ...node, status: { ...node.status, conditions } })];
  }
  if (!isKnownSilent) changes.push({ do: "again", afterMs: expiresMs - nowMs + 1 });
  if (turnMs !== undefined && turnMs > 0) changes.push({ do: "again", afterMs: turnMs });
  return [...changes, ...correct(node, evicting, nowMs)];
}

/** Taints and labels, in one write that is refused if somebody changed the node meanwhile. */
function correct(node: V1Node, evicting: string | undefined, nowMs: number): Change[] {
  const taints = wantedTaints(node, evicting, nowMs);
  const labels = wantedLabels(node);
  const isTainted = !deepEqual(taints, node.spec?.taints ?? []);
  const isLabelled = !deepEqual(labels, node.metadata?.labels ?? {});
  if (!isTainted && !isLabelled) return [];
  const { resourceVersion } = node.metadata ?? {};
  const body = {
    metadata: { resourceVersion, ...(isLabelled ? { labels } : {}) },
    ...(isTainted ? { spec: { taints: taints.length === 0 ? null : taints } } : {}),
  };
  return [patch(Node, node, { type: "merge", body }, { failure: whenGone })];
}

function whenGone({ code }: { code: number }): readonly Change[] | undefined {
  return code === 404 ? [] : undefined;
}

function markNotReady(pod: V1Pod, nowMs: number): Change {
  const condition = { type: "Ready", status: "False", lastTransitionTime: formatTime(nowMs) };
  const body = { metadata: { uid: pod.metadata?.uid }, status: { conditions: [condition] } };
  return patch(
    Pod,
    pod,
    { type: "strategic", body },
    {
      subresource: "status",
      success: () => [note(Pod, pod, "Warning", "NodeNotReady", "Node is not ready")],
      failure: whenGone,
    },
  );
}
