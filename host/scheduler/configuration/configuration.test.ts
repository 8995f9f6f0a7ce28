import { describe, expect, test } from "vitest";
import type { ExtensionPoint, PluginName } from "./plugins.ts";
import { isEnabled } from "./profile.ts";
import { readConfiguration } from "./read-configuration.ts";

const HEAD = { apiVersion: "kubescheduler.config.k8s.io/v1", kind: "KubeSchedulerConfiguration" };

const read = (fields: object) => readConfiguration({ ...HEAD, ...fields });
const profile = (fields: object) => read({ profiles: [fields] }).profiles[0]!;
const plugins = (sets: object) => profile({ plugins: sets });
const named = (...names: string[]) => names.map((name) => ({ name }));

/** `TaintToleration×3 …`, in order. */
function scores({ plugins: { score }, scoreWeights }: ReturnType<typeof profile>): string {
  return score.map((name) => `${name}×${scoreWeights.get(name)}`).join(" ");
}

const DEFAULT_SCORES =
  "TaintToleration×3 NodeAffinity×2 NodeResourcesFit×1 VolumeBinding×1 PodTopologySpread×2 InterPodAffinity×2 " +
  "DynamicResources×2 NodeResourcesBalancedAllocation×1 ImageLocality×1";

describe("the default profile, as the sheet lists it (1.2)", () => {
  const byDefault = profile({});
  test.each<[ExtensionPoint, string]>([
    ["preEnqueue", "SchedulingGates DynamicResources DefaultPreemption"],
    ["queueSort", "PrioritySort"],
    [
      "preFilter",
      "NodeAffinity NodePorts NodeResourcesFit VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone PodTopologySpread InterPodAffinity DynamicResources NodeDeclaredFeatures",
    ],
    [
      "filter",
      "NodeUnschedulable NodeName TaintToleration NodeAffinity NodePorts NodeResourcesFit VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone PodTopologySpread InterPodAffinity DynamicResources NodeDeclaredFeatures",
    ],
    ["postFilter", "DynamicResources DefaultPreemption"],
    [
      "preScore",
      "TaintToleration NodeAffinity NodeResourcesFit VolumeBinding PodTopologySpread InterPodAffinity NodeResourcesBalancedAllocation",
    ],
    ["reserve", "VolumeBinding DynamicResources"],
    ["permit", ""],
    ["preBind", "VolumeBinding DynamicResources"],
    ["bind", "DefaultBinder"],
    ["postBind", ""],
  ])("%s", (point, wants) => {
    expect(byDefault.plugins[point].join(" ")).toBe(wants);
  });

  test("scores, name, arguments and what is beside profiles", () => {
    expect(scores(byDefault)).toBe(DEFAULT_SCORES);
    expect(byDefault.schedulerName).toBe("default-scheduler");
    expect(byDefault.args).toEqual({
      DefaultPreemption: { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 },
      InterPodAffinity: { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false },
      NodeResourcesFit: {
        ignoredResources: [],
        ignoredResourceGroups: [],
        scoringStrategy: {
          type: "LeastAllocated",
          resources: [
            { name: "cpu", weight: 1 },
            { name: "memory", weight: 1 },
          ],
          shape: [],
        },
      },
      NodeResourcesBalancedAllocation: { resources: ["cpu", "memory"] },
      PodTopologySpread: { defaultingType: "System", defaultConstraints: [] },
      NodeAffinity: { addedAffinity: undefined },
      VolumeBinding: { bindTimeoutSeconds: 600 },
      DynamicResources: { filterTimeoutMs: 10_000, bindingTimeoutMs: 600_000 },
    });
    const { podInitialBackoffSeconds, podMaxBackoffSeconds, leaderElection, warnings } = read({});
    expect({ podInitialBackoffSeconds, podMaxBackoffSeconds, leaderElection, warnings }).toEqual({
      podInitialBackoffSeconds: 1,
      podMaxBackoffSeconds: 10,
      leaderElection: {
        leaderElect: true,
        leaseDurationMs: 15_000,
        renewDeadlineMs: 10_000,
        retryPeriodMs: 2_000,
        resourceName: "kube-scheduler",
        resourceNamespace: "kube-system",
      },
      warnings: [],
    });
  });
});

