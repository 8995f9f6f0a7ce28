import { describe, expect, test } from "vitest";
import { explain, HEAD, off, PREEMPTION, profile, withArgs } from "../../test/reference/profile-shorthand.ts";
import { bound, node, place, pod, withLabels } from "../../test/reference/shorthand.ts";
import type { V1Pod } from "../api/generated/types.ts";
import { createScheduler } from "./library.ts";

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
