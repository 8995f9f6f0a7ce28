import type { V1Node, V1Pod } from "../../api/generated/types.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { type Labels, matches } from "../../apimachinery/selectors.ts";
import type { AffinityTerm, PodTopology } from "../topology-facts.ts";
import { readPodTopology } from "../topology-facts.ts";
import { hadNode } from "./node-hints.ts";
import { type Hint, podOf } from "./registration.ts";

const labelsOf = (object: V1Node | V1Pod | undefined): Labels => object?.metadata?.labels ?? {};
const namespaceOf = (pod: V1Pod) => pod.metadata?.namespace ?? "default";

/** PodTopologySpread: a pod that a constraint counts has come to a node, or is gone from one. */
export const countsForSpread: Hint = ({ facts: { topology }, namespace }, event) => {
  const pod = podOf(event);
  if (!hadNode(pod) || namespaceOf(pod) !== namespace) return false;
  return topology.hard.length === 0 || topology.hard.some(({ selector }) => matches(selector, labelsOf(pod)));
};

/** PodTopologySpread: a constraint counts the pod now and did not before, or the other way round. */
export const countsOtherwise: Hint = ({ facts: { topology }, namespace }, event) => {
  const [old, pod] = [event.old as V1Pod, podOf(event)];
  if (namespaceOf(pod) !== namespace) return false;
  return (
    topology.hard.length === 0 ||
    topology.hard.some(
      ({ selector }) => matches(selector, labelsOf(old)) !== matches(selector, labelsOf(pod)),
    )
  );
};

/** PodTopologySpread: which nodes count by their taints follows from what the pod tolerates. */
export const spreadsByTaints: Hint = ({ facts: { topology } }) =>
  topology.hard.length === 0 || topology.hard.some(({ honorsTaints }) => honorsTaints);

/** PodTopologySpread: a domain has come or gone, or may have. */
export const changesDomains: Hint = ({ facts: { topology } }, event) => {
  const [old, node] = [event.old as V1Node | undefined, event.object as V1Node | undefined];
  // Constraints of the profile: whatever changes may matter.
  if (topology.hard.length === 0) return true;
  const hasAll = (one: V1Node | undefined) =>
    one !== undefined && topology.hard.every(({ key }) => Object.hasOwn(labelsOf(one), key));
  if (hasAll(old) !== hasAll(node)) return true;
  if (!hasAll(node)) return false;
  return (
    topology.hard.some(({ key }) => labelsOf(old)[key] !== labelsOf(node)[key]) ||
    !deepEqual(old?.spec?.taints, node?.spec?.taints)
  );
};

/**
 * Whether a term matches a pod. Kubernetes' hints do not look up which namespaces a namespaceSelector selects, and let such
 * pods wait for the 5 minutes; here the selector is taken to select all.
 */
function takes({ namespaces, namespaceSelector, selector }: AffinityTerm, pod: V1Pod): boolean {
  const selectsAny = !namespaceSelector.nothing;
  return (namespaces.includes(namespaceOf(pod)) || selectsAny) && matches(selector, labelsOf(pod));
}

/** InterPodAffinity: a pod to be near to has come to a node. */
export const isWantedNear: Hint = ({ facts: { topology } }, event) => {
  const pod = podOf(event);
  return hadNode(pod) && isNearAll(topology, pod);
};

const isNearAll = ({ affinity }: PodTopology, pod: V1Pod) =>
  affinity.length > 0 && affinity.every((term) => takes(term, pod));

/**
 * InterPodAffinity: a pod has become one to be near to, or is no longer one to be apart from. Kubernetes asks that it was
 * one by all terms, though one term is enough to refuse: here one is enough to come back.
 */
export const isWantedOtherwise: Hint = ({ facts: { topology } }, event) => {
  const [old, pod] = [event.old as V1Pod, podOf(event)];
  if (!isNearAll(topology, old) && isNearAll(topology, pod)) return true;
  return topology.antiAffinity.some((term) => takes(term, old) && !takes(term, pod));
};

/** InterPodAffinity: a pod is gone that this one has to be apart from, or that would not have this one near. */
export const leavesRoomApart: Hint = ({ pod: waiting, facts: { topology } }, event) => {
  const pod = podOf(event);
  if (topology.antiAffinity.some((term) => takes(term, pod))) return true;
  return readPodTopology(pod, []).antiAffinity.some((term) => takes(term, waiting));
};

/** InterPodAffinity: a node is new to a domain, or has left one. */
export const changesNeighbours: Hint = ({ facts: { topology } }, event) => {
  const [old, node] = [event.old as V1Node | undefined, event.object as V1Node];
  const value = (one: V1Node | undefined, key: string) => labelsOf(one)[key];
  if (
    topology.affinity.some(
      ({ key }) => value(node, key) !== undefined && value(old, key) !== value(node, key),
    )
  )
    return true;
  if (old === undefined) return topology.antiAffinity.length > 0 || topology.affinity.length === 0;
  if (
    topology.antiAffinity.some(
      ({ key }) => value(old, key) !== undefined && value(old, key) !== value(node, key),
    )
  )
    return true;
  // Rejected by others' terms alone: their keys are not known here.
  return topology.affinity.length === 0 && topology.antiAffinity.length === 0;
};
