import type { V1NodeAffinity, V1TopologySpreadConstraint } from "../../api/generated/types.ts";
import type { ExtensionPoint } from "./plugins.ts";

/** `KubeSchedulerConfiguration` of kubescheduler.config.k8s.io/v1, as it is written in a file. */
export interface KubeSchedulerConfiguration {
  readonly apiVersion: string;
  readonly kind: string;
  readonly parallelism?: number;
  readonly percentageOfNodesToScore?: number;
  readonly podInitialBackoffSeconds?: number;
  readonly podMaxBackoffSeconds?: number;
  readonly leaderElection?: LeaderElectionConfiguration;
  readonly clientConnection?: ClientConnectionConfiguration;
  readonly enableProfiling?: boolean;
  readonly enableContentionProfiling?: boolean;
  readonly delayCacheUntilActive?: boolean;
  readonly profiles?: readonly KubeSchedulerProfile[];
  readonly extenders?: readonly Extender[];
}

export interface KubeSchedulerProfile {
  readonly schedulerName?: string;
  readonly percentageOfNodesToScore?: number;
  readonly plugins?: Plugins;
  readonly pluginConfig?: readonly PluginConfig[];
}

export type PluginPoint = ExtensionPoint | "multiPoint" | "placementGenerate" | "placementScore";
export type Plugins = { readonly [Point in PluginPoint]?: PluginSet };

export interface PluginSet {
  readonly enabled?: readonly { readonly name: string; readonly weight?: number }[];
  readonly disabled?: readonly { readonly name: string }[];
}

export interface PluginConfig {
  readonly name: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

export interface LeaderElectionConfiguration {
  readonly leaderElect?: boolean;
  readonly leaseDuration?: string;
  readonly renewDeadline?: string;
  readonly retryPeriod?: string;
  readonly resourceLock?: string;
  readonly resourceName?: string;
  readonly resourceNamespace?: string;
}

export interface ClientConnectionConfiguration {
  readonly kubeconfig?: string;
  readonly acceptContentTypes?: string;
  readonly contentType?: string;
  readonly qps?: number;
  readonly burst?: number;
}

export interface Extender {
  readonly urlPrefix: string;
  readonly filterVerb?: string;
  readonly preemptVerb?: string;
  readonly prioritizeVerb?: string;
  readonly weight?: number;
  readonly bindVerb?: string;
  readonly enableHTTPS?: boolean;
  readonly tlsConfig?: ExtenderTLSConfig;
  readonly httpTimeout?: string;
  readonly nodeCacheCapable?: boolean;
  readonly managedResources?: readonly { readonly name: string; readonly ignoredByScheduler?: boolean }[];
  readonly ignorable?: boolean;
}

/** Data are base64. */
export interface ExtenderTLSConfig {
  readonly insecure?: boolean;
  readonly serverName?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly caFile?: string;
  readonly certData?: string;
  readonly keyData?: string;
  readonly caData?: string;
}

/** An amount of one resource matters this much; 1 when nothing is said. */
export interface ResourceSpec {
  readonly name: string;
  readonly weight?: number;
}

/** A point of a piecewise linear function: utilization 0 to 100, score 0 to 10. */
export interface UtilizationShapePoint {
  readonly utilization: number;
  readonly score: number;
}

/** The arguments of each plugin, as they are written. */
export interface WrittenArgs {
  readonly DefaultPreemption: {
    readonly minCandidateNodesPercentage?: number;
    readonly minCandidateNodesAbsolute?: number;
  };
  readonly InterPodAffinity: {
    readonly hardPodAffinityWeight?: number;
    readonly ignorePreferredTermsOfExistingPods?: boolean;
  };
  readonly NodeResourcesFit: {
    readonly ignoredResources?: readonly string[];
    readonly ignoredResourceGroups?: readonly string[];
    readonly scoringStrategy?: {
      readonly type?: string;
      readonly resources?: readonly ResourceSpec[];
      readonly requestedToCapacityRatio?: { readonly shape?: readonly UtilizationShapePoint[] };
    };
  };
  readonly NodeResourcesBalancedAllocation: { readonly resources?: readonly ResourceSpec[] };
  readonly PodTopologySpread: {
    readonly defaultConstraints?: readonly V1TopologySpreadConstraint[];
    readonly defaultingType?: string;
  };
  readonly NodeAffinity: { readonly addedAffinity?: V1NodeAffinity };
  readonly VolumeBinding: {
    readonly bindTimeoutSeconds?: number;
    readonly shape?: readonly UtilizationShapePoint[];
  };
  readonly DynamicResources: { readonly filterTimeout?: string; readonly bindingTimeout?: string };
}
