import type { V1NodeAffinity, V1TopologySpreadConstraint } from "../../api/generated/types.ts";
import type { ExtenderConfiguration } from "./extenders.ts";
import type { ExtensionPoint, PluginName } from "./plugins.ts";

/** A resource that a score looks at. */
export interface ScoredResource {
  readonly name: string;
  readonly weight: number;
}

/** How NodeResourcesFit scores. */
export interface ScoringStrategy {
  readonly type: "LeastAllocated" | "MostAllocated" | "RequestedToCapacityRatio";
  readonly resources: readonly ScoredResource[];
  /** RequestedToCapacityRatio: points by rising utilization (0 to 100), scores 0 to 10. Else empty. */
  readonly shape: readonly { readonly utilization: number; readonly score: number }[];
}

/** The arguments of every plugin that takes some, with defaults filled in. */
export interface PluginArgs {
  readonly DefaultPreemption: {
    readonly minCandidateNodesPercentage: number;
    readonly minCandidateNodesAbsolute: number;
  };
  readonly InterPodAffinity: {
    readonly hardPodAffinityWeight: number;
    readonly ignorePreferredTermsOfExistingPods: boolean;
  };
  readonly NodeResourcesFit: {
    readonly ignoredResources: readonly string[];
    readonly ignoredResourceGroups: readonly string[];
    readonly scoringStrategy: ScoringStrategy;
  };
  readonly NodeResourcesBalancedAllocation: { readonly resources: readonly string[] };
  readonly PodTopologySpread: {
    readonly defaultingType: "System" | "List";
    /** Of List; the system's are not written here. */
    readonly defaultConstraints: readonly V1TopologySpreadConstraint[];
  };
  readonly NodeAffinity: { readonly addedAffinity: V1NodeAffinity | undefined };
  readonly VolumeBinding: { readonly bindTimeoutSeconds: number };
  readonly DynamicResources: { readonly filterTimeoutMs: number; readonly bindingTimeoutMs: number };
}

/** One profile as it takes effect: what a pod with this spec.schedulerName is judged by. */
export interface Profile {
  readonly schedulerName: string;
  /** The plugins of each extension point, in the order in which they are called. */
  readonly plugins: Readonly<Record<ExtensionPoint, readonly PluginName[]>>;
  /** The weight of every plugin that scores. */
  readonly scoreWeights: ReadonlyMap<PluginName, number>;
  readonly args: PluginArgs;
}

/** A configuration as it takes effect. */
export interface SchedulerConfiguration {
  readonly profiles: readonly Profile[];
  /** In the order in which they are asked. */
  readonly extenders: readonly ExtenderConfiguration[];
  readonly podInitialBackoffSeconds: number;
  readonly podMaxBackoffSeconds: number;
  readonly leaderElection: LeaderElection;
  /** What was said and has no effect, a line each. */
  readonly warnings: readonly string[];
}

export interface LeaderElection {
  readonly leaderElect: boolean;
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
  readonly resourceName: string;
  readonly resourceNamespace: string;
}

export const DEFAULT_SCHEDULER_NAME = "default-scheduler";

/** Whether a profile calls the plugin at this point. */
export function isEnabled(profile: Profile, point: ExtensionPoint, plugin: PluginName): boolean {
  return profile.plugins[point].includes(plugin);
}
