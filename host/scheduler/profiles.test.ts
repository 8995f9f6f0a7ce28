import { describe, expect, test } from "vitest";
import type { PluginArgs, SchedulerConfig } from "../../test/reference/model/profile.ts";
import {
  bound,
  node,
  place,
  pod,
  refusalOf,
  type Situation,
  withLabels,
} from "../../test/reference/shorthand.ts";
import type { V1Pod } from "../api/generated/types.ts";
import type { WrittenArgs } from "./configuration/kube-scheduler-configuration.ts";
import { createScheduler, type Explanation } from "./library.ts";

const HEAD = { apiVersion: "kubescheduler.config.k8s.io/v1", kind: "KubeSchedulerConfiguration" };

/** One profile with these plugins and arguments. */
function profile(plugins: object, args: Partial<WrittenArgs> = {}): SchedulerConfig {
  const pluginConfig = Object.entries(args).map(([name, written]) => ({ name, args: written as PluginArgs }));
  return { ...HEAD, profiles: [{ plugins, pluginConfig }] };
}
const withArgs = (args: Partial<WrittenArgs>) => profile({}, args);
const off = (point: string, ...names: string[]) =>
  profile({ [point]: { disabled: names.map((name) => ({ name })) } });
const explain = async (config: SchedulerConfig, situation: Situation) =>
  (await place({ ...situation, config })).explanation;

/** What a plugin gives each node: `normalized`, or `-` where it is not scored. */
function scoresOf({ nodes }: Explanation, plugin: string): (number | string)[] {
  return nodes.map(({ scores }) => scores?.[plugin]?.normalized ?? "-");
}

const PREEMPTION = "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";

