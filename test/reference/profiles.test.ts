import { describe, expect, test } from "vitest";
import type { V1PodSpec } from "../../host/api/generated/types.ts";
import type { PluginArgs } from "./model/profile.ts";
import {
  bound,
  node,
  place,
  pod,
  profile,
  refusalOf,
  refusalsOf,
  scores,
  withArgs,
  withLabels,
} from "./shorthand.ts";

/** KubeSchedulerConfiguration: the sheet's worked examples of arguments (shared/spec/scheduling.md 2.4, 2.6, 3.1, 3.2, 3.5) and its rules of merging (1.3). */
const TWO_SIZES = [node("n1", "4000m/10000"), node("n2", "6000m/10000")];
const HALF_FULL = pod("p", "3000m/5000");
const CPU_AND_MEMORY = [
  { name: "cpu", weight: 1 },
  { name: "memory", weight: 1 },
];
const FALLING = [
  { utilization: 0, score: 10 },
  { utilization: 100, score: 0 },
];
const RISING = [
  { utilization: 0, score: 0 },
  { utilization: 100, score: 10 },
];
type Strategy = NonNullable<PluginArgs["scoringStrategy"]>;
const ratio = (shape: typeof FALLING, resources = CPU_AND_MEMORY): Strategy => ({
  type: "RequestedToCapacityRatio",
  resources,
  requestedToCapacityRatio: { shape },
});

describe("NodeResourcesFit, strategies", () => {
  const raw = (scoringStrategy: Strategy, nodes = TWO_SIZES, wanted = HALF_FULL, used = "") =>
    scores("NodeResourcesFit", "raw", {
      nodes,
      bound:
        used === "" ? [] : nodes.map(({ metadata }) => bound(`b-${metadata!.name}`, used, metadata!.name!)),
      pod: wanted,
      config: withArgs("NodeResourcesFit", { scoringStrategy }),
    });
  const weights = (cpu: number, memory: number) => [
    { name: "cpu", weight: cpu },
    { name: "memory", weight: memory },
  ];
  test.each([
    { name: "LeastAllocated", strategy: { type: "LeastAllocated" }, is: [37, 50] },
    {
      name: "LeastAllocated, memory counts twice",
      strategy: { type: "LeastAllocated", resources: weights(1, 2) },
      is: [41, 50],
    },
    { name: "MostAllocated", strategy: { type: "MostAllocated" }, is: [62, 50] },
    {
      name: "MostAllocated, memory counts three times",
      strategy: { type: "MostAllocated", resources: weights(1, 3) },
      is: [56, 50],
    },
    { name: "RequestedToCapacityRatio, falling", strategy: ratio(FALLING), is: [38, 50] },
    { name: "RequestedToCapacityRatio, rising", strategy: ratio(RISING), is: [63, 50] },
  ])("$name: $is", async ({ strategy, is }) => expect(await raw(strategy)).toEqual(is));

  // Of 10000m CPU; scores are 0 to 10, times 10. p = percent in use.
  const plain = [
    { utilization: 10, score: 1 },
    { utilization: 90, score: 9 },
  ];
  const bent = [
    { utilization: 0, score: 2 },
    { utilization: 40, score: 10 },
    { utilization: 100, score: 0 },
  ];
  test.each([
    { name: "before the first point", shape: plain, percent: 5, is: 10 },
    { name: "15 of a straight line", shape: plain, percent: 15, is: 15 },
    { name: "20 of a straight line", shape: plain, percent: 20, is: 20 },
    { name: "89 of a straight line", shape: plain, percent: 89, is: 89 },
    { name: "after the last point", shape: plain, percent: 95, is: 90 },
    { name: "20 of a bent line", shape: bent, percent: 20, is: 60 },
    { name: "30 of a bent line", shape: bent, percent: 30, is: 80 },
    { name: "the bend", shape: bent, percent: 40, is: 100 },
    // 100 - 100*30/60 = 50; 100 - 100*1/60 is cut towards zero: 100 - 1 = 99.
    { name: "70 of a bent line", shape: bent, percent: 70, is: 50 },
    { name: "41 of a bent line: cut towards zero", shape: bent, percent: 41, is: 99 },
  ])("a shape: $name", async ({ shape, percent, is }) => {
    const wanted = pod("p", `${percent * 100}m/0`);
    const strategy = ratio(shape, [{ name: "cpu", weight: 1 }]);
    expect(await raw(strategy, [node("n", "10000m/1Gi")], wanted)).toEqual([is]);
  });

  test("a ratio's resource of score 0 does not weigh", async () => {
    const wanted = pod("p", "0/500");
    expect(await raw(ratio(RISING), [node("n", "1000m/1000")], wanted)).toEqual([50]);
    expect(await raw(ratio(RISING), [node("n", "1000m/1000")], pod("p", "0/0"))).toEqual([0]);
  });

  test("a ratio of an extended resource", async () => {
    const name = "example.com/foo";
    const shape = [
      { utilization: 0, score: 0 },
      { utilization: 100, score: 1 },
    ];
    const nodes = [node("n1", `4/4Gi ${name}=8`), node("n2", `4/4Gi ${name}=4`)];
    const strategy = ratio(shape, [{ name, weight: 1 }]);
    expect(await raw(strategy, nodes, pod("p", `${name}=2`))).toEqual([2, 5]);
    expect(await raw(strategy, nodes, pod("p", `${name}=4`))).toEqual([5, 10]);
    expect(await raw(strategy, nodes, pod("p", "1/1Gi"))).toEqual([0, 0]);
  });

  test("ephemeral storage and huge pages count plain requests", async () => {
    const resources = [
      { name: "ephemeral-storage", weight: 1 },
      { name: "hugepages-2Mi", weight: 3 },
    ];
    const nodes = [node("n", "4/4Gi ephemeral-storage=1000 hugepages-2Mi=100")];
    const strategy = { type: "LeastAllocated", resources };
    // (1000-200-100)/1000 = 70; (100-10-20)/100 = 70 and without huge pages 80.
    const used = "ephemeral-storage=200 hugepages-2Mi=10";
    expect(await raw(strategy, nodes, pod("p", "ephemeral-storage=100 hugepages-2Mi=20"), used)).toEqual([
      70,
    ]);
    expect(await raw(strategy, nodes, pod("p", "1m/1"), used)).toEqual([80]);
  });
});

