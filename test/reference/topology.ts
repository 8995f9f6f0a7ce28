import type {
  V1LabelSelector,
  V1Node,
  V1Pod,
  V1PodAffinityTerm,
  V1TopologySpreadConstraint,
} from "../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import { type Refusal, requiredAffinityMatches, toleratesHardTaints } from "./filters.ts";
import type { Place } from "./scores.ts";

/**
 * Reference model of PodTopologySpread and InterPodAffinity, written from shared/spec/scheduling.md 2.11, 2.12, 3.5 and 3.6.
 * Every count is made anew by asking every pod of every node.
 */
export type Labels = Record<string, string>;

/** Services, owners and namespaces. */
export type World = readonly KubernetesObject[];

/** Pods that preemption would take from a node. */
export interface Removal {
  readonly node: V1Node;
  readonly pods: readonly V1Pod[];
}

export const labelsOf = (object: KubernetesObject): Labels => object.metadata?.labels ?? {};
const namespaceOf = (pod: V1Pod) => pod.metadata!.namespace!;

interface Requirement {
  key: string;
  operator: string;
  values?: string[];
}

/** undefined: the selector that matches nothing. */
type Requirements = Requirement[] | undefined;

function requirementsOf(selector: V1LabelSelector | undefined): Requirements {
  if (selector === undefined) return undefined;
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: "In",
    values: [value],
  }));
  return [...equal, ...(selector.matchExpressions ?? [])];
}

function selects(requirements: Requirements, labels: Labels): boolean {
  return (
    requirements?.every(({ key, operator, values = [] }) => {
      const has = Object.keys(labels).includes(key);
      if (operator === "Exists") return has;
      if (operator === "DoesNotExist") return !has;
      const among = has && values.includes(labels[key]!);
      return operator === "In" ? among : !among;
    }) ?? false
  );
}

/** matchLabelKeys and mismatchLabelKeys, as requirements. */
function withKeys(
  requirements: Requirements,
  pod: V1Pod,
  keys: string[] = [],
  mismatch: string[] = [],
): Requirements {
  const make = (operator: string) => (key: string) => ({ key, operator, values: [labelsOf(pod)[key]!] });
  const present = (key: string) => Object.keys(labelsOf(pod)).includes(key);
  return (
    requirements && [
      ...requirements,
      ...keys.filter(present).map(make("In")),
      ...mismatch.filter(present).map(make("NotIn")),
    ]
  );
}

// --- PodTopologySpread ---

interface Constraint {
  key: string;
  maxSkew: number;
  minDomains: number;
  affinity: boolean;
  taints: boolean;
  selector: Requirements;
}

function readConstraint(pod: V1Pod, one: V1TopologySpreadConstraint): Constraint {
  return {
    key: one.topologyKey,
    maxSkew: one.maxSkew,
    minDomains: one.minDomains ?? 1,
    affinity: one.nodeAffinityPolicy !== "Ignore",
    taints: one.nodeTaintsPolicy === "Honor",
    selector: withKeys(requirementsOf(one.labelSelector), pod, one.matchLabelKeys),
  };
}

function constraintsOf(pod: V1Pod, action: string, world: World): Constraint[] {
  const own = pod.spec!.topologySpreadConstraints ?? [];
  if (own.length > 0)
    return own.filter((one) => one.whenUnsatisfiable === action).map((one) => readConstraint(pod, one));
  if (action === "DoNotSchedule") return [];
  const here = world.filter((one) => one.metadata!.namespace === namespaceOf(pod));
  const equal: Labels = {};
  for (const one of here) {
    const selector = (one as { spec?: { selector?: Labels } }).spec?.selector;
    if (one.kind !== "Service" || !selector) continue;
    if (selects(requirementsOf({ matchLabels: selector }), labelsOf(pod))) Object.assign(equal, selector);
  }
  const owner = pod.metadata!.ownerReferences?.find((one) => one.controller);
  const known = here.find(
    (one) =>
      one.kind === owner?.kind && one.apiVersion === owner?.apiVersion && one.metadata!.name === owner?.name,
  );
  const ownSelector = (known as { spec?: { selector?: unknown } } | undefined)?.spec?.selector;
  const owned =
    known?.kind === "ReplicationController"
      ? requirementsOf({ matchLabels: ownSelector as Labels })
      : ["ReplicaSet", "StatefulSet"].includes(known?.kind ?? "")
        ? requirementsOf(ownSelector as V1LabelSelector)
        : [];
  const selector = [...requirementsOf({ matchLabels: equal })!, ...(owned ?? [])];
  if (selector.length === 0) return [];
  const rest = { minDomains: 1, affinity: true, taints: false, selector };
  return [
    { key: "kubernetes.io/hostname", maxSkew: 3, ...rest },
    { key: "topology.kubernetes.io/zone", maxSkew: 5, ...rest },
  ];
}