describe("NodeResourcesFit scores by its strategy (sheet 3.1)", () => {
  const two = [node("n1", "4000m/10000"), node("n2", "6000m/10000")];
  const asks = pod("p", "3000m/5000");
  const gpus = ["8", "4", "4"].map((gpu, i) => node(`g${i}`, `4000m/10000 example.com/gpu=${gpu}`));
  const shape = (...points: [number, number][]) =>
    points.map(([utilization, score]) => ({ utilization, score }));
  const strategy = (
    type: string,
    ...resources: string[]
  ): NonNullable<WrittenArgs["NodeResourcesFit"]["scoringStrategy"]> => ({
    type,
    resources: resources.map((text) => {
      const [name, weight] = text.split("=");
      return { name: name!, weight: Number(weight) };
    }),
  });
  const ratio = (points: [number, number][], ...resources: string[]) => ({
    ...strategy("RequestedToCapacityRatio", ...resources),
    requestedToCapacityRatio: { shape: shape(...points) },
  });
  const half = [node("n1", "10000m/20000"), node("n2", "10000m/20000")];
  const used = [bound("a", "3000m/0", "n1"), bound("b", "3000m/5000", "n2")];

  test.each([
    { name: "LeastAllocated", scoring: strategy("LeastAllocated"), nodes: two, wants: [37, 50] },
    {
      name: "LeastAllocated, memory twice",
      scoring: strategy("LeastAllocated", "cpu=1", "memory=2"),
      nodes: two,
      wants: [41, 50],
    },
    {
      name: "LeastAllocated, equal weights other than 1 are the plain case",
      scoring: strategy("LeastAllocated", "cpu=7", "memory=7"),
      nodes: two,
      wants: [37, 50],
    },
    {
      name: "LeastAllocated, memory first: the same by the row",
      scoring: strategy("LeastAllocated", "memory=1", "cpu=1"),
      nodes: half,
      bound: used,
      wants: [57, 45],
    },
    { name: "MostAllocated", scoring: strategy("MostAllocated"), nodes: two, wants: [62, 50] },
    {
      name: "MostAllocated, cpu three times: (3·75 + 50) / 4, (3·50 + 50) / 4",
      scoring: strategy("MostAllocated", "cpu=3", "memory=1"),
      nodes: two,
      wants: [68, 50],
    },
    {
      name: "MostAllocated, more than there is counts as all",
      scoring: strategy("MostAllocated", "memory=1"),
      nodes: [node("n1", "4000m/10000")],
      bound: [bound("a", "0/9000", "n1")],
      asks: pod("p", "cpu=0"),
      wants: [100],
    },
    {
      name: "RequestedToCapacityRatio (0→10), (100→0): a half goes up",
      scoring: ratio(
        [
          [0, 10],
          [100, 0],
        ],
        "cpu=1",
        "memory=1",
      ),
      nodes: two,
      wants: [38, 50],
    },
    {
      name: "an extended resource: 2 of 8, 2 of 4, 4 of 4",
      scoring: ratio(
        [
          [0, 0],
          [100, 1],
        ],
        "example.com/gpu=1",
      ),
      nodes: gpus,
      bound: [bound("a", "0/0 example.com/gpu=2", "g2")],
      asks: pod("p", "0/0 example.com/gpu=2"),
      wants: [2, 5, 10],
    },
    {
      name: "an extended resource that the pod does not ask for is not in the mean",
      scoring: strategy("MostAllocated", "cpu=1", "example.com/gpu=99"),
      nodes: gpus.slice(0, 1),
      wants: [75],
    },
    {
      name: "nor is one that the node does not have",
      scoring: strategy("LeastAllocated", "memory=1", "example.com/gpu=99"),
      nodes: two.slice(0, 1),
      asks: pod("p", "0/2500"),
      wants: [75],
    },
    {
      name: "nor is cpu where the node offers none",
      scoring: strategy("MostAllocated", "cpu=1", "memory=1"),
      nodes: [node("n1", "0/10000")],
      asks: pod("p", "0/2500"),
      wants: [25],
    },
    {
      name: "what the ratio gives nothing is not in the mean",
      scoring: ratio(
        [
          [50, 0],
          [100, 10],
        ],
        "cpu=1",
        "memory=9",
      ),
      nodes: two.slice(0, 1),
      wants: [50],
    },
    {
      name: "ephemeral storage as it is requested, no default",
      scoring: strategy("LeastAllocated", "ephemeral-storage=1"),
      nodes: [node("n1", "4/10000 ephemeral-storage=1000")],
      bound: [bound("a", "0/0 ephemeral-storage=100", "n1"), bound("b", "0/0", "n1")],
      asks: pod("p", "0/0 ephemeral-storage=200"),
      wants: [70],
    },
    {
      name: "a container without a request counts with 100m; cpu alone",
      scoring: strategy("MostAllocated", "cpu=1"),
      nodes: [node("n1", "1000m/1Gi")],
      asks: pod("p", "", {}),
      wants: [10],
    },
    {
      name: "no resource that a node has: 0",
      scoring: strategy("MostAllocated", "pods=1", "example.com/none=1"),
      nodes: two,
      wants: [0, 0],
    },
  ])("$name", async ({ scoring, nodes, bound: pods = [], asks: wanted = asks, wants }) => {
    const config = withArgs({ NodeResourcesFit: { scoringStrategy: scoring } });
    const explanation = await explain(config, { nodes, bound: pods, pod: wanted });
    expect(scoresOf(explanation, "NodeResourcesFit")).toEqual(wants);
  });

  // Sheet 3.1: (10→1), (90→9): 15→1, 20→2, 89→8; (0→2), (40→10), (100→0): 20→6, 30→8, 70→5; each times 10.
  test.each<{ points: [number, number][]; wants: Record<number, number> }>([
    {
      points: [
        [10, 1],
        [90, 9],
      ],
      wants: { 0: 10, 10: 10, 15: 15, 20: 20, 89: 89, 90: 90, 100: 90 },
    },
    {
      points: [
        [0, 2],
        [40, 10],
        [100, 0],
      ],
      wants: { 0: 20, 20: 60, 30: 80, 40: 100, 70: 50, 100: 0 },
    },
    {
      points: [
        [0, 10],
        [30, 1],
        [100, 0],
      ],
      wants: { 1: 97, 10: 70, 29: 13, 30: 10, 31: 10, 37: 9, 99: 1 },
    },
  ])("the line through $points", async ({ points, wants }) => {
    const percentages = Object.keys(wants).map(Number);
    const nodes = percentages.map((_, i) => node(`n${i}`, "100m/10Gi"));
    const pods = percentages.map((percent, i) => bound(`b${i}`, `${percent}m/0`, `n${i}`));
    const config = withArgs({ NodeResourcesFit: { scoringStrategy: ratio(points, "cpu=1") } });
    const explanation = await explain(config, { nodes, bound: pods, pod: pod("p", "0/0") });
    expect(scoresOf(explanation, "NodeResourcesFit")).toEqual(Object.values(wants));
  });
});