describe("NodeResourcesFit, resources that are ignored", () => {
  const explain = async (args: PluginArgs, requests: string) => {
    const nodes = [node("n", "10m/20 example.com/aaa=5")];
    const config = withArgs("NodeResourcesFit", args);
    return (await place({ nodes, pod: pod("p", requests), config })).explanation;
  };
  test.each([
    {
      name: "9 by name",
      args: { ignoredResources: ["example.com/bbb"] },
      asks: "example.com/bbb=1",
      is: "fits",
    },
    {
      name: "10 by group, and only extended resources",
      args: { ignoredResourceGroups: ["example.com"] },
      asks: "example.com/bbb=1 kubernetes.io/something=1",
      is: "NodeResourcesFit: Insufficient kubernetes.io/something",
    },
    {
      name: "another group",
      args: { ignoredResourceGroups: ["example.org"] },
      asks: "example.com/bbb=1",
      is: "NodeResourcesFit: Insufficient example.com/bbb",
    },
    {
      name: "CPU is never ignored",
      args: { ignoredResources: ["cpu"] },
      asks: "11m/1",
      is: "NodeResourcesFit: Insufficient cpu",
    },
  ])("$name", async ({ args, asks, is }) => expect(refusalOf(await explain(args, asks))).toBe(is));
});

