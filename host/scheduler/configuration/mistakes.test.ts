import { describe, expect, test } from "vitest";
import { readConfiguration } from "./read-configuration.ts";

const HEAD = { apiVersion: "kubescheduler.config.k8s.io/v1", kind: "KubeSchedulerConfiguration" };

const read = (fields: object) => readConfiguration({ ...HEAD, ...fields });
const named = (...names: string[]) => names.map((name) => ({ name }));

describe("mistakes are collected, in Kubernetes' words", () => {
  const config = (name: string, args: object) => ({ profiles: [{ pluginConfig: [{ name, args }] }] });
  const ARGS = "profiles[0].pluginConfig[0].args";
  const strategy = (scoringStrategy: object) => config("NodeResourcesFit", { scoringStrategy });
  const ratio = (shape?: object[]) =>
    strategy({ type: "RequestedToCapacityRatio", ...(shape && { requestedToCapacityRatio: { shape } }) });
  const point = (utilization: number, score: number) => ({ utilization, score });
  const added = (matchExpressions: object[]) =>
    config("NodeAffinity", {
      addedAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] },
      },
    });
  const spread = (defaultingType: string, ...defaultConstraints: object[]) =>
    config("PodTopologySpread", { defaultingType, defaultConstraints });
  const constraint = { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "ScheduleAnyway" };
  const sets = (plugins: object) => ({ profiles: [{ plugins }] });

  test.each<{ name: string; written: object; wants: string[] }>([
    {
      name: "a plugin nobody knows",
      written: sets({ filter: { enabled: named("MyFilter") }, multiPoint: { enabled: named("MyPlugin") } }),
      wants: [
        'profiles[0].plugins.multiPoint.enabled[0].name: Not found: "MyPlugin"',
        'profiles[0].plugins.filter.enabled[0].name: Not found: "MyFilter"',
      ],
    },
    {
      name: "a plugin of an older release",
      written: sets({ filter: { enabled: named("EBSLimits") } }),
      wants: [
        'profiles[0].plugins.filter.enabled[0]: Invalid value: "EBSLimits": was invalid in version "kubescheduler.config.k8s.io/v1" (KubeSchedulerConfiguration is version "kubescheduler.config.k8s.io/v1")',
      ],
    },
    {
      name: "a plugin behind a gate, one at a point it does not have, one twice",
      written: sets({
        permit: { enabled: named("GangScheduling") },
        score: { enabled: named("NodeName", "ImageLocality", "ImageLocality") },
      }),
      wants: [
        'profiles[0].plugins.score.enabled[0].name: Invalid value: "NodeName": plugin "NodeName" does not extend score plugin',
        'profiles[0].plugins.score.enabled[2].name: Duplicate value: "ImageLocality"',
        'profiles[0].plugins.permit.enabled[0].name: Forbidden: plugin "GangScheduling" is behind a feature gate that is off',
      ],
    },
    {
      name: "a negative weight, and weights whose sum is too much",
      written: sets({
        score: {
          enabled: [
            { name: "ImageLocality", weight: -1 },
            { name: "NodeAffinity", weight: 21_474_836 },
          ],
        },
      }),
      wants: [
        "profiles[0].plugins.score.enabled[0].weight: Invalid value: -1: must be greater than or equal to 0",
        "profiles[0].plugins.score: Invalid value: 21474847: total score of Score plugins could overflow",
      ],
    },
    {
      name: "no binder, no order",
      written: sets({ multiPoint: { disabled: named("DefaultBinder", "PrioritySort") } }),
      wants: [
        'profiles[0].plugins.queueSort: Invalid value: []: only one queue sort plugin required for profile with scheduler name "default-scheduler", but got 0',
        'profiles[0].plugins.bind: Invalid value: []: at least one bind plugin is needed for profile with scheduler name "default-scheduler"',
      ],
    },
    {
      name: "a later point without the earlier one it reads from",
      written: sets({ preFilter: { disabled: named("NodePorts", "NodeAffinity") } }),
      wants: [
        'profiles[0].plugins.filter: Forbidden: plugin "NodePorts" cannot filter when it is disabled as preFilter plugin',
      ],
    },
    {
      name: "names: missing, twice; queueSort that differs",
      written: {
        profiles: [
          { schedulerName: "a" },
          { schedulerName: "a" },
          {},
          { schedulerName: "b", plugins: { queueSort: { enabled: named("PrioritySort") } } },
        ],
      },
      wants: [
        'profiles[1].schedulerName: Duplicate value: "a"',
        "profiles[2].schedulerName: Required value",
        'profiles[3].plugins.queueSort: Invalid value: {"enabled":[{"name":"PrioritySort"}]}: queueSort must be the same for all profiles',
      ],
    },
    {
      name: "pluginConfig: twice, unknown, without arguments, of another plugin",
      written: {
        profiles: [
          {
            pluginConfig: [
              { name: "InterPodAffinity", args: {} },
              { name: "InterPodAffinity", args: {} },
              { name: "Mine", args: {} },
              { name: "NodeName", args: {} },
              { name: "NodeAffinity", args: { kind: "NodeResourcesFitArgs" } },
              { name: "NodeResourcesFit", args: { strategy: {}, scoringStrategy: { kind: 1 } } },
              { name: "PodTopologySpread", args: { defaultingType: 7 } },
            ],
          },
        ],
      },
      wants: [
        'profiles[0].pluginConfig[1]: Duplicate value: "InterPodAffinity"',
        'profiles[0].pluginConfig[2].name: Not found: "Mine"',
        'profiles[0].pluginConfig[3].args: Forbidden: plugin "NodeName" takes no arguments',
        'profiles[0].pluginConfig[4].args.kind: Invalid value: "NodeResourcesFitArgs": has to match plugin args NodeAffinityArgs',
        "profiles[0].pluginConfig[5].args.strategy: unknown field",
        "profiles[0].pluginConfig[5].args.scoringStrategy.kind: unknown field",
        "profiles[0].pluginConfig[6].args: decoding args for plugin PodTopologySpread: json: cannot unmarshal number into Go struct field PodTopologySpreadArgs.defaultingType of type string",
      ],
    },
    {
      name: "min candidate nodes out of range",
      written: config("DefaultPreemption", {
        minCandidateNodesPercentage: 101,
        minCandidateNodesAbsolute: -1,
      }),
      wants: [
        `${ARGS}.minCandidateNodesPercentage: Invalid value: 101: not in valid range [0, 100]`,
        `${ARGS}.minCandidateNodesAbsolute: Invalid value: -1: not in valid range [0, inf)`,
      ],
    },
    {
      name: "min candidate nodes both 0",
      written: config("DefaultPreemption", { minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0 }),
      wants: [
        `${ARGS}.minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time as minCandidateNodesAbsolute`,
        `${ARGS}.minCandidateNodesAbsolute: Invalid value: 0: cannot be zero at the same time as minCandidateNodesPercentage`,
      ],
    },
    {
      name: "hardPodAffinityWeight",
      written: config("InterPodAffinity", { hardPodAffinityWeight: 101 }),
      wants: [`${ARGS}.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]`],
    },
    {
      name: "ignored resources",
      written: config("NodeResourcesFit", { ignoredResources: ["a/"], ignoredResourceGroups: ["a.b/c"] }),
      wants: [
        expect.stringContaining(
          `${ARGS}.ignoredResources[0]: Invalid value: "a/": name part must be non-empty`,
        ),
        expect.stringContaining(
          `${ARGS}.ignoredResources[0]: Invalid value: "a/": name part must consist of`,
        ),
        `${ARGS}.ignoredResourceGroups[0]: Invalid value: "a.b/c": resource group name can't contain '/'`,
      ],
    },
    {
      name: "a strategy and a weight that are not",
      written: strategy({
        type: "Best",
        resources: [
          { name: "cpu", weight: 101 },
          { name: "memory", weight: -1 },
        ],
      }),
      wants: [
        `${ARGS}.scoringStrategy.type: Unsupported value: "Best": supported values: "LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"`,
        `${ARGS}.scoringStrategy.resources[0].weight: Invalid value: 101: resource weight of cpu not in valid range (0, 100]`,
        `${ARGS}.scoringStrategy.resources[1].weight: Invalid value: -1: resource weight of memory not in valid range (0, 100]`,
      ],
    },
    {
      name: "no shape",
      written: ratio(),
      wants: [`${ARGS}.scoringStrategy.shape: Required value: at least one point must be specified`],
    },
    {
      name: "a shape that falls back, and points out of range",
      written: ratio([point(-1, 0), point(50, 11), point(50, 3), point(101, -1)]),
      wants: [
        `${ARGS}.scoringStrategy.shape[2].utilization: Invalid value: 50: utilization values must be sorted in increasing order`,
        `${ARGS}.scoringStrategy.shape[0].utilization: Invalid value: -1: not in valid range [0, 100]`,
        `${ARGS}.scoringStrategy.shape[1].score: Invalid value: 11: not in valid range [0, 10]`,
        `${ARGS}.scoringStrategy.shape[3].utilization: Invalid value: 101: not in valid range [0, 100]`,
        `${ARGS}.scoringStrategy.shape[3].score: Invalid value: -1: not in valid range [0, 10]`,
      ],
    },
    {
      name: "BalancedAllocation: weights other than 1, a resource twice",
      written: config("NodeResourcesBalancedAllocation", {
        resources: [{ name: "cpu", weight: 2 }, { name: "cpu" }],
      }),
      wants: [
        `${ARGS}.resources[0].weight: Invalid value: 2: must be 1`,
        `${ARGS}.resources[1].name: Duplicate value: "cpu"`,
      ],
    },
    {
      name: "defaulting System with constraints; bad constraints",
      written: spread(
        "System",
        { ...constraint, maxSkew: 0, labelSelector: {} },
        { ...constraint, topologyKey: "", whenUnsatisfiable: "Never" },
        constraint,
      ),
      wants: [
        `${ARGS}.defaultingType: Invalid value: "System": when .defaultConstraints are not empty`,
        `${ARGS}.defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf)`,
        `${ARGS}.defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector, as they deduced for each pod`,
        `${ARGS}.defaultConstraints[1].topologyKey: Required value: can not be empty`,
        `${ARGS}.defaultConstraints[1].whenUnsatisfiable: Unsupported value: "Never": supported values: "DoNotSchedule", "ScheduleAnyway"`,
        `${ARGS}.defaultConstraints[2]: Duplicate value: "{zone, ScheduleAnyway}"`,
      ],
    },
    {
      name: "a defaulting type that is none",
      written: spread("Mine"),
      wants: [`${ARGS}.defaultingType: Unsupported value: "Mine": supported values: "System", "List"`],
    },
    {
      name: "addedAffinity that cannot be parsed: also where it is required",
      written: added([
        { key: "a", operator: "Is" },
        { key: "b", operator: "In" },
      ]),
      wants: [
        `${ARGS}.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator: Unsupported value: "Is": supported values: "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"`,
        `${ARGS}.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[1]: Invalid value: {"key":"b","operator":"In"}: not a valid selector requirement`,
      ],
    },
    {
      name: "volumes and devices",
      written: {
        profiles: [
          {
            pluginConfig: [
              { name: "VolumeBinding", args: { bindTimeoutSeconds: -1, shape: [point(0, 0)] } },
              { name: "DynamicResources", args: { filterTimeout: "-1s" } },
            ],
          },
        ],
      },
      wants: [
        `${ARGS}.bindTimeoutSeconds: Invalid value: -1: invalid BindTimeoutSeconds, should not be a negative value`,
        `${ARGS}.shape: Invalid value: [{"utilization":0,"score":0}]: unexpected field \`shape\`, remove it or turn on the feature gate StorageCapacityScoring`,
        'profiles[0].pluginConfig[1].args.filterTimeout: Invalid value: "-1s": must be greater than or equal to 0',
      ],
    },
    {
      name: "what is beside profiles",
      written: {
        parallelism: 0,
        percentageOfNodesToScore: 101,
        podInitialBackoffSeconds: 0,
        podMaxBackoffSeconds: -1,
        leaderElection: {
          resourceLock: "endpoints",
          leaseDuration: "5s",
          renewDeadline: "5s",
          retryPeriod: "5s",
        },
        profiles: [{ percentageOfNodesToScore: -1 }],
        nodes: 7,
      },
      wants: [
        "nodes: unknown field",
        "parallelism: Invalid value: 0: should be an integer value greater than zero",
        "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]",
        "profiles[0].percentageOfNodesToScore: Invalid value: -1: not in valid range [0-100]",
        "podInitialBackoffSeconds: Invalid value: 0: must be greater than 0",
        "podMaxBackoffSeconds: Invalid value: -1: must be greater than or equal to PodInitialBackoffSeconds",
        'leaderElection.resourceLock: Invalid value: "endpoints": resourceLock value must be "leases"',
        'leaderElection.leaseDuration: Invalid value: "5s": LeaseDuration must be greater than RenewDeadline',
        'leaderElection.renewDeadline: Invalid value: "5s": RenewDeadline must be greater than RetryPeriod',
      ],
    },
    {
      name: "extenders",
      written: {
        extenders: [
          { urlPrefix: "http://a", prioritizeVerb: "p", bindVerb: "b", managedResources: named("cpu") },
          { urlPrefix: "http://b", bindVerb: "b" },
        ],
      },
      wants: [
        "extenders[0].weight: Invalid value: 0: must have a positive weight applied to it",
        'extenders[0].managedResources[0].name: Invalid value: "cpu": is an invalid extended resource name',
        'extenders: Invalid value: "found 2 extenders implementing bind": only one extender can implement bind',
      ],
    },
    {
      name: "where extenders are, and what is shown to them",
      written: {
        extenders: [
          { urlPrefix: "" },
          { urlPrefix: "ftp://a", httpTimeout: "-1s" },
          { urlPrefix: "a.example:80" },
          { urlPrefix: "https://a", tlsConfig: { caFile: "/nowhere/ca", certData: "YQ==" } },
          { urlPrefix: "https://a", tlsConfig: { insecure: true, caData: "YQ==" } },
          { urlPrefix: "http://a", managedResources: [...named("example.com/a"), ...named("example.com/a")] },
        ],
      },
      wants: [
        "extenders[0].urlPrefix: Required value",
        'extenders[1].urlPrefix: Invalid value: "ftp://a": must be an http or https URL',
        'extenders[1].httpTimeout: Invalid value: "-1s": must be greater than or equal to 0',
        'extenders[2].urlPrefix: Invalid value: "a.example:80": must be an http or https URL',
        "extenders[3].tlsConfig.caFile: Invalid value: \"/nowhere/ca\": ENOENT: no such file or directory, open '/nowhere/ca'",
        "extenders[3].tlsConfig.keyFile: Required value",
        "extenders[4].tlsConfig.insecure: Invalid value: true: specifying a root certificates file with the insecure flag is not allowed",
        'extenders[5].managedResources[1].name: Invalid value: "example.com/a": duplicate extender managed resource name',
      ],
    },
    {
      name: "more than the core has rows for",
      written: {
        profiles: Array.from({ length: 1025 }, (_, i) => ({
          schedulerName: `s${i}`,
          ...(i > 0
            ? {}
            : strategy({ resources: named(...Array.from({ length: 257 }, (__, k) => `r${k}`)) }).profiles[0]),
        })),
      },
      wants: [
        "profiles: Too many: 1025: must have at most 1024 items",
        `${ARGS}.scoringStrategy.resources: Too many: 257: must have at most 256 items`,
      ],
    },
    {
      name: "another kind",
      written: { kind: "Pod" },
      wants: ['kind: Unsupported value: "Pod": supported values: "KubeSchedulerConfiguration"'],
    },
    {
      name: "another version",
      written: { apiVersion: "kubescheduler.config.k8s.io/v1beta3" },
      wants: [
        'apiVersion: Unsupported value: "kubescheduler.config.k8s.io/v1beta3": supported values: "kubescheduler.config.k8s.io/v1"',
      ],
    },
  ])("$name", ({ written, wants }) => {
    let causes: unknown;
    try {
      read(written);
    } catch (error) {
      const { details, code } = (
        error as { status: { details?: { causes: { field: string; message: string }[] }; code: number } }
      ).status;
      expect(code).toBe(422);
      causes = details?.causes.map(({ field, message }) => `${field}: ${message}`);
    }
    expect(causes).toEqual(wants);
  });

  test.each([
    { profiles: [null] },
    { profiles: [{ plugins: { score: { enabled: [null] } } }] },
    { profiles: [{ plugins: { score: null }, pluginConfig: null }] },
    { profiles: [{ pluginConfig: [{ name: "NodeResourcesFit", args: 5 }] }] },
    { profiles: [{ pluginConfig: [{ name: "NodeResourcesFit", args: [] }, {}, null] }] },
    { profiles: [{ plugins: { score: { enabled: [{ name: "__proto__" }, { name: "constructor" }] } } }] },
    { profiles: [{ pluginConfig: [{ name: "toString", args: {} }] }] },
    { leaderElection: { leaseDuration: "never" }, extenders: [null] },
  ])("whatever it is, it is read or answered: %j", (written) => {
    try {
      read(written);
    } catch (error) {
      expect((error as Error).name).toBe("ApiError");
    }
  });

  test("something else altogether", () => {
    for (const value of [null, 7, "x", [], {}])
      expect(() => readConfiguration(value)).toThrow("Required value");
    expect(() => read({ profiles: {} })).toThrow("json: cannot unmarshal object into Go struct field");
  });
});