describe("NodeResourcesBalancedAllocation by its resources (sheet 3.2)", () => {
  const balanced = (...names: string[]) =>
    withArgs({ NodeResourcesBalancedAllocation: { resources: names.map((name) => ({ name })) } });
  const GPU = "nvidia.com/gpu";
  test.each([
    {
      name: "an extended resource that is not asked for is left out",
      config: balanced("cpu", "memory", GPU),
      nodes: [node("n", `3500m/40000 ${GPU}=8`)],
      bound: [bound("a", `3000m/0 ${GPU}=3`, "n")],
      asks: pod("p", `0/5000 ${GPU}=0`),
      // Without a request for it the GPU is left out: cpu and memory only, 57 before, 63 after.
      wants: [50 + Math.trunc((50 + (63 - 57)) / 2)],
    },
    {
      name: "three resources asked for: the standard deviation of the fractions",
      config: balanced("cpu", "memory", GPU),
      nodes: [node("n", `1000m/1000 ${GPU}=4`)],
      bound: [bound("a", "500m/0", "n")],
      asks: pod("p", `0/500 ${GPU}=2`),
      // before .5, 0, 0: 1 - 0.2357 = 76; after .5, .5, .5: 100.
      wants: [50 + Math.trunc((50 + (100 - 76)) / 2)],
    },
    {
      name: "a resource that the node does not have is left out",
      config: balanced("cpu", GPU, "memory"),
      nodes: [node("n", "4000m/10000")],
      asks: pod("p", "3000m/5000"),
      wants: [68],
    },
    {
      name: "one resource is in balance with itself",
      config: balanced("cpu"),
      nodes: [node("n", "4000m/10000")],
      asks: pod("p", "3000m/5000"),
      wants: [75],
    },
    {
      name: "a pod that asks for none of them is not scored",
      config: balanced("ephemeral-storage", GPU),
      nodes: [node("n", "4000m/10000 ephemeral-storage=10")],
      asks: pod("p", "3000m/5000"),
      wants: [0],
    },
  ])("$name", async ({ config, nodes, bound: pods = [], asks, wants }) => {
    const explanation = await explain(config, { nodes, bound: pods, pod: asks });
    expect(scoresOf(explanation, "NodeResourcesBalancedAllocation")).toEqual(wants);
  });
});

describe("what NodeResourcesFit ignores (sheet 9, 9 and 10)", () => {
  const ignoring = (args: WrittenArgs["NodeResourcesFit"]) => withArgs({ NodeResourcesFit: args });
  const nodes = [node("n", "10m/20 example.com/aaa=5")];
  test.each([
    { asks: "1m/1 example.com/bbb=1", args: {}, wants: "NodeResourcesFit: Insufficient example.com/bbb" },
    { asks: "1m/1 example.com/bbb=1", args: { ignoredResources: ["example.com/bbb"] }, wants: "fits" },
    {
      asks: "1m/1 example.com/bbb=1 kubernetes.io/something=1",
      args: { ignoredResourceGroups: ["example.com"] },
      wants: "NodeResourcesFit: Insufficient kubernetes.io/something",
    },
    {
      asks: "1m/1 example.com/bbb=1 example.com/aaa=6",
      args: { ignoredResources: ["example.com/bbb"] },
      wants: "NodeResourcesFit: Insufficient example.com/aaa",
    },
    {
      asks: "1m/1 hugepages-2Mi=1",
      args: { ignoredResources: ["hugepages-2Mi"] },
      wants: "NodeResourcesFit: Insufficient hugepages-2Mi",
    },
  ])("$asks under $args", async ({ asks, args, wants }) => {
    expect(refusalOf(await explain(ignoring(args), { nodes, pod: pod("p", asks) }))).toBe(wants);
  });

  test("what is ignored is counted all the same", async () => {
    const config = {
      ...HEAD,
      profiles: [
        {
          schedulerName: "lax",
          pluginConfig: [{ name: "NodeResourcesFit", args: { ignoredResourceGroups: ["example.com"] } }],
        },
        { schedulerName: "strict" },
      ],
    };
    const asks = (name: string, schedulerName: string) =>
      pod(name, "1m/1 example.com/aaa=4", { schedulerName });
    const scheduler = await createScheduler({ thread: "caller", flavour: "debug", config });
    scheduler.addNode(node("n", "10m/20 example.com/aaa=5"));
    const pods = [asks("1", "lax"), asks("2", "lax"), asks("3", "strict")];
    const decisions = await scheduler.schedule(pods);
    expect(decisions.map((one) => one.node)).toEqual(["n", "n", null]);
    await scheduler.close();
  });
});

