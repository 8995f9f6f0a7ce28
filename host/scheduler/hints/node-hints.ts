import type { V1Node, V1Pod } from "../../api/generated/types.ts";
import { tolerates } from "../../api/taints.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { type ClusterEvent, decreasedRequests } from "../cluster-events.ts";
import { portsConflict, readHostPorts } from "../host-ports.ts";
import type { NodeIdentity } from "../node-affinity.ts";
import type { PodFacts } from "../pod-facts.ts";
import { readResources } from "../resource-list.ts";
import { forbids, UNSCHEDULABLE } from "../taints.ts";
import { type Hint, podOf } from "./registration.ts";

const nodesOf = ({ old, object }: ClusterEvent) => ({
  old: old as V1Node | undefined,
  node: object as V1Node,
});
const identity = ({ metadata }: V1Node): NodeIdentity => ({
  name: metadata?.name ?? "",
  labels: metadata?.labels ?? {},
});

/** NodeUnschedulable: a node that takes pods is new, or takes them again. */
export const takesPodsNow: Hint = (_, event) => {
  const { old, node } = nodesOf(event);
  return node.spec?.unschedulable !== true && (old === undefined || old.spec?.unschedulable === true);
};

/** NodeUnschedulable: the pod now tolerates such nodes. */
export const toleratesUnschedulable: Hint = (_, event) =>
  (podOf(event).spec?.tolerations ?? []).some((one) => tolerates(one, UNSCHEDULABLE));

/** TaintToleration: the pod did not tolerate the node, and does. */
export const toleratesNow: Hint = ({ facts }, event) => {
  const { old, node } = nodesOf(event);
  const isRepelled = (one: V1Node) =>
    (one.spec?.taints ?? []).some((taint) => forbids(taint, facts.tolerations));
  return !isRepelled(node) && (old === undefined || isRepelled(old));
};

/** NodeAffinity: the node did not match, and does. */
export const matchesNow: Hint = ({ facts: { affinity } }, event) => {
  const { old, node } = nodesOf(event);
  const isTaken = (one: V1Node) =>
    affinity.matches(identity(one)) && affinity.onlyNodes?.has(identity(one).name) !== false;
  return isTaken(node) && (old === undefined || !isTaken(old));
};

/** A pod that had a node, or was to have one: only such a pod leaves something behind. */
export function hadNode({ spec, status }: V1Pod): boolean {
  return Boolean(spec?.nodeName || status?.nominatedNodeName);
}

/** NodePorts: the pod that went had one of the ports. */
export const freesPort: Hint = ({ facts }, event) => {
  const gone = podOf(event);
  if (!hadNode(gone)) return false;
  return readHostPorts(gone).some((port) => facts.ports.some((wanted) => portsConflict(wanted, port)));
};

/** NodeResourcesFit: the pod that went took room. */
export const freesRoom: Hint = (_, event) => hadNode(podOf(event));

/** NodeResourcesFit: a bound pod takes less of something that this one asks for. */
export const takesLess: Hint = ({ facts }, event) =>
  decreasedRequests(event.old as V1Pod, podOf(event)).some((name) => (facts.requests.get(name) ?? 0) > 0);

/** NodeResourcesFit: the node could hold the pod if it were empty, and is new or offers more of what the pod asks for. */
export const offersRoom: Hint = ({ facts }, event) => {
  const { old, node } = nodesOf(event);
  const offered = allocatableOf(node);
  const wanted = wantedOf(facts);
  if (!wanted.every(([name, amount]) => amount <= (offered.get(name) ?? 0) || maybeByDevices(name, offered)))
    return false;
  if (old === undefined) return true;
  const before = allocatableOf(old);
  const offersMore = (name: string) => (offered.get(name) ?? 0) > (before.get(name) ?? 0);
  return offersMore("pods") || wanted.some(([name]) => offersMore(name) || maybeByDevices(name, offered));
};

const allocatableOf = ({ status }: V1Node) =>
  readResources(status?.allocatable ?? status?.capacity, "status.allocatable", []);

const CHECKED = ["cpu", "memory", "ephemeral-storage"];

function wantedOf({ requests, extended }: PodFacts): (readonly [string, number])[] {
  return [...requests].filter(
    ([name, amount]) => amount > 0 && (CHECKED.includes(name) || extended.has(name)),
  );
}

/** Devices may stand for a resource that a node does not have: a hint does not look at their classes. */
function maybeByDevices(name: string, offered: ReadonlyMap<string, number>): boolean {
  return !CHECKED.includes(name) && (offered.get(name) ?? 0) === 0;
}

/** NodeDeclaredFeatures: the node is new, or declares other features. */
export const declaresOthers: Hint = (_, event) => {
  const { old, node } = nodesOf(event);
  return old === undefined || !deepEqual(old.status?.declaredFeatures, node.status?.declaredFeatures);
};
