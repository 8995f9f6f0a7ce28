import type {
  V1LabelSelector,
  V1Node,
  V1Pod,
  V1TopologySpreadConstraint,
} from "../../../host/api/generated/types.ts";
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
import { logarithm } from "./go-log.ts";
import { requiredAffinityMatches } from "./node-affinity.ts";
import { toleratesHardTaints } from "./node-filters.ts";
import { remembered } from "./remember.ts";
import { type Requirements, requirementsOf, selects, withKeys } from "./selectors.ts";

/**
 * Reference model of PodTopologySpread, written from shared/spec/scheduling.md 2.11 and 3.6. Every count is made anew by
 * asking every pod of every node.
 */
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

const SYSTEM_DEFAULTS: V1TopologySpreadConstraint[] = [
  { topologyKey: "kubernetes.io/hostname", maxSkew: 3, whenUnsatisfiable: "ScheduleAnyway" },
  { topologyKey: "topology.kubernetes.io/zone", maxSkew: 5, whenUnsatisfiable: "ScheduleAnyway" },
];

function constraintsOf({ pod, world, profile }: Cycle, action: string): Constraint[] {
  const own = pod.spec!.topologySpreadConstraints ?? [];
  const { defaultingType, defaultConstraints = [] } = profile.args("PodTopologySpread");
  const general = defaultingType === "List" ? defaultConstraints : SYSTEM_DEFAULTS;
  const read = (list: V1TopologySpreadConstraint[]) =>
    list.filter((one) => one.whenUnsatisfiable === action).map((one) => readConstraint(pod, one));
  if (own.length > 0) return read(own);
  const selector = defaultSelector(pod, world);
  return selector.length === 0 ? [] : read(general).map((one) => ({ ...one, selector }));
}

/** What the pod's Services and its controlling owner select. */
function defaultSelector(pod: V1Pod, world: World): NonNullable<Requirements> {
  const here = world.filter((one) => one.metadata!.namespace === namespaceOf(pod));
  const equal: Record<string, string> = {};
  for (const one of here) {
    const selector = (one as { spec?: { selector?: Record<string, string> } }).spec?.selector;
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
      ? requirementsOf({ matchLabels: ownSelector as Record<string, string> })
      : ["ReplicaSet", "StatefulSet"].includes(known?.kind ?? "")
        ? requirementsOf(ownSelector as V1LabelSelector)
        : [];
  return [...requirementsOf({ matchLabels: equal })!, ...(owned ?? [])];
}

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

/** The pod's hard constraints, and which pods each of them counts on which node. */
const hardCounts = remembered((cycle: Cycle) => {
  const { pod, places } = cycle;
  const constraints = constraintsOf(cycle, "DoNotSchedule");
  return constraints.map((constraint) => ({
    constraint,
    nodes: places
      .filter(
        ({ node }) => constraints.every(({ key }) => hasKey(node, key)) && isCounted(pod, node, constraint),
      )
      .map(({ node, pods }) => ({
        node,
        value: labelsOf(node)[constraint.key]!,
        count: countMatching(pod, constraint.selector, pods),
      })),
  }));
});

function spreadRefusal(cycle: Cycle, place: Place, { leaving, coming }: Moved): Refusal | undefined {
  const { pod } = cycle;
  const text = "node(s) didn't match pod topology spread constraints";
  for (const { constraint, nodes } of hardCounts(cycle)) {
    const { key, selector, minDomains, maxSkew } = constraint;
    // AddPod and RemovePod: pods that are being deleted count too, and so do all for an empty selector.
    const counted = (pods: readonly V1Pod[]) =>
      pods.filter((one) => namespaceOf(one) === namespaceOf(pod) && selects(selector, labelsOf(one))).length;
    const removed = counted(leaving) - counted(coming);
    const counts = new Map<string, number>();
    for (const { node, value, count } of nodes)
      counts.set(value, (counts.get(value) ?? 0) + count - (node === place.node ? removed : 0));
    if (!hasKey(place.node, key)) return refuse(`${text} (missing required label)`);
    const least = counts.size < minDomains ? 0 : Math.min(...counts.values());
    const self = selects(selector, labelsOf(pod)) ? 1 : 0;
    const skew = (counts.get(labelsOf(place.node)[key]!) ?? 0) + self - least;
    if (skew > maxSkew) return refuseForNow(text);
  }
  return undefined;
}

/** Raw and normalised scores of the feasible nodes. */
function spreadScores(cycle: Cycle, feasible: readonly Place[]): Scores {
  const { pod, places, profile } = cycle;
  const constraints = constraintsOf(cycle, "ScheduleAnyway");
  if (constraints.length === 0) return [feasible.map(() => 0), feasible.map(() => 0)];
  const isList = profile.args("PodTopologySpread").defaultingType === "List";
  const requireAll = isList || (pod.spec!.topologySpreadConstraints ?? []).length > 0;
  const counts = (node: V1Node) => !requireAll || constraints.every(({ key }) => hasKey(node, key));
  const scored = feasible.filter(({ node }) => counts(node));
  const domains = constraints.map((constraint) => {
    const domainOf = (node: V1Node) => labelsOf(node)[constraint.key] ?? "";
    const isHost = constraint.key === "kubernetes.io/hostname";
    const size = isHost ? scored.length : new Set(scored.map(({ node }) => domainOf(node))).size;
    const found = new Map<string, number>();
    for (const { node, pods } of places)
      if (counts(node) && isCounted(pod, node, constraint))
        found.set(
          domainOf(node),
          (found.get(domainOf(node)) ?? 0) + countMatching(pod, constraint.selector, pods),
        );
    return { constraint, isHost, size, counts: found };
  });
  const raw = feasible.map((place) => {
    if (!scored.includes(place)) return undefined;
    let sum = 0;
    for (const { constraint, isHost, size, counts: found } of domains) {
      const { key, maxSkew } = constraint;
      if (!hasKey(place.node, key)) continue;
      const count = isHost
        ? countMatching(pod, constraint.selector, place.pods)
        : (found.get(labelsOf(place.node)[key]!) ?? 0);
      sum += count * logarithm(size + 2) + (maxSkew - 1);
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

export const podTopologySpread: Plugin = { filter: spreadRefusal, score: spreadScores };