describe("filters that a profile disables refuse nobody", () => {
  const cordoned = { ...node("n", "4/8Gi"), spec: { unschedulable: true } };
  const wantsPort = (one: V1Pod): V1Pod => {
    one.spec!.containers[0]!.ports = [{ hostPort: 80, containerPort: 80 }];
    return one;
  };
  const apart = {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: "zone", labelSelector: { matchLabels: { app: "a" } } },
      ],
    },
  };
  const spread = {
    maxSkew: 1,
    topologyKey: "rack",
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: { app: "a" } },
  };
  const onlyOther = {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["m"] }] }],
      },
    },
  };
  const zoned = node("n", "4/8Gi", { zone: "a" });
  const neighbour = withLabels(bound("b", "0/0", "n", { affinity: apart }), { app: "a" });
  test.each<{ plugin: string; situation: Situation; also?: string[]; wants?: string }>([
    { plugin: "NodeUnschedulable", situation: { nodes: [cordoned], pod: pod("p", "1/1") } },
    {
      plugin: "NodeName",
      situation: { nodes: [node("n", "4/8Gi")], pod: pod("p", "1/1", { nodeName: "m" }) },
    },
    {
      plugin: "TaintToleration",
      situation: { nodes: [node("n", "4/8Gi", {}, "a=b:NoSchedule")], pod: pod("p", "1/1") },
    },
    {
      plugin: "NodeAffinity",
      situation: { nodes: [node("n", "4/8Gi")], pod: pod("p", "1/1", { nodeSelector: { a: "b" } }) },
    },
    {
      plugin: "NodeAffinity",
      also: ["preFilter"],
      situation: { nodes: [node("n", "4/8Gi")], pod: pod("p", "1/1", { affinity: onlyOther }) },
    },
    {
      plugin: "NodePorts",
      situation: {
        nodes: [node("n", "4/8Gi")],
        bound: [wantsPort(bound("b", "1/1", "n"))],
        pod: wantsPort(pod("p", "1/1")),
      },
    },
    { plugin: "NodeResourcesFit", situation: { nodes: [node("n", "1/1 pods=0")], pod: pod("p", "2/2") } },
    {
      plugin: "PodTopologySpread",
      situation: {
        nodes: [node("n", "4/8Gi")],
        pod: pod("p", "1/1", { topologySpreadConstraints: [spread] }),
      },
    },
    {
      plugin: "InterPodAffinity",
      situation: { nodes: [zoned], bound: [neighbour], pod: pod("p", "1/1", { affinity: apart }) },
    },
    {
      plugin: "InterPodAffinity",
      situation: { nodes: [zoned], bound: [neighbour], pod: withLabels(pod("p", "1/1"), { app: "a" }) },
    },
    {
      plugin: "NodeDeclaredFeatures",
      situation: {
        nodes: [node("n", "4/8Gi")],
        pod: pod("p", "1/1", { hostNetwork: true, hostUsers: false }),
      },
    },
  ])("$plugin", async ({ plugin, situation, also = [] }) => {
    const disabled = Object.fromEntries(
      ["filter", ...also].map((point) => [point, { disabled: [{ name: plugin }] }]),
    );
    const [by, without] = [
      await explain(profile({}), situation),
      await explain(profile(disabled), situation),
    ];
    expect([by.nodes[0]!.rejectedBy, refusalOf(without)]).toEqual([plugin, "fits"]);
  });

  test("NodeAffinity's PreFilter goes on naming nodes when only its Filter is disabled", async () => {
    const situation = { nodes: [node("n", "4/8Gi")], pod: pod("p", "1/1", { affinity: onlyOther }) };
    expect(refusalOf(await explain(off("filter", "NodeAffinity"), situation))).toBe(
      "NodeAffinity: node(s) didn't satisfy plugin(s) [NodeAffinity]",
    );
  });

  test("spreading goes on leaving out nodes by taints that do not refuse", async () => {
    // Two pods on the tainted node are not counted: its zone is not one that b must not be ahead of.
    const constraint = { ...spread, topologyKey: "zone", nodeTaintsPolicy: "Honor" };
    const nodes = [node("a", "4/8Gi", { zone: "a" }, "k=v:NoSchedule"), node("b", "4/8Gi", { zone: "b" })];
    const pods = [withLabels(bound("x", "0/0", "b"), { app: "a" })];
    const wanted = withLabels(pod("p", "1/1", { topologySpreadConstraints: [constraint] }), { app: "a" });
    const explanation = await explain(off("filter", "TaintToleration"), { nodes, bound: pods, pod: wanted });
    expect(explanation.nodes.map((_, i) => refusalOf(explanation, i))).toEqual(["fits", "fits"]);
  });
});

