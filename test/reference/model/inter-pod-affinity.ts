import type { V1Node, V1Pod, V1PodAffinityTerm } from "../../../host/api/generated/types.ts";
import {
  type Cycle,
  hasKey,
  labelsOf,
  type Moved,
  namespaceOf,
  type Place,
  type Plugin,
  type Refusal,
  refuse,
  refuseForNow,
  type Scores,
  type World,
} from "./cycle.ts";
import { remembered } from "./remember.ts";
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

type Side = typeof affinityOf;

const requiredOf = (of: Side) =>
  remembered((pod: V1Pod) =>
    (of(pod)?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => readTerm(pod, term)),
  );
const preferredOf = (of: Side) =>
  remembered((pod: V1Pod) =>
    (of(pod)?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one) => ({
      weight: one.weight,
      term: readTerm(pod, one.podAffinityTerm),
    })),
  );
const requiredNear = requiredOf(affinityOf);
const requiredApart = requiredOf(antiAffinityOf);
const preferredNear = preferredOf(affinityOf);
const preferredApart = preferredOf(antiAffinityOf);

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

interface PlacedPod {
  readonly node: V1Node;
  readonly pod: V1Pod;
}

/** Which of the pods there are the filter speaks of; where they are is asked node by node. */
const findMatches = remembered(({ pod, places, world }: Cycle) => {
  const all = places.flatMap(({ node, pods }) => pods.map((one): PlacedPod => ({ node, pod: one })));
  const terms = requiredNear(pod);
  return {
    terms,
    /** Pods that match all terms at once. */
    near:
      terms.length === 0
        ? []
        : all.filter((one) => terms.every((term) => ownTermMatches(term, one.pod, world))),
    matchesItself: terms.every((term) => ownTermMatches(term, pod, world)),
    apart: requiredApart(pod).flatMap((term) =>
      all.filter((one) => ownTermMatches(term, one.pod, world)).map((one) => ({ ...one, term })),
    ),
    theirs: all.flatMap((one) =>
      requiredApart(one.pod)
        .filter((term) => theirTermMatches(term, pod, world))
        .map((term) => ({ ...one, term })),
    ),
  };
});

/** The nominated pods of a place, as the filter finds those that are there. */
function foundAmong({ pod, world }: Cycle, node: V1Node, coming: readonly V1Pod[]) {
  const here = coming.map((one): PlacedPod => ({ node, pod: one }));
  const terms = requiredNear(pod);
  return {
    near: here.filter(
      (one) => terms.length > 0 && terms.every((term) => ownTermMatches(term, one.pod, world)),
    ),
    apart: requiredApart(pod).flatMap((term) =>
      here.filter((one) => ownTermMatches(term, one.pod, world)).map((one) => ({ ...one, term })),
    ),
    theirs: here.flatMap((one) =>
      requiredApart(one.pod)
        .filter((term) => theirTermMatches(term, pod, world))
        .map((term) => ({ ...one, term })),
    ),
  };
}

/** PreFilter finds nothing to do: the filter is left out, and nominated pods are not looked at. */
function isSkipped({ pod }: Cycle, theirs: readonly (PlacedPod & { term: Term })[]): boolean {
  if (requiredNear(pod).length > 0 || requiredApart(pod).length > 0) return false;
  return !theirs.some(({ node, term }) => hasKey(node, term.key));
}

function affinityRefusal(cycle: Cycle, { node }: Place, { leaving, coming }: Moved): Refusal | undefined {
  const found = findMatches(cycle);
  const { terms, matchesItself } = found;
  if (isSkipped(cycle, found.theirs)) return undefined;
  const more = foundAmong(cycle, node, coming);
  const stays = (one: PlacedPod) => !leaving.includes(one.pod);
  const matching = [...found.near.filter(stays), ...more.near];
  const anywhere = matching.some((one) => terms.some(({ key }) => hasKey(one.node, key)));
  const keys = terms.every(({ key }) => hasKey(node, key));
  const near = terms.every(({ key }) => matching.some((one) => together(one.node, node, key)));
  if (terms.length > 0 && !(keys && (near || (!anywhere && matchesItself))))
    return refuse("node(s) didn't match pod affinity rules");
  const isHere = (one: PlacedPod & { term: Term }) => stays(one) && together(one.node, node, one.term.key);
  if ([...found.apart, ...more.apart].some(isHere))
    return refuseForNow("node(s) didn't match pod anti-affinity rules");
  if ([...found.theirs, ...more.theirs].some(isHere))
    return refuseForNow("node(s) didn't satisfy existing pods anti-affinity rules");
  return undefined;
}

/** What each pod that is there adds to the nodes around it. */
function additions({ pod, places, world, profile }: Cycle): { node: V1Node; key: string; weight: number }[] {
  const { hardPodAffinityWeight = 1 } = profile.args("InterPodAffinity");
  const found: { node: V1Node; key: string; weight: number }[] = [];
  for (const { node, pods } of places) {
    for (const other of pods) {
      const add = ({ key }: Term, weight: number, isMatch: boolean) => {
        if (isMatch) found.push({ node, key, weight });
      };
      for (const [preferred, sign] of [
        [preferredNear, 1],
        [preferredApart, -1],
      ] as const) {
        for (const { term, weight } of preferred(pod))
          add(term, sign * weight, ownTermMatches(term, other, world));
        for (const { term, weight } of preferred(other))
          add(term, sign * weight, theirTermMatches(term, pod, world));
      }
      for (const term of requiredNear(other))
        add(term, hardPodAffinityWeight, theirTermMatches(term, pod, world));
    }
  }
  return found;
}

function affinityScores(cycle: Cycle, feasible: readonly Place[]): Scores {
  const { pod, profile } = cycle;
  const prefers = preferredNear(pod).length + preferredApart(pod).length > 0;
  const zeros = feasible.map(() => 0);
  if (profile.args("InterPodAffinity").ignorePreferredTermsOfExistingPods && !prefers) return [zeros, zeros];
  const all = additions(cycle);
  const raw = feasible.map((place) =>
    all
      .filter(({ node, key }) => together(node, place.node, key))
      .reduce((sum, { weight }) => sum + weight, 0),
  );
  const least = Math.min(...raw);
  const range = Math.max(...raw) - least;
  return [raw, raw.map((one) => (range > 0 ? Math.trunc(100 * ((one - least) / range)) : 0))];
}

export const interPodAffinity: Plugin = { filter: affinityRefusal, score: affinityScores };
