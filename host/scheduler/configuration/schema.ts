import {
  createSchema,
  type Field,
  loadSchema,
  type RawType,
  type Schema,
} from "../../apimachinery/schema.ts";
import { EXTENSION_POINTS } from "./plugins.ts";

type Traits = Pick<Field, "list" | "pointer" | "always" | "struct">;

const LIST: Traits = { list: true };
/** Zero says something else than nothing. */
const POINTER: Traits = { pointer: true };
const ALWAYS: Traits = { always: true };

function type(
  fields: Readonly<Record<string, string | readonly [string, Traits]>>,
  traits: Pick<RawType, "object"> = {},
): RawType {
  const described = Object.entries(fields).map(([name, what], i) => {
    const [of, more] = typeof what === "string" ? [what, {}] : what;
    return { number: i + 1, name, type: of, ...more };
  });
  return { ...traits, fields: described };
}

const OBJECT = { object: true };
const OF = "kubescheduler.v1";
const DURATION = ["meta.Duration", POINTER] as const;
const RESOURCES = [`${OF}.ResourceSpec`, LIST] as const;
const STRINGS = ["string", LIST] as const;

/**
 * The types of kubescheduler.config.k8s.io/v1, as its Go structs declare them: no API server serves them, so the official
 * models do not have them. Source: k8s.io/kube-scheduler/config/v1.
 */
const TYPES: Readonly<Record<string, RawType>> = {
  "meta.Duration": { fields: [] },
  [`${OF}.KubeSchedulerConfiguration`]: type(
    {
      parallelism: ["int32", POINTER],
      leaderElection: `${OF}.LeaderElectionConfiguration`,
      clientConnection: `${OF}.ClientConnectionConfiguration`,
      enableProfiling: ["bool", POINTER],
      enableContentionProfiling: ["bool", POINTER],
      percentageOfNodesToScore: ["int32", POINTER],
      podInitialBackoffSeconds: ["int64", POINTER],
      podMaxBackoffSeconds: ["int64", POINTER],
      profiles: [`${OF}.KubeSchedulerProfile`, LIST],
      extenders: [`${OF}.Extender`, LIST],
      delayCacheUntilActive: "bool",
    },
    OBJECT,
  ),
  [`${OF}.LeaderElectionConfiguration`]: type({
    leaderElect: ["bool", POINTER],
    leaseDuration: DURATION,
    renewDeadline: DURATION,
    retryPeriod: DURATION,
    resourceLock: "string",
    resourceName: "string",
    resourceNamespace: "string",
  }),
  [`${OF}.ClientConnectionConfiguration`]: type({
    kubeconfig: "string",
    acceptContentTypes: "string",
    contentType: "string",
    qps: "double",
    burst: "int32",
  }),
  [`${OF}.KubeSchedulerProfile`]: type({
    schedulerName: ["string", POINTER],
    percentageOfNodesToScore: ["int32", POINTER],
    plugins: `${OF}.Plugins`,
    pluginConfig: [`${OF}.PluginConfig`, LIST],
  }),
  [`${OF}.Plugins`]: type(
    Object.fromEntries(
      [...EXTENSION_POINTS, "multiPoint", "placementGenerate", "placementScore"].map((point) => [
        point,
        `${OF}.PluginSet`,
      ]),
    ),
  ),
  [`${OF}.PluginSet`]: type({ enabled: [`${OF}.Plugin`, LIST], disabled: [`${OF}.Plugin`, LIST] }),
  [`${OF}.Plugin`]: type({ name: ["string", ALWAYS], weight: ["int32", POINTER] }),
  [`${OF}.PluginConfig`]: type({ name: ["string", ALWAYS], args: "runtime.RawExtension" }),
  [`${OF}.Extender`]: type({
    urlPrefix: ["string", ALWAYS],
    filterVerb: "string",
    preemptVerb: "string",
    prioritizeVerb: "string",
    weight: "int64",
    bindVerb: "string",
    enableHTTPS: "bool",
    tlsConfig: `${OF}.ExtenderTLSConfig`,
    httpTimeout: DURATION,
    nodeCacheCapable: "bool",
    managedResources: [`${OF}.ExtenderManagedResource`, LIST],
    ignorable: "bool",
  }),
  [`${OF}.ExtenderTLSConfig`]: type({
    insecure: "bool",
    serverName: "string",
    certFile: "string",
    keyFile: "string",
    caFile: "string",
    certData: "bytes",
    keyData: "bytes",
    caData: "bytes",
  }),
  [`${OF}.ExtenderManagedResource`]: type({ name: ["string", ALWAYS], ignoredByScheduler: "bool" }),

  [`${OF}.DefaultPreemptionArgs`]: type(
    { minCandidateNodesPercentage: ["int32", POINTER], minCandidateNodesAbsolute: ["int32", POINTER] },
    OBJECT,
  ),
  [`${OF}.InterPodAffinityArgs`]: type(
    { hardPodAffinityWeight: ["int32", POINTER], ignorePreferredTermsOfExistingPods: "bool" },
    OBJECT,
  ),
  [`${OF}.NodeResourcesFitArgs`]: type(
    {
      ignoredResources: STRINGS,
      ignoredResourceGroups: STRINGS,
      scoringStrategy: `${OF}.ScoringStrategy`,
    },
    OBJECT,
  ),
  [`${OF}.ScoringStrategy`]: type({
    type: "string",
    resources: RESOURCES,
    requestedToCapacityRatio: `${OF}.RequestedToCapacityRatioParam`,
  }),
  [`${OF}.RequestedToCapacityRatioParam`]: type({ shape: [`${OF}.UtilizationShapePoint`, LIST] }),
  [`${OF}.UtilizationShapePoint`]: type({ utilization: ["int32", ALWAYS], score: ["int32", ALWAYS] }),
  [`${OF}.ResourceSpec`]: type({ name: ["string", ALWAYS], weight: "int64" }),
  [`${OF}.NodeResourcesBalancedAllocationArgs`]: type({ resources: RESOURCES }, OBJECT),
  [`${OF}.PodTopologySpreadArgs`]: type(
    { defaultConstraints: ["core.v1.TopologySpreadConstraint", LIST], defaultingType: "string" },
    OBJECT,
  ),
  [`${OF}.NodeAffinityArgs`]: type({ addedAffinity: "core.v1.NodeAffinity" }, OBJECT),
  [`${OF}.VolumeBindingArgs`]: type(
    { bindTimeoutSeconds: ["int64", POINTER], shape: [`${OF}.UtilizationShapePoint`, LIST] },
    OBJECT,
  ),
  [`${OF}.DynamicResourcesArgs`]: type({ filterTimeout: DURATION, bindingTimeout: DURATION }, OBJECT),
};

let combined: Schema | undefined;

/** The types above, and the API's own for what they refer to. */
export function configurationSchema(): Schema {
  if (combined !== undefined) return combined;
  const own = createSchema(TYPES);
  const api = loadSchema();
  combined = {
    find: (name) => own.find(name) ?? api.find(name),
    type: (name) => own.find(name) ?? api.type(name),
    names: () => [...own.names(), ...api.names()],
  };
  return combined;
}

/** `NodeResourcesFitArgs` -> its full name, if there is such a type. */
export function configurationType(name: string): string | undefined {
  const full = `${OF}.${name}`;
  return Object.hasOwn(TYPES, full) ? full : undefined;
}