describe("who refuses is the first in the profile's order", () => {
  const labels = { app: "a" };
  const selector = { labelSelector: { matchLabels: labels } };
  const apart = { ...selector, topologyKey: "zone" };
  const spread = { ...selector, maxSkew: 1, topologyKey: "rack", whenUnsatisfiable: "DoNotSchedule" };
  const refusing = node("n", "1/1", { zone: "a" }, "k=v:NoSchedule");
  refusing.spec!.unschedulable = true;
  const port = { hostPort: 80, containerPort: 80 };
  const there = bound("b", "1/1", "n");
  there.spec!.containers[0]!.ports = [port];
  const wanted = pod("p", "1/1", {
    nodeName: "m",
    nodeSelector: { k: "v" },
    hostNetwork: true,
    hostUsers: false,
    topologySpreadConstraints: [spread],
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [apart] } },
  });
  wanted.spec!.containers[0]!.ports = [port];
  const situation = { nodes: [refusing], bound: [withLabels(there, labels)], pod: wanted };

  test.each([
    "NodeUnschedulable",
    "NodeName",
    "TaintToleration",
    "NodeAffinity",
    "NodePorts",
    "NodeResourcesFit",
    "PodTopologySpread",
    "InterPodAffinity",
    "NodeDeclaredFeatures",
  ])("%s", async (plugin) => {
    const { nodes } = await explain(profile({ filter: { enabled: [{ name: plugin }] } }), situation);
    expect(nodes[0]!.rejectedBy).toBe(plugin);
  });
});

describe("scores are weighted as the profile says", () => {
  const nodes = [node("a", "4000m/10000"), node("b", "4000m/10000", {}, "k=v:PreferNoSchedule")];
  const asks = pod("p", "3000m/5000");
  test.each([
    { name: "the default: the sheet's example (3.10)", config: profile({}), wants: [405, 105] },
    {
      name: "Fit ten times, taints once",
      config: profile({
        score: { enabled: [{ name: "NodeResourcesFit", weight: 10 }, { name: "TaintToleration" }] },
      }),
      wants: [100 + 370 + 68, 370 + 68],
    },
    { name: "without taints", config: off("score", "TaintToleration"), wants: [105, 105] },
    { name: "without Fit", config: off("score", "NodeResourcesFit"), wants: [368, 68] },
    { name: "nothing scores", config: off("score", "*"), wants: [0, 0] },
  ])("$name", async ({ config, wants }) => {
    const { explanation, node: chosen } = await place({ nodes, pod: asks, config });
    expect(explanation.nodes.map(({ total }) => total)).toEqual(wants);
    expect(chosen).toBe("a");
  });

  test("explain lists the plugins that score, and no others", async () => {
    const explanation = await explain(off("score", "InterPodAffinity"), { nodes, pod: asks });
    const { scores } = explanation.nodes[0]!;
    expect(scores).toHaveProperty("NodeAffinity");
    expect(scores).not.toHaveProperty("InterPodAffinity");
  });
});

describe("NodeAffinityArgs.addedAffinity (sheet 2.4, 9 case 29)", () => {
  const term = (key: string, ...values: string[]) => ({ key, operator: "In", values });
  const required = (...nodeSelectorTerms: object[]) =>
    withArgs({
      NodeAffinity: {
        addedAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: nodeSelectorTerms as never },
        },
      },
    });
  const nodes = [node("node1", "4/8Gi", { foo: "bar" }), node("node2", "4/8Gi", { foo: "baz" })];
  const ENFORCED = "NodeAffinity: node(s) didn't match scheduler-enforced node affinity";

  test.each([
    {
      name: "by name",
      config: required({ matchFields: [term("metadata.name", "node1")] }),
      wants: ["fits", ENFORCED],
    },
    {
      name: "by label",
      config: required({ matchExpressions: [term("foo", "baz")] }),
      wants: [ENFORCED, "fits"],
    },
    {
      name: "it comes before the pod's own",
      config: required({ matchExpressions: [term("foo", "baz")] }),
      spec: { nodeSelector: { foo: "bar" } },
      wants: [ENFORCED, "NodeAffinity: node(s) didn't match Pod's node affinity/selector"],
    },
    { name: "an empty term matches nothing", config: required({}), wants: [ENFORCED, ENFORCED] },
  ])("$name", async ({ config, spec, wants }) => {
    const explanation = await explain(config, { nodes, pod: pod("p", "1/1", spec) });
    expect(nodes.map((_, i) => refusalOf(explanation, i))).toEqual(wants);
  });

  test("preferred terms add to the pod's own", async () => {
    const preference = (weight: number, value: string) => ({
      weight,
      preference: { matchExpressions: [term("foo", value)] },
    });
    const preferred = (...terms: object[]) => ({
      preferredDuringSchedulingIgnoredDuringExecution: terms as never,
    });
    const config = withArgs({ NodeAffinity: { addedAffinity: preferred(preference(3, "bar")) } });
    const own = { affinity: { nodeAffinity: preferred(preference(1, "bar"), preference(2, "baz")) } };
    const raw = async (spec: object) =>
      (await explain(config, { nodes, pod: pod("p", "1/1", spec) })).nodes.map(
        ({ scores }) => scores!["NodeAffinity"]!.raw,
      );
    expect([await raw({}), await raw(own)]).toEqual([
      [3, 0],
      [4, 2],
    ]);
  });
});