test("an extender whose certificate nobody checks is warned of; its resources are not checked twice", () => {
  const managedResources = [{ name: "example.com/a", ignoredByScheduler: true }, { name: "example.com/b" }];
  const { warnings, profiles, extenders } = read({
    extenders: [{ urlPrefix: "https://a", enableHTTPS: true, managedResources }],
    profiles: [{ schedulerName: "a" }, { schedulerName: "b" }],
  });
  expect(warnings).toEqual([
    "extenders[0]: without tlsConfig.caFile or caData the extender's certificate is not checked",
  ]);
  expect(profiles.map(({ args }) => args.NodeResourcesFit.ignoredResources)).toEqual([
    ["example.com/a"],
    ["example.com/a"],
  ]);
  expect(extenders).toMatchObject([
    { timeoutMs: 5_000, tls: { insecure: true }, ignorable: false, weight: 0 },
  ]);
});

test("percentageOfNodesToScore is read and said to be ignored", () => {
  const { warnings } = read({ percentageOfNodesToScore: 50, profiles: [{ percentageOfNodesToScore: 10 }] });
  expect(warnings).toEqual([
    "percentageOfNodesToScore is ignored: all nodes are filtered and scored",
    "profiles[0].percentageOfNodesToScore is ignored: all nodes are filtered and scored",
  ]);
});