test("NodeResourcesBalancedAllocation of three resources", async () => {
  const gpu = "example.com/gpu";
  const resources = [
    { name: "cpu", weight: 1 },
    { name: "memory", weight: 1 },
    { name: gpu, weight: 1 },
  ];
  const raw = (wanted: ReturnType<typeof pod>, used: string) =>
    scores("NodeResourcesBalancedAllocation", "raw", {
      nodes: [node("n", `1000m/1000 ${gpu}=10`)],
      bound: [bound("b", used, "n")],
      pod: wanted,
      config: withArgs("NodeResourcesBalancedAllocation", { resources }),
    });
  // Before: 0.5, 0.2, 0.2, deviation 0.141 -> 85; after: 0.5, 0.4, 0.4, deviation 0.047 -> 95: 50 + 60/2.
  expect(await raw(pod("p", `0/200 ${gpu}=2`), `500m/200 ${gpu}=2`)).toEqual([80]);
  // A pod without GPUs: CPU and memory alone.
  expect(await raw(pod("p", "0/1000"), `1000m/0 ${gpu}=2`)).toEqual([100]);
});

describe("InterPodAffinity's arguments", () => {
  const term = { topologyKey: "region", labelSelector: { matchLabels: { security: "S1" } } };
  const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term, term] } };
  const preferring = {
    podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 7, podAffinityTerm: term }] },
  };
  const raw = (args: PluginArgs, theirs: V1PodSpec["affinity"], own: Partial<V1PodSpec> = {}) =>
    scores("InterPodAffinity", "raw", {
      nodes: [node("n1", "8/8Gi", { region: "China" }), node("n2", "8/8Gi")],
      bound: [bound("one", "", "n1", { affinity: theirs })],
      pod: withLabels(pod("p", "", own), { security: "S1" }),
      config: withArgs("InterPodAffinity", args),
    });
  test("hardPodAffinityWeight, and 0 turns it off", async () => {
    expect(await raw({ hardPodAffinityWeight: 5 }, affinity)).toEqual([10, 0]);
    expect(await raw({ hardPodAffinityWeight: 0 }, affinity)).toEqual([0, 0]);
    expect(await raw({}, affinity)).toEqual([2, 0]);
  });
  test("ignorePreferredTermsOfExistingPods, for a pod without preferences", async () => {
    expect(await raw({}, preferring)).toEqual([7, 0]);
    expect(await raw({ ignorePreferredTermsOfExistingPods: true }, preferring)).toEqual([0, 0]);
    const other = { ...term, labelSelector: { matchLabels: { no: "body" } } };
    const own = {
      affinity: {
        podAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: other }],
        },
      },
    };
    expect(await raw({ ignorePreferredTermsOfExistingPods: true }, preferring, own)).toEqual([7, 0]);
  });
});

describe("NodeAffinity's addedAffinity", () => {
  const named = { matchFields: [{ key: "metadata.name", operator: "In", values: ["node1"] }] };
  const inZone = { matchExpressions: [{ key: "zone", operator: "In", values: ["a"] }] };
  const nodes = [node("node1", "1/1Gi"), node("node2", "1/1Gi", { zone: "a" })];
  test("29 a node outside it is refused", async () => {
    const addedAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [named] } };
    const config = withArgs("NodeAffinity", { addedAffinity });
    const { explanation } = await place({ nodes, pod: pod("p", ""), config });
    expect(refusalsOf(explanation)).toEqual([
      "fits",
      "NodeAffinity: node(s) didn't match scheduler-enforced node affinity",
    ]);
  });
  test("its preferences count for every pod", async () => {
    const preferred = [{ weight: 3, preference: inZone }];
    const addedAffinity = { preferredDuringSchedulingIgnoredDuringExecution: preferred };
    const config = withArgs("NodeAffinity", { addedAffinity });
    expect(await scores("NodeAffinity", "raw", { nodes, pod: pod("p", ""), config })).toEqual([0, 3]);
  });
});