describe("InterPodAffinityArgs (sheet 3.5)", () => {
  const zones = ["China", "India", "none"].map((region, i) =>
    node(`n${i + 1}`, "4/8Gi", region === "none" ? {} : { region }),
  );
  const near = (required: boolean, weight = 7) => {
    const term = { topologyKey: "region", labelSelector: { matchLabels: { app: "p" } } };
    return {
      podAffinity: required
        ? { requiredDuringSchedulingIgnoredDuringExecution: [term] }
        : { preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm: term }] },
    };
  };
  const labelled = (one: V1Pod) => withLabels(one, { app: "p" });
  const requiring = [1, 2].map((i) => labelled(bound(`e${i}`, "0/0", `n${i}`, { affinity: near(true) })));
  const preferring = [labelled(bound("e", "0/0", "n1", { affinity: near(false) }))];
  const wanted = labelled(pod("p", "1/1"));
  const choosy = labelled(pod("p", "1/1", { affinity: near(false, 1) }));
  test.each([
    { name: "required affinity of others counts 1", args: {}, bound: requiring, wants: [1, 1, 0] },
    { name: "5", args: { hardPodAffinityWeight: 5 }, bound: requiring, wants: [5, 5, 0] },
    { name: "0: not at all", args: { hardPodAffinityWeight: 0 }, bound: requiring, wants: [0, 0, 0] },
    { name: "preferred terms of others", args: {}, bound: preferring, wants: [7, 0, 0] },
    {
      name: "ignored for a pod without any",
      args: { ignorePreferredTermsOfExistingPods: true },
      bound: preferring,
      wants: [0, 0, 0],
    },
    {
      name: "and so is their required affinity",
      args: { ignorePreferredTermsOfExistingPods: true },
      bound: requiring,
      wants: [0, 0, 0],
    },
    {
      name: "but not for a pod that has some: 7 of others, 1 of its own",
      args: { ignorePreferredTermsOfExistingPods: true },
      bound: preferring,
      pod: choosy,
      wants: [8, 0, 0],
    },
  ])("$name", async ({ args, bound: pods, pod: one = wanted, wants }) => {
    const config = withArgs({ InterPodAffinity: args });
    const { nodes } = await explain(config, { nodes: zones, bound: pods, pod: one });
    expect(nodes.map(({ scores }) => scores!["InterPodAffinity"]!.raw)).toEqual(wants);
  });
});

describe("PodTopologySpreadArgs: constraints for pods without any (sheet 2.11, 3.6)", () => {
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    spec: { selector: { app: "web" } },
  };
  const constraint = (whenUnsatisfiable: string, more: object = {}) => ({
    maxSkew: 1,
    topologyKey: "zone",
    whenUnsatisfiable,
    ...more,
  });
  const list = (...defaultConstraints: object[]) =>
    withArgs({
      PodTopologySpread: { defaultingType: "List", defaultConstraints: defaultConstraints as never },
    });
  const nodes = [node("a", "4/8Gi", { zone: "a" }), node("b", "4/8Gi", { zone: "b" }), node("c", "4/8Gi")];
  const web = (one: V1Pod) => withLabels(one, { app: "web" });
  const there = [web(bound("x", "0/0", "a"))];
  const MISSING =
    "PodTopologySpread: node(s) didn't match pod topology spread constraints (missing required label)";
  const SKEWED = "PodTopologySpread: node(s) didn't match pod topology spread constraints";

  test.each([
    { name: "hard", config: list(constraint("DoNotSchedule")), wants: [SKEWED, "fits", MISSING] },
    {
      name: "hard with minDomains",
      config: list(constraint("DoNotSchedule", { maxSkew: 1, minDomains: 3 })),
      bound: [...there, web(bound("y", "0/0", "b"))],
      wants: [SKEWED, SKEWED, MISSING],
    },
    {
      name: "not for a pod that no Service selects",
      config: list(constraint("DoNotSchedule")),
      pod: pod("p", "1/1"),
      wants: ["fits", "fits", "fits"],
    },
    {
      name: "not for a pod that has constraints, of whatever kind",
      config: list(constraint("DoNotSchedule")),
      pod: web(
        pod("p", "1/1", {
          topologySpreadConstraints: [constraint("ScheduleAnyway", { labelSelector: {} })],
        }),
      ),
      wants: ["fits", "fits", "fits"],
    },
    { name: "an empty list: none, not even the system's", config: list(), wants: ["fits", "fits", "fits"] },
  ])("$name", async ({ config, bound: pods = there, pod: one = web(pod("p", "1/1")), wants }) => {
    const explanation = await explain(config, { nodes, bound: pods, objects: [service], pod: one });
    expect(nodes.map((_, i) => refusalOf(explanation, i))).toEqual(wants);
  });

  test.each([
    {
      name: "soft from a list: a node without the key is given 0",
      config: list(constraint("ScheduleAnyway")),
      wants: [0, 100, 0],
    },
    { name: "an empty list: nothing to score", config: list(), wants: [0, 0, 0] },
  ])("$name", async ({ config, wants }) => {
    const situation = { nodes, bound: there, objects: [service], pod: web(pod("p", "1/1")) };
    expect(scoresOf(await explain(config, situation), "PodTopologySpread")).toEqual(wants);
  });
});