const hasKey = (node: V1Node, key: string) => Object.keys(labelsOf(node)).includes(key);

function isCounted(pod: V1Pod, node: V1Node, constraint: Constraint): boolean {
  if (constraint.affinity && !requiredAffinityMatches(pod, node)) return false;
  return !constraint.taints || toleratesHardTaints(pod, node);
}

function countMatching(pod: V1Pod, selector: Requirements, pods: readonly V1Pod[]): number {
  if (selector?.length === 0) return 0;
  return pods.filter(
    (one) =>
      namespaceOf(one) === namespaceOf(pod) &&
      one.metadata!.deletionTimestamp === undefined &&
      selects(selector, labelsOf(one)),
  ).length;
}

function spreadRefusal(pod: V1Pod, place: Place, places: Place[], removal?: Removal): Refusal | undefined {
  const constraints = constraintsOf(pod, "DoNotSchedule", []);
  const text = "node(s) didn't match pod topology spread constraints";
  for (const constraint of constraints) {
    const counts = new Map<string, number>();
    for (const { node, pods } of places) {
      if (!constraints.every(({ key }) => hasKey(node, key)) || !isCounted(pod, node, constraint)) continue;
      const value = labelsOf(node)[constraint.key]!;
      let count = countMatching(pod, constraint.selector, pods);
      // RemovePod: pods that are being deleted are subtracted too, and so are all for an empty selector.
      if (removal?.node === node)
        count -= removal.pods.filter(
          (one) => namespaceOf(one) === namespaceOf(pod) && selects(constraint.selector, labelsOf(one)),
        ).length;
      counts.set(value, (counts.get(value) ?? 0) + count);
    }
    if (!hasKey(place.node, constraint.key))
      return {
        plugin: "PodTopologySpread",
        reasons: [`${text} (missing required label)`],
        unresolvable: true,
      };
    const least = counts.size < constraint.minDomains ? 0 : Math.min(...counts.values());
    const self = selects(constraint.selector, labelsOf(pod)) ? 1 : 0;
    const skew = (counts.get(labelsOf(place.node)[constraint.key]!) ?? 0) + self - least;
    if (skew > constraint.maxSkew)
      return { plugin: "PodTopologySpread", reasons: [text], unresolvable: false };
  }
  return undefined;
}

/** Raw and normalised scores of the feasible nodes. */
export function spreadScores(
  pod: V1Pod,
  feasible: Place[],
  places: Place[],
  world: World,
): [number[], number[]] {
  const constraints = constraintsOf(pod, "ScheduleAnyway", world);
  if (constraints.length === 0) return [feasible.map(() => 0), feasible.map(() => 0)];
  const requireAll = (pod.spec!.topologySpreadConstraints ?? []).length > 0;
  const counts = (node: V1Node) => !requireAll || constraints.every(({ key }) => hasKey(node, key));
  const scored = feasible.filter(({ node }) => counts(node));
  const raw = feasible.map((place) => {
    if (!scored.includes(place)) return undefined;
    let sum = 0;
    for (const constraint of constraints) {
      const { key, selector, maxSkew } = constraint;
      if (!hasKey(place.node, key)) continue;
      const domainOf = (node: V1Node) => labelsOf(node)[key] ?? "";
      const isHost = key === "kubernetes.io/hostname";
      const size = isHost ? scored.length : new Set(scored.map(({ node }) => domainOf(node))).size;
      const same = places.filter(
        ({ node }) =>
          counts(node) && isCounted(pod, node, constraint) && domainOf(node) === domainOf(place.node),
      );
      const pods = isHost ? place.pods : same.flatMap((one) => one.pods);
      sum += countMatching(pod, selector, pods) * logarithm(size + 2) + (maxSkew - 1);
    }
    return sum % 1 >= 0.5 ? Math.ceil(sum) : Math.floor(sum);
  });
  const known = raw.filter((one) => one !== undefined);
  const most = Math.max(0, ...known);
  const least = Math.min(...known);
  const normalized = raw.map((one) => {
    if (one === undefined) return 0;
    return most === 0 ? 100 : Number((100n * BigInt(most + least - one)) / BigInt(most));
  });
  return [raw.map((one) => one ?? 0), normalized];
}