describe("PodTopologySpread's default constraints", () => {
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    spec: { selector: { foo: "" } },
  };
  const nodes = [node("a", "8/8Gi", { zone: "1" }), node("b", "8/8Gi", { zone: "2" }), node("c", "8/8Gi")];
  const there = [withLabels(bound("b1", "", "a"), { foo: "" })];
  const wanted = withLabels(pod("p", ""), { foo: "" });
  const constraint = (whenUnsatisfiable: string): PluginArgs => ({
    defaultingType: "List",
    defaultConstraints: [{ topologyKey: "zone", maxSkew: 1, whenUnsatisfiable }],
  });
  const situation = (args: PluginArgs) => ({
    nodes,
    bound: there,
    objects: [service],
    pod: wanted,
    config: withArgs("PodTopologySpread", args),
  });
  test("a list of hard ones refuses", async () => {
    const { explanation } = await place(situation(constraint("DoNotSchedule")));
    const uneven = "PodTopologySpread: node(s) didn't match pod topology spread constraints";
    expect(refusalsOf(explanation)).toEqual([uneven, "fits", `${uneven} (missing required label)`]);
  });
  test("a list of soft ones scores, and ignores nodes without the key", async () => {
    const soft = situation(constraint("ScheduleAnyway"));
    expect(await scores("PodTopologySpread", "normalized", soft)).toEqual([0, 100, 0]);
  });
  test("an empty list is no constraint", async () => {
    const none = situation({ defaultingType: "List", defaultConstraints: [] });
    expect(await scores("PodTopologySpread", "normalized", none)).toEqual([0, 0, 0]);
  });
});

describe("merging with the defaults", () => {
  const soft = [node("A", "4000m/10000"), node("B", "4000m/10000", {}, "k:PreferNoSchedule")];
  const weighted = (plugins: Parameters<typeof profile>[0]["plugins"]) =>
    scores("TaintToleration", "weighted", {
      nodes: soft,
      pod: HALF_FULL,
      config: profile({ plugins }),
    });
  test.each([
    { name: "the default weight", plugins: {}, is: [300, 0] },
    {
      name: "multiPoint's weight",
      plugins: { multiPoint: { enabled: [{ name: "TaintToleration", weight: 7 }] } },
      is: [700, 0],
    },
    {
      name: "the point's weight before multiPoint's",
      plugins: {
        multiPoint: { enabled: [{ name: "TaintToleration", weight: 7 }] },
        score: { enabled: [{ name: "TaintToleration", weight: 5 }] },
      },
      is: [500, 0],
    },
    {
      name: "no weight is 1",
      plugins: { multiPoint: { enabled: [{ name: "TaintToleration" }] } },
      is: [100, 0],
    },
    { name: "off at its point", plugins: { score: { disabled: [{ name: "TaintToleration" }] } }, is: [0, 0] },
    {
      name: "off everywhere",
      plugins: { multiPoint: { disabled: [{ name: "TaintToleration" }] } },
      is: [0, 0],
    },
    { name: "all off at the point", plugins: { score: { disabled: [{ name: "*" }] } }, is: [0, 0] },
    {
      name: "all off but one",
      plugins: { score: { disabled: [{ name: "*" }], enabled: [{ name: "TaintToleration", weight: 2 }] } },
      is: [200, 0],
    },
    {
      name: "enabled beats disabled",
      plugins: {
        score: { disabled: [{ name: "TaintToleration" }], enabled: [{ name: "TaintToleration", weight: 2 }] },
      },
      is: [200, 0],
    },
  ])("$name", async ({ plugins, is }) => expect(await weighted(plugins)).toEqual(is));

  const cordoned = node("n", "1m/1", { zone: "b" }, "k:NoSchedule");
  cordoned.spec!.unschedulable = true;
  const asks = pod("p", "1/1Gi", { nodeSelector: { zone: "a" } });
  const first = async (plugins: Parameters<typeof profile>[0]["plugins"]) =>
    (await place({ nodes: [cordoned], pod: asks, config: profile({ plugins }) })).explanation.nodes[0]!
      .rejectedBy;
  const named = (...names: string[]) => names.map((name) => ({ name }));
  test.each([
    { name: "the default order", plugins: {}, is: "NodeUnschedulable" },
    {
      name: "what is enabled at the point comes first",
      plugins: { filter: { enabled: named("NodeResourcesFit") } },
      is: "NodeResourcesFit",
    },
    {
      name: "in the order given there",
      plugins: { filter: { enabled: named("NodeAffinity", "NodeResourcesFit") } },
      is: "NodeAffinity",
    },
    {
      name: "disabled and enabled at the point comes last",
      plugins: {
        filter: { disabled: named("NodeUnschedulable"), enabled: named("NodeUnschedulable") },
      },
      is: "TaintToleration",
    },
    {
      name: "disabled and enabled in multiPoint comes last",
      plugins: {
        multiPoint: { disabled: named("NodeUnschedulable"), enabled: named("NodeUnschedulable") },
      },
      is: "TaintToleration",
    },
    {
      name: "disabled",
      plugins: { multiPoint: { disabled: named("NodeUnschedulable", "TaintToleration", "NodeAffinity") } },
      is: "NodeResourcesFit",
    },
    {
      name: "nothing but what is named, in its order",
      plugins: {
        multiPoint: {
          disabled: named("*"),
          enabled: named("PrioritySort", "DefaultBinder", "NodeAffinity", "TaintToleration"),
        },
      },
      is: "NodeAffinity",
    },
  ])("filters: $name", async ({ plugins, is }) => expect(await first(plugins)).toBe(is));

  test("the pod's schedulerName chooses the profile", async () => {
    const config = profile({});
    config.profiles!.push({
      schedulerName: "other",
      plugins: { score: { enabled: [{ name: "TaintToleration", weight: 9 }] } },
    });
    const of = (schedulerName?: string) =>
      scores("TaintToleration", "weighted", {
        nodes: soft,
        pod: pod("p", "3000m/5000", schedulerName === undefined ? {} : { schedulerName }),
        config,
      });
    expect(await of("other")).toEqual([900, 0]);
    expect(await of("default-scheduler")).toEqual([300, 0]);
    expect(await of()).toEqual([300, 0]);
  });
});