describe("NodeDeclaredFeatures (sheet 2.14)", () => {
  const declaring = (name: string, ...declaredFeatures: string[]) => {
    const one = node(name, "4/8Gi");
    return { ...one, status: { ...one.status, declaredFeatures } };
  };
  const RESTART = "RestartAllContainersOnContainerExits";
  const USERNS = "UserNamespacesHostNetworkSupport";
  const nodes = [declaring("n0"), declaring("n1", RESTART, "Other"), declaring("n2", USERNS, RESTART)];
  const restarting = pod("p", "1/1");
  restarting.spec!.containers[0]!.restartPolicyRules = [{ action: "RestartAllContainers" }];
  test.each([
    { name: "nothing needed", pod: pod("p", "1/1"), wants: [true, true, true] },
    { name: RESTART, pod: restarting, wants: [false, true, true] },
    {
      name: USERNS,
      pod: pod("p", "1/1", { hostNetwork: true, hostUsers: false }),
      wants: [false, false, true],
    },
    {
      name: "hostUsers true",
      pod: pod("p", "1/1", { hostNetwork: true, hostUsers: true }),
      wants: [true, true, true],
    },
    { name: "no hostNetwork", pod: pod("p", "1/1", { hostUsers: false }), wants: [true, true, true] },
  ])("$name", async ({ pod: one, wants }) => {
    const explanation = await explain(profile({}), { nodes, pod: one });
    const refused = "NodeDeclaredFeatures: node(s) didn't match Pod's required features";
    expect(nodes.map((_, i) => refusalOf(explanation, i))).toEqual(
      wants.map((fits) => (fits ? "fits" : refused)),
    );
  });

  test("it is asked last", async () => {
    const one = pod("p", "9/1", { hostNetwork: true, hostUsers: false });
    const { message } = await place({ nodes: nodes.slice(0, 1), pod: one });
    expect(message).toMatch(/^0\/1 nodes are available: 1 Insufficient cpu\./);
  });
});

describe("SchedulingGates (sheet 7.4)", () => {
  const gated = pod("p", "1/1", { schedulingGates: [{ name: "example.com/a" }, { name: "b" }] });
  const WAITING = "waiting for scheduling gates: [example.com/a b]";

  test("a gated pod is held back, the next is not", async () => {
    const scheduler = await createScheduler({ thread: "caller", flavour: "debug" });
    scheduler.addNode(node("n", "1/8Gi"));
    expect(await scheduler.schedule([gated, pod("q", "1/1")])).toEqual([
      { pod: "default/p", node: null, message: WAITING, nodes: {} },
      { pod: "default/q", node: "n" },
    ]);
    expect(await scheduler.explain(gated)).toEqual({
      pod: "default/p",
      chosen: null,
      nodes: [{ node: "n", rejectedBy: "SchedulingGates", reasons: [WAITING] }],
    });
    await scheduler.close();
  });

  test("a profile without the plugin does not look", async () => {
    const config = off("preEnqueue", "SchedulingGates");
    const scheduler = await createScheduler({ thread: "caller", flavour: "debug", config });
    scheduler.addNode(node("n", "1/8Gi"));
    expect(await scheduler.schedule([gated])).toEqual([{ pod: "default/p", node: "n" }]);
    await scheduler.close();
  });
});

