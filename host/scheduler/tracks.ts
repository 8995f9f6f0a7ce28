import { type LabelSelector, matches } from "../apimachinery/selectors.ts";
import type { ClusterObjects } from "./cluster-objects.ts";
import type { AffinityTerm, PodTopology } from "./topology-facts.ts";

/** How an owner's term bears on a pod that matches it. */
export type TermRole = "antiAffinity" | "affinity" | "preferred";

/** Which pods a track counts. */
export type TrackRule =
  /** Pods that a spread constraint counts: of its namespace, matching, not being deleted. */
  | { readonly of: "spread"; readonly namespace: string; readonly selector: LabelSelector }
  /** Pods that match all of these terms of an incoming pod. */
  | { readonly of: "matching"; readonly terms: readonly AffinityTerm[] }
  /** Pods that have this term. `weight` is what each preferred one adds to the score of a pod that matches. */
  | {
      readonly of: "owners";
      readonly role: TermRole;
      readonly weight: number;
      readonly term: AffinityTerm;
    };

/** A set of pods that the core counts per node. */
export interface Track {
  readonly id: number;
  readonly key: string;
  readonly rule: TrackRule;
  /** Classes that ask for it, and groups that belong to it as owners. */
  users: number;
  /** False once its number may belong to another. */
  isAlive: boolean;
}

/** The owner rules of a pod's own terms; one that occurs twice counts twice. */
export function ownerRules(pod: PodTopology): Extract<TrackRule, { of: "owners" }>[] {
  const rule = (role: TermRole, term: AffinityTerm, weight: number) =>
    ({ of: "owners", role, weight, term }) as const;
  return [
    ...pod.antiAffinity.map((term) => rule("antiAffinity", term, 0)),
    ...pod.affinity.map((term) => rule("affinity", term, 0)),
    ...pod.preferred.map(({ term, weight }) => rule("preferred", term, weight)),
  ];
}

/** Whether pods of this kind count on the track; owners are known by their terms, not by this. */
export function countsOn(rule: TrackRule, pod: PodTopology, objects: ClusterObjects): boolean {
  switch (rule.of) {
    case "spread":
      // kube-scheduler counts no pods for a selector that takes them all.
      return !pod.terminating && rule.selector.requirements.length > 0 && leavesFrom(rule, pod);
    case "matching":
      return rule.terms.every((term) => matchesExisting(term, pod, objects));
    case "owners":
      return false;
    default:
      return rule satisfies never;
  }
}

/**
 * Whether a pod that preemption takes away is subtracted from a spread constraint. kube-scheduler's RemovePod asks less
 * than its counting: pods that are being deleted and selectors of everything are subtracted too, though never counted.
 */
export function leavesFrom(rule: Extract<TrackRule, { of: "spread" }>, pod: PodTopology): boolean {
  return rule.namespace === pod.namespace && matches(rule.selector, pod.labels);
}

/**
 * Whether a term of an incoming pod matches a pod. Names of selected namespaces are added to the term, but its selector
 * stays and is then asked about no labels at all (the 1.36 quirk): one of only NotIn and DoesNotExist takes every namespace.
 */
export function matchesExisting(term: AffinityTerm, pod: PodTopology, objects: ClusterObjects): boolean {
  const inNamespace =
    term.namespaces.includes(pod.namespace) ||
    matches(term.namespaceSelector, {}) ||
    matches(term.namespaceSelector, objects.labelsOf(pod.namespace));
  return inNamespace && matches(term.selector, pod.labels);
}

/** Whether a term of an existing pod matches an incoming one. */
export function matchesIncoming(term: AffinityTerm, pod: PodTopology, objects: ClusterObjects): boolean {
  const inNamespace =
    term.namespaces.includes(pod.namespace) ||
    matches(term.namespaceSelector, objects.labelsOf(pod.namespace));
  return inNamespace && matches(term.selector, pod.labels);
}

/** Whether what a track counts depends on the labels of namespaces. */
export function readsNamespaces(rule: TrackRule): boolean {
  return rule.of === "matching" && rule.terms.some((term) => term.namespaceSelector.requirements.length > 0);
}
