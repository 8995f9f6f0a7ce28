import type { V1TopologySpreadConstraint } from "../api/generated/types.ts";
import type { ProfileNumbers } from "../wasm/scheduler-facts.ts";
import { DEFAULT_MULTI_POINT, type PluginName } from "./configuration/plugins.ts";
import { isEnabled, type Profile, type ScoringStrategy } from "./configuration/profile.ts";
import { type NodeAffinity, parseNodeAffinity } from "./node-affinity.ts";
import type { PostFilters } from "./reasons.ts";
import { isExtendedResource } from "./resource-names.ts";
import type { SpreadConstraint } from "./topology-facts.ts";

/** A constraint that pods without any of their own are given; the selector follows from the pod. */
export type DefaultConstraint = Omit<SpreadConstraint, "selector">;

/** What decisions need of a profile, read once. */
export interface ProfileFacts {
  /** Its row in the core. */
  readonly id: number;
  readonly args: Profile["args"];
  readonly numbers: ProfileNumbers;
  readonly prefilters: ReadonlySet<PluginName>;
  readonly filters: ReadonlySet<PluginName>;
  readonly scores: ReadonlySet<PluginName>;
  readonly postFilters: PostFilters;
  /** Pods with scheduling gates are held back. */
  readonly holdsGated: boolean;
  /** Pods are held back until their claims of devices are there. */
  readonly waitsForClaims: boolean;
  /** The affinity that every pod has besides its own. */
  readonly addedAffinity: NodeAffinity | undefined;
  readonly defaultConstraints: {
    readonly hard: readonly DefaultConstraint[];
    readonly soft: readonly DefaultConstraint[];
    /** A node without one of the keys is not scored: so it is with constraints that somebody has written. */
    readonly requireAllKeys: boolean;
  };
  /** Whether NodeResourcesFit does not check an extended resource. */
  readonly ignoresResource: (name: string) => boolean;
  /** LeastAllocated and BalancedAllocation of cpu and memory, equally weighted: the core has a short cut for it. */
  readonly scoresPlainly: boolean;
}

/** kube-scheduler's PodTopologySpread with defaultingType System. */
const SYSTEM_DEFAULTS: readonly DefaultConstraint[] = [
  { key: "kubernetes.io/hostname", maxSkew: 3, minDomains: 1, honorsAffinity: true, honorsTaints: false },
  {
    key: "topology.kubernetes.io/zone",
    maxSkew: 5,
    minDomains: 1,
    honorsAffinity: true,
    honorsTaints: false,
  },
];

export function readProfileFacts(profile: Profile, id: number): ProfileFacts {
  const { args, plugins } = profile;
  const { addedAffinity } = args.NodeAffinity;
  const { ignoredResources, ignoredResourceGroups, scoringStrategy } = args.NodeResourcesFit;
  const where = { field: "addedAffinity", isStrict: true };
  return {
    id,
    args,
    numbers: {
      weights: profile.scoreWeights,
      filterOrder: ownOrder(plugins.filter),
      fitStrategy: scoringStrategy.type,
      utilizationScores: utilizationScores(scoringStrategy.shape),
    },
    prefilters: new Set(plugins.preFilter),
    filters: new Set(plugins.filter),
    scores: new Set(plugins.score),
    postFilters: plugins.postFilter.filter(
      (name) => name === "DynamicResources" || name === "DefaultPreemption",
    ),
    holdsGated: isEnabled(profile, "preEnqueue", "SchedulingGates"),
    waitsForClaims: isEnabled(profile, "preEnqueue", "DynamicResources"),
    // Mistakes in it were told when the configuration was read.
    addedAffinity: addedAffinity && parseNodeAffinity({}, addedAffinity, where, []),
    defaultConstraints: readDefaults(args.PodTopologySpread),
    ignoresResource: (name) =>
      isExtendedResource(name) &&
      (ignoredResources.includes(name) || ignoredResourceGroups.includes(name.split("/")[0]!)),
    scoresPlainly: scoresPlainly(args),
  };
}

/** Empty for the order of the defaults, some of them left out or not. */
function ownOrder(filters: readonly PluginName[]): readonly PluginName[] {
  const places = filters.map((name) => DEFAULT_MULTI_POINT.indexOf(name));
  return places.every((place, i) => i === 0 || places[i - 1]! < place) ? [] : filters;
}

function readDefaults({
  defaultingType,
  defaultConstraints,
}: Profile["args"]["PodTopologySpread"]): ProfileFacts["defaultConstraints"] {
  if (defaultingType === "System") return { hard: [], soft: SYSTEM_DEFAULTS, requireAllKeys: false };
  const withAction = (action: string) =>
    defaultConstraints.filter((one) => one.whenUnsatisfiable === action).map(readDefault);
  return { hard: withAction("DoNotSchedule"), soft: withAction("ScheduleAnyway"), requireAllKeys: true };
}

/** Its matchLabelKeys have no effect: kube-scheduler puts the deduced selector in place of what they add to. */
function readDefault(one: V1TopologySpreadConstraint): DefaultConstraint {
  return {
    key: one.topologyKey,
    maxSkew: one.maxSkew,
    minDomains: one.minDomains ?? 1,
    honorsAffinity: (one.nodeAffinityPolicy ?? "Honor") === "Honor",
    honorsTaints: (one.nodeTaintsPolicy ?? "Ignore") === "Honor",
  };
}

function scoresPlainly({ NodeResourcesFit, NodeResourcesBalancedAllocation }: Profile["args"]): boolean {
  const { type, resources } = NodeResourcesFit.scoringStrategy;
  const isPlain = (names: readonly string[]) => names.join() === "cpu,memory";
  return (
    type === "LeastAllocated" &&
    isPlain(resources.map(({ name }) => name)) &&
    resources.every(({ weight }) => weight === resources[0]!.weight) &&
    isPlain(NodeResourcesBalancedAllocation.resources)
  );
}

/** Scores of points are 0 to 10, of plugins 0 to 100. */
const SCORE_SCALE = 10;

/**
 * The broken line through the points, at each whole percentage; flat before the first and after the last. Divided as Go
 * divides integers: towards zero. Source: helper.BuildBrokenLinearFunction.
 */
function utilizationScores(shape: ScoringStrategy["shape"]): number[] {
  if (shape.length === 0) return [];
  const points = shape.map(({ utilization, score }) => ({ utilization, score: score * SCORE_SCALE }));
  return Array.from({ length: 101 }, (_, percentage) => {
    const next = points.findIndex(({ utilization }) => percentage <= utilization);
    if (next <= 0) return points.at(next)!.score;
    const [from, to] = [points[next - 1]!, points[next]!];
    const rise = (to.score - from.score) * (percentage - from.utilization);
    return from.score + Math.trunc(rise / (to.utilization - from.utilization));
  });
}
