import { describe, expect, test } from "vitest";
import { explain, HEAD, scoresOf, withArgs } from "../../test/reference/profile-shorthand.ts";
import { bound, node, pod, refusalOf } from "../../test/reference/shorthand.ts";
import type { WrittenArgs } from "./configuration/kube-scheduler-configuration.ts";
import { createScheduler } from "./library.ts";

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