describe("what PostFilters add to the message", () => {
  const situation = {
    nodes: [node("n", "1/1Gi")],
    bound: [bound("b", "1/0", "n")],
    pod: pod("p", "1/1"),
  };
  const conflict = {
    ...situation,
    pod: pod("p", "1/1", {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              {
                matchFields: ["a", "b"].map((name) => ({
                  key: "metadata.name",
                  operator: "In",
                  values: [name],
                })),
              },
            ],
          },
        },
      },
    }),
  };
  const TEXT = "0/1 nodes are available: 1 Insufficient cpu.";
  const CONFLICT = "0/1 nodes are available: pod affinity terms conflict.";
  test.each([
    {
      name: "both",
      config: profile({}),
      wants: [`${TEXT} no new claims to deallocate, ${PREEMPTION}`, `${CONFLICT} not found`],
    },
    {
      name: "preemption alone",
      config: off("postFilter", "DynamicResources"),
      wants: [
        `${TEXT} ${PREEMPTION}`,
        `${CONFLICT} preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.`,
      ],
    },
    {
      name: "claims alone",
      config: off("postFilter", "DefaultPreemption"),
      wants: [`${TEXT} no new claims to deallocate`, `${CONFLICT} not found`],
    },
    { name: "none", config: off("postFilter", "*"), wants: [TEXT, CONFLICT] },
  ])("$name", async ({ config, wants }) => {
    const messages = [await place({ ...situation, config }), await place({ ...conflict, config })];
    expect(messages.map(({ message }) => message)).toEqual(wants);
  });
});

describe("several profiles", () => {
  const config = {
    ...HEAD,
    profiles: [
      { schedulerName: "default-scheduler" },
      {
        schedulerName: "packing",
        pluginConfig: [
          {
            name: "NodeResourcesFit",
            args: { scoringStrategy: { type: "MostAllocated", resources: [{ name: "cpu" }] } },
          },
        ],
        plugins: { score: { disabled: [{ name: "NodeResourcesBalancedAllocation" }] } },
      },
    ],
  };
  const nodes = [node("free", "4/8Gi"), node("busy", "4/8Gi")];
  const pods = [bound("b", "2/4Gi", "busy")];

  test("a pod is judged by the one it names; alike pods of two profiles apart", async () => {
    const chosen = await Promise.all(
      [undefined, "default-scheduler", "packing"].map(async (schedulerName) => {
        const wanted = pod("p", "1/1Gi", schedulerName === undefined ? {} : { schedulerName });
        return (await place({ nodes, bound: pods, pod: wanted, config })).node;
      }),
    );
    expect(chosen).toEqual(["free", "free", "busy"]);
    const scheduler = await createScheduler({ thread: "caller", flavour: "debug", config });
    for (const one of nodes) scheduler.addNode(one);
    for (const one of pods) scheduler.addPod(one);
    const names = ["packing", "default-scheduler", "packing"];
    const batch = names.map((schedulerName, i) => pod(`p${i}`, "1/1Gi", { schedulerName }));
    const decisions = await scheduler.schedule(batch);
    expect(decisions.map((one) => one.node)).toEqual(["busy", "free", "busy"]);
    await scheduler.close();
  });

  test("one that no profile is for is told so", async () => {
    const scheduler = await createScheduler({ thread: "caller", config });
    scheduler.addNode(nodes[0]!);
    const other = pod("p", "1/1", { schedulerName: "mine" });
    const message = 'profile not found for scheduler name "mine"';
    expect(await scheduler.schedule([other, pod("q", "1/1")])).toEqual([
      { pod: "default/p", node: null, message, nodes: {} },
      { pod: "default/q", node: "free" },
    ]);
    await expect(scheduler.explain(other)).rejects.toThrow(message);
    await scheduler.close();
  });

  test("without a configuration every pod is taken", async () => {
    const { node: chosen } = await place({ nodes, pod: pod("p", "1/1", { schedulerName: "mine" }) });
    expect(chosen).toBe("free");
  });

  test("a configuration with a mistake gives no scheduler; one with a field that has no effect says so", async () => {
    await expect(createScheduler({ config: { ...HEAD, kind: "Pod" } })).rejects.toThrow(
      "kind: Unsupported value",
    );
    const warnings: string[] = [];
    const scheduler = await createScheduler({
      thread: "caller",
      config: { ...HEAD, percentageOfNodesToScore: 5 },
      onWarning: (text) => warnings.push(text),
    });
    expect(warnings).toEqual(["percentageOfNodesToScore is ignored: all nodes are filtered and scored"]);
    await scheduler.close();
  });
});
