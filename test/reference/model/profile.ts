import type {
  V1NodeSelector,
  V1PreferredSchedulingTerm,
  V1TopologySpreadConstraint,
} from "../../../host/api/generated/types.ts";

/** Reference model of KubeSchedulerConfiguration, written from shared/spec/scheduling.md 1.2, 1.3 and 8.1. */
export type Point = "preEnqueue" | "preFilter" | "filter" | "postFilter" | "score" | "reserve" | "multiPoint";

export interface PluginSet {
  enabled?: { name: string; weight?: number }[];
  disabled?: { name: string }[];
}

export interface ResourceWeight {
  name: string;
  weight?: number;
}

/** The arguments of every plugin that has some; each plugin reads its own. */
export type PluginArgs = {
  apiVersion?: string;
  kind?: string;
  ignoredResources?: string[];
  ignoredResourceGroups?: string[];
  scoringStrategy?: {
    type?: string;
    resources?: ResourceWeight[];
    requestedToCapacityRatio?: { shape: { utilization: number; score: number }[] };
  };
  resources?: ResourceWeight[];
  hardPodAffinityWeight?: number;
  ignorePreferredTermsOfExistingPods?: boolean;
  minCandidateNodesPercentage?: number;
  minCandidateNodesAbsolute?: number;
  defaultingType?: string;
  defaultConstraints?: V1TopologySpreadConstraint[];
  addedAffinity?: {
    requiredDuringSchedulingIgnoredDuringExecution?: V1NodeSelector;
    preferredDuringSchedulingIgnoredDuringExecution?: V1PreferredSchedulingTerm[];
  };
};

export interface ProfileConfig {
  schedulerName?: string;
  plugins?: Partial<Record<Point, PluginSet>>;
  pluginConfig?: { name: string; args: PluginArgs }[];
}

export interface SchedulerConfig {
  apiVersion: string;
  kind: string;
  profiles?: ProfileConfig[];
}

export interface Profile {
  /** Names in the order they are called. */
  readonly preEnqueue: readonly string[];
  readonly preFilter: readonly string[];
  readonly filter: readonly string[];
  readonly postFilter: readonly string[];
  readonly reserve: readonly string[];
  readonly score: readonly { readonly name: string; readonly weight: number }[];
  args(plugin: string): PluginArgs;
}

/** In order: name, points of those modelled, weight. */
export const DEFAULT_PLUGINS: readonly [name: string, points: string, weight?: number][] = [
  ["SchedulingGates", "preEnqueue"],
  ["PrioritySort", ""],
  ["NodeUnschedulable", "filter"],
  ["NodeName", "filter"],
  ["TaintToleration", "filter score", 3],
  ["NodeAffinity", "preFilter filter score", 2],
  ["NodePorts", "preFilter filter"],
  ["NodeResourcesFit", "preFilter filter score", 1],
  ["VolumeRestrictions", "preFilter filter"],
  ["NodeVolumeLimits", "preFilter filter"],
  ["VolumeBinding", "preFilter filter score reserve"],
  ["VolumeZone", "preFilter filter"],
  ["PodTopologySpread", "preFilter filter score", 2],
  ["InterPodAffinity", "preFilter filter score", 2],
  ["DynamicResources", "preFilter filter postFilter score reserve", 2],
  ["DefaultPreemption", "postFilter"],
  ["NodeResourcesBalancedAllocation", "score", 1],
  ["ImageLocality", "score", 1],
  ["DefaultBinder", ""],
  ["NodeDeclaredFeatures", "preFilter filter"],
];

type Entry = { name: string; weight?: number };

const has = (list: readonly Entry[] | undefined, name: string) =>
  (list ?? []).some((one) => one.name === name || one.name === "*");

/** The default list with the user's: what is enabled again is replaced where it stood, the rest comes after. */
function merge(defaults: Entry[], { enabled = [], disabled = [] }: PluginSet): Entry[] {
  const kept = defaults.filter(({ name }) => !has(disabled, name));
  const replaced = kept.map((one) => enabled.find(({ name }) => name === one.name) ?? one);
  return [...replaced, ...enabled.filter((one) => !kept.some(({ name }) => name === one.name))];
}

/** One point's plugins: overridden there, then multiPoint's, then those named only there. */
function expand(point: Point, multiPoint: Entry[], { enabled = [], disabled = [] }: PluginSet): Entry[] {
  const points = new Map(DEFAULT_PLUGINS.map(([name, where]) => [name, where]));
  const candidates = multiPoint.filter(
    ({ name }) => points.get(name)!.split(" ").includes(point) && !has(disabled, name),
  );
  const overridden = enabled.filter(({ name }) => candidates.some((one) => one.name === name));
  const general = candidates.filter(({ name }) => !enabled.some((one) => one.name === name));
  return [...overridden, ...general, ...enabled.filter((one) => !overridden.includes(one))];
}

export function readProfile({ plugins = {}, pluginConfig = [] }: ProfileConfig = {}): Profile {
  const defaults = DEFAULT_PLUGINS.map(([name, , weight]): Entry => ({ name, weight }));
  const multiPoint = merge(defaults, plugins.multiPoint ?? {});
  const at = (point: Point) => expand(point, multiPoint, plugins[point] ?? {});
  const names = (point: Point) => at(point).map(({ name }) => name);
  return {
    preEnqueue: names("preEnqueue"),
    preFilter: names("preFilter"),
    filter: names("filter"),
    postFilter: names("postFilter"),
    reserve: names("reserve"),
    score: at("score").map(({ name, weight }) => ({ name, weight: weight || 1 })),
    args: (plugin) => pluginConfig.find(({ name }) => name === plugin)?.args ?? {},
  };
}

/** The profile of the pods with this schedulerName; there is always one in the tests. */
export function profileFor(config: SchedulerConfig | undefined, schedulerName: string | undefined): Profile {
  const wanted = schedulerName || "default-scheduler";
  const profiles = config?.profiles ?? [];
  return readProfile(profiles.find((one) => (one.schedulerName ?? "default-scheduler") === wanted));
}