describe("merging with the default MultiPoint (1.3)", () => {
  test.each<{ name: string; sets: object; wants: string }>([
    {
      name: "score * disabled: nothing scores",
      sets: { score: { disabled: named("*") } },
      wants: "",
    },
    {
      name: "score * disabled, some enabled: these, in their order; a weight nobody gives is 1",
      sets: {
        score: {
          disabled: named("*"),
          enabled: [{ name: "NodeResourcesFit", weight: 5 }, { name: "TaintToleration" }],
        },
      },
      wants: "NodeResourcesFit×5 TaintToleration×1",
    },
    {
      name: "one disabled at the point",
      sets: { score: { disabled: named("ImageLocality", "NodeAffinity") } },
      wants: DEFAULT_SCORES.replace("NodeAffinity×2 NodeResourcesFit", "NodeResourcesFit").replace(
        " ImageLocality×1",
        "",
      ),
    },
    {
      name: "one disabled in multiPoint is gone from every point",
      sets: { multiPoint: { disabled: named("InterPodAffinity") } },
      wants: DEFAULT_SCORES.replace(" InterPodAffinity×2", ""),
    },
    {
      name: "enabled again in multiPoint: replaced in place, weight and all",
      sets: { multiPoint: { enabled: [{ name: "NodeAffinity", weight: 9 }, { name: "TaintToleration" }] } },
      wants: DEFAULT_SCORES.replace("NodeAffinity×2", "NodeAffinity×9").replace(
        "Toleration×3",
        "Toleration×1",
      ),
    },
    {
      name: "a point's own weight stands before multiPoint's, and its plugin before the others",
      sets: {
        score: { enabled: [{ name: "ImageLocality", weight: 7 }] },
        multiPoint: { enabled: [{ name: "ImageLocality", weight: 4 }] },
      },
      wants: `ImageLocality×7 ${DEFAULT_SCORES.replace(" ImageLocality×1", "")}`,
    },
    {
      name: "overridden ones first, in the point's order; then multiPoint; then what only the point has",
      sets: {
        multiPoint: { disabled: named("NodeAffinity") },
        preScore: { enabled: named("NodeAffinity") },
        score: { enabled: named("NodeAffinity", "PodTopologySpread", "TaintToleration") },
      },
      wants:
        "PodTopologySpread×1 TaintToleration×1 NodeResourcesFit×1 VolumeBinding×1 InterPodAffinity×2 DynamicResources×2 NodeResourcesBalancedAllocation×1 ImageLocality×1 NodeAffinity×1",
    },
    {
      name: "enabled and disabled in one list: enabled, at the end",
      sets: {
        score: {
          enabled: [{ name: "TaintToleration", weight: 2 }],
          disabled: named("TaintToleration"),
        },
      },
      wants: `${DEFAULT_SCORES.replace("TaintToleration×3 ", "")} TaintToleration×2`,
    },
    {
      name: "multiPoint * disabled: only what is named",
      sets: {
        multiPoint: {
          disabled: named("*"),
          enabled: named("DefaultBinder", "PrioritySort", "NodeResourcesFit", "TaintToleration"),
        },
      },
      wants: "NodeResourcesFit×1 TaintToleration×1",
    },
    {
      name: "weight 0 counts as 1",
      sets: { score: { enabled: [{ name: "NodeResourcesFit", weight: 0 }] } },
      wants: `NodeResourcesFit×1 ${DEFAULT_SCORES.replace("NodeResourcesFit×1 ", "")}`,
    },
  ])("$name", ({ sets, wants }) => {
    expect(scores(plugins(sets))).toBe(wants);
  });

  test("what is disabled at one point stays at the others", () => {
    const merged = plugins({ filter: { disabled: named("NodeResourcesFit") } });
    const points: ExtensionPoint[] = ["preFilter", "filter", "preScore", "score"];
    const has = (plugin: PluginName) => points.map((point) => isEnabled(merged, point, plugin));
    expect([has("NodeResourcesFit"), has("NodeAffinity")]).toEqual([
      [true, false, true, true],
      [true, true, true, true],
    ]);
  });
});