/** Go's math.Log of a whole number, step by step as wasm-core.md 11 says. */
export function logarithm(x: number): number {
  let k = Math.ceil(Math.log2(x));
  while (x / 2 ** k >= 1) k++;
  while (x / 2 ** k < 0.5) k--;
  let f1 = x / 2 ** k;
  if (f1 < Math.SQRT2 / 2) {
    f1 *= 2;
    k--;
  }
  const f = f1 - 1;
  const s = f / (2 + f);
  const s2 = s * s;
  const s4 = s2 * s2;
  const odd = [0.6666666666666735, 0.2857142874366239, 0.1818357216161805, 0.14798198605116586];
  const even = [0.3999999999940942, 0.22222198432149784, 0.15313837699209373];
  const t1 = s2 * (odd[0]! + s4 * (odd[1]! + s4 * (odd[2]! + s4 * odd[3]!)));
  const t2 = s4 * (even[0]! + s4 * (even[1]! + s4 * even[2]!));
  const half = 0.5 * f * f;
  return k * 0.6931471803691238 - (half - (s * (half + (t1 + t2)) + k * 1.9082149292705877e-10) - f);
}

// --- InterPodAffinity ---

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

function namespaceLabels(name: string, world: World): Labels {
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

function affinityRefusal(pod: V1Pod, place: Place, places: Place[], world: World): Refusal | undefined {
  const no = (reason: string, unresolvable: boolean) => ({
    plugin: "InterPodAffinity",
    reasons: [reason],
    unresolvable,
  });
  const all = places.flatMap(({ node, pods }) => pods.map((one) => ({ node, pod: one })));
  const terms = required(pod, affinityOf);
  const matching = all.filter((one) => terms.every((term) => ownTermMatches(term, one.pod, world)));
  const anywhere = matching.some(({ node }) => terms.some(({ key }) => hasKey(node, key)));
  const keys = terms.every(({ key }) => hasKey(place.node, key));
  const near = terms.every(({ key }) => matching.some(({ node }) => together(node, place.node, key)));
  const first = !anywhere && terms.every((term) => ownTermMatches(term, pod, world));
  if (terms.length > 0 && !(keys && (near || first)))
    return no("node(s) didn't match pod affinity rules", true);
  for (const term of required(pod, antiAffinityOf))
    for (const one of all)
      if (ownTermMatches(term, one.pod, world) && together(one.node, place.node, term.key))
        return no("node(s) didn't match pod anti-affinity rules", false);
  for (const one of all)
    for (const term of required(one.pod, antiAffinityOf))
      if (theirTermMatches(term, pod, world) && together(one.node, place.node, term.key))
        return no("node(s) didn't satisfy existing pods anti-affinity rules", false);
  return undefined;
}

export function affinityScores(
  pod: V1Pod,
  feasible: Place[],
  places: Place[],
  world: World,
): [number[], number[]] {
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
        for (const term of required(other, affinityOf)) add(term, 1, theirTermMatches(term, pod, world));
      }
    }
    return sum;
  });
  const least = Math.min(...raw);
  const range = Math.max(...raw) - least;
  return [raw, raw.map((one) => (range > 0 ? Math.trunc(100 * ((one - least) / range)) : 0))];
}

/** What both filters say of a node whose other filters pass; `removal`: as preemption tries it. */
export function topologyRefusal(
  pod: V1Pod,
  place: Place,
  places: Place[],
  world: World,
  removal?: Removal,
): Refusal | undefined {
  const spread = spreadRefusal(pod, place, places, removal);
  if (spread) return spread;
  const left = places.map(({ node, pods }) => ({
    node,
    pods: removal?.node === node ? pods.filter((one) => !removal.pods.includes(one)) : pods,
  }));
  return affinityRefusal(pod, place, left, world);
}