describe("PostFilter's half of the message", () => {
  const message = async (disabled: string[], wanted = pod("p", "1/1")) => {
    const plugins = { postFilter: { disabled: disabled.map((name) => ({ name })) } };
    return (await place({ nodes: [node("n", "1m/1Gi")], pod: wanted, config: profile({ plugins }) })).message;
  };
  const cpu = "0/1 nodes are available: 1 Insufficient cpu.";
  const preemption = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
  test.each([
    { name: "both", disabled: [], is: `${cpu} no new claims to deallocate, ${preemption}` },
    { name: "without DynamicResources", disabled: ["DynamicResources"], is: `${cpu} ${preemption}` },
    {
      name: "without DefaultPreemption",
      disabled: ["DefaultPreemption"],
      is: `${cpu} no new claims to deallocate`,
    },
    { name: "without any", disabled: ["*"], is: cpu },
  ])("$name", async ({ disabled, is }) => expect(await message(disabled)).toBe(is));

  const term = (name: string) => ({ key: "metadata.name", operator: "In", values: [name] });
  const conflict = pod("p", "", {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchFields: [term("a"), term("b")] }],
        },
      },
    },
  });
  test.each([
    { name: "both", disabled: [], is: "not found" },
    { name: "without DynamicResources", disabled: ["DynamicResources"], is: preemption },
    { name: "without DefaultPreemption", disabled: ["DefaultPreemption"], is: "not found" },
  ])("after a PreFilter that refused: $name", async ({ disabled, is }) =>
    expect(await message(disabled, conflict)).toBe(
      `0/1 nodes are available: pod affinity terms conflict. ${is}`,
    ),
  );
});
