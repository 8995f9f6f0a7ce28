import type { V1Node, V1Pod, V1PodAffinityTerm } from "../../../host/api/generated/types.ts";
import {
  type Cycle,
  hasKey,
  labelsOf,
  namespaceOf,
  type Place,
  type Plugin,
  type Refusal,
  refuse,
  refuseForNow,
  type Scores,
  type World,
} from "./cycle.ts";
import { type Requirements, requirementsOf, selects, withKeys } from "./selectors.ts";

/**
 * Reference model of InterPodAffinity, written from shared/spec/scheduling.md 2.12 and 3.5: every term is asked about every
 * pod.
 */
interface Term {
  key: string;
  selector: Requirements;
  namespaces: string[];
  namespaceSelector: Requirements;
}

function readTerm(owner: V1Pod, term: V1PodAffinityTerm): Term {
  const unset = (term.namespaces ?? []).length === 0 && term.namespaceSelector === undefined;
  return {
    key: term.topologyKey,
    selector: withKeys(
      requirementsOf(term.labelSelector),
      owner,
      term.matchLabelKeys,
      term.mismatchLabelKeys,
    ),
    namespaces: unset ? [namespaceOf(owner)] : (term.namespaces ?? []),
    namespaceSelector: requirementsOf(term.namespaceSelector),
  };
}

const affinityOf = (pod: V1Pod) => pod.spec!.affinity?.podAffinity;
const antiAffinityOf = (pod: V1Pod) => pod.spec!.affinity?.podAntiAffinity;
const required = (pod: V1Pod, of: typeof affinityOf) =>
  (of(pod)?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => readTerm(pod, term));
const preferred = (pod: V1Pod, of: typeof affinityOf) =>
  (of(pod)?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one) => ({
    weight: one.weight,
    term: readTerm(pod, one.podAffinityTerm),
  }));

function namespaceLabels(name: string, world: World): Record<string, string> {
  const known = world.find((one) => one.kind === "Namespace" && one.metadata!.name === name);
  return known ? { ...labelsOf(known), "kubernetes.io/metadata.name": name } : {};
}

/** A term of the incoming pod against a pod: names are unrolled, the selector then sees no labels (the quirk). */
function ownTermMatches(term: Term, pod: V1Pod, world: World): boolean {
  const unrolled = world
    .filter((one) => one.kind === "Namespace")
    .map((one) => one.metadata!.name!)
    .filter((name) => selects(term.namespaceSelector, namespaceLabels(name, world)));
  const names = [...term.namespaces, ...unrolled];
  return (
    (names.includes(namespaceOf(pod)) || selects(term.namespaceSelector, {})) &&
    selects(term.selector, labelsOf(pod))
  );
}

/** A term of an existing pod against the incoming one. */
function theirTermMatches(term: Term, pod: V1Pod, world: World): boolean {
  return (
    (term.namespaces.includes(namespaceOf(pod)) ||
      selects(term.namespaceSelector, namespaceLabels(namespaceOf(pod), world))) &&
    selects(term.selector, labelsOf(pod))
  );
}

/** Both nodes have the key with the same value. */
const together = (a: V1Node, b: V1Node, key: string) =>
  hasKey(a, key) && hasKey(b, key) && labelsOf(a)[key] === labelsOf(b)[key];

function affinityRefusal(cycle: Cycle, place: Place, leaving: readonly V1Pod[]): Refusal | undefined {
  const { pod, places, world } = cycle;
  const all = places
    .flatMap(({ node, pods }) => pods.map((one) => ({ node, pod: one })))
    .filter((one) => !leaving.includes(one.pod));
  const terms = required(pod, affinityOf);
  const matching = all.filter((one) => terms.every((term) => ownTermMatches(term, one.pod, world)));
  const anywhere = matching.some(({ node }) => terms.some(({ key }) => hasKey(node, key)));
  const keys = terms.every(({ key }) => hasKey(place.node, key));
  const near = terms.every(({ key }) => matching.some(({ node }) => together(node, place.node, key)));
  const first = !anywhere && terms.every((term) => ownTermMatches(term, pod, world));
  if (terms.length > 0 && !(keys && (near || first)))
    return refuse("node(s) didn't match pod affinity rules");
  for (const term of required(pod, antiAffinityOf))
    for (const one of all)
      if (ownTermMatches(term, one.pod, world) && together(one.node, place.node, term.key))
        return refuseForNow("node(s) didn't match pod anti-affinity rules");
  for (const one of all)
    for (const term of required(one.pod, antiAffinityOf))
      if (theirTermMatches(term, pod, world) && together(one.node, place.node, term.key))
        return refuseForNow("node(s) didn't satisfy existing pods anti-affinity rules");
  return undefined;
}

function affinityScores({ pod, places, world, profile }: Cycle, feasible: readonly Place[]): Scores {
  const { hardPodAffinityWeight = 1, ignorePreferredTermsOfExistingPods } = profile.args("InterPodAffinity");
  const own = [...preferred(pod, affinityOf), ...preferred(pod, antiAffinityOf)];
  const zeros = feasible.map(() => 0);
  if (ignorePreferredTermsOfExistingPods && own.length === 0) return [zeros, zeros];
  const raw = feasible.map((place) => {
    let sum = 0;
    for (const { node, pods } of places) {
      for (const other of pods) {
        const add = (term: Term, weight: number, isMatch: boolean) => {
          if (isMatch && together(node, place.node, term.key)) sum += weight;
        };
        for (const [of, sign] of [
          [affinityOf, 1],
          [antiAffinityOf, -1],
        ] as const) {
          for (const { term, weight } of preferred(pod, of))
            add(term, sign * weight, ownTermMatches(term, other, world));
          for (const { term, weight } of preferred(other, of))
            add(term, sign * weight, theirTermMatches(term, pod, world));
        }
        for (const term of required(other, affinityOf))
          add(term, hardPodAffinityWeight, theirTermMatches(term, pod, world));
      }
    }
    return sum;
  });
  const least = Math.min(...raw);
  const range = Math.max(...raw) - least;
  return [raw, raw.map((one) => (range > 0 ? Math.trunc(100 * ((one - least) / range)) : 0))];
}

export const interPodAffinity: Plugin = { filter: affinityRefusal, score: affinityScores };
