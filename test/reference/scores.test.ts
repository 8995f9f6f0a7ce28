import { describe, expect, test } from "vitest";
import type { ScoreName } from "../../host/wasm/scheduler-facts.ts";
import { bound, node, place, pod, type Situation } from "./shorthand.ts";

/** The worked examples of shared/spec/scheduling.md section 3, and tricky cases 65, 66 and 69. */
async function scores(plugin: ScoreName, what: "raw" | "normalized", situation: Situation) {
  const { explanation } = await place(situation);
  return explanation.nodes.map((one) => one.scores?.[plugin]?.[what]);
}

const TWO_SIZES = [node("n1", "4000m/10000"), node("n2", "6000m/10000")];

describe("NodeResourcesFit, LeastAllocated", () => {
  test("empty nodes", async () => {
    expect(
      await scores("NodeResourcesFit", "raw", { nodes: TWO_SIZES, pod: pod("p", "3000m/5000") }),
    ).toEqual([37, 50]);
  });

  test("with existing usage", async () => {
    const situation = {
      nodes: [node("n1", "10000m/20000"), node("n2", "10000m/20000")],
      bound: [bound("a", "3000m/0", "n1"), bound("b", "3000m/5000", "n2")],
      pod: pod("p", "3000m/5000"),
    };
    expect(await scores("NodeResourcesFit", "raw", situation)).toEqual([57, 45]);
  });

  test("a container that asks nothing counts 100m and 200 MiB", async () => {
    const situation = { nodes: [node("n1", "1000m/2000Mi")], pod: pod("p", "") };
    expect(await scores("NodeResourcesFit", "raw", situation)).toEqual([90]);
  });

  test("pod-level requests do not count in the score", async () => {
    const resources = { requests: { cpu: "500m", memory: "1000Mi" } };
    const situation = { nodes: [node("n1", "1000m/2000Mi")], pod: pod("p", "", { resources }) };
    expect(await scores("NodeResourcesFit", "raw", situation)).toEqual([90]);
  });
});

describe("NodeResourcesBalancedAllocation", () => {
  test("65 how the pod changes the balance", async () => {
    const situation = { nodes: TWO_SIZES, pod: pod("p", "3000m/5000") };
    expect(await scores("NodeResourcesBalancedAllocation", "raw", situation)).toEqual([68, 75]);
  });

  test("a pod that asks nothing is not scored", async () => {
    const situation = { nodes: TWO_SIZES, pod: pod("p", "") };
    expect(await scores("NodeResourcesBalancedAllocation", "raw", situation)).toEqual([0, 0]);
  });

  // before: what is used; pod: what is added; all of 1000m and 1000 bytes
  test.each([
    { name: "50 to 100 is a cure", before: "1000m/0", asks: "0/1000", wants: 100 },
    { name: "100 to 50 is the worst", before: "", asks: "1000m/0", wants: 50 },
    { name: "90 to 80", before: "200m/0", asks: "200m/0", wants: 70 },
  ])("$name", async ({ before, asks, wants }) => {
    const situation = {
      nodes: [node("n1", "1000m/1000")],
      bound: [bound("b", before, "n1")],
      pod: pod("p", asks),
    };
    expect(await scores("NodeResourcesBalancedAllocation", "raw", situation)).toEqual([wants]);
  });
});

describe("TaintToleration", () => {
  const soft = (count: number) => Array.from({ length: count }, (_, i) => `t${i}:PreferNoSchedule`);
  test.each([
    { name: "66 fewer is better", taints: [0, 1, 2], wants: [100, 50, 0] },
    { name: "none at all", taints: [0, 0], wants: [100, 100] },
    { name: "the same everywhere", taints: [1, 1], wants: [0, 0] },
    { name: "rounded down before it is turned", taints: [1, 3], wants: [67, 0] },
  ])("$name", async ({ taints, wants }) => {
    const nodes = taints.map((count, i) => node(`n${i}`, "1/1Gi", {}, ...soft(count)));
    expect(await scores("TaintToleration", "normalized", { nodes, pod: pod("p", "") })).toEqual(wants);
  });

  test("a toleration of NoSchedule does not help against PreferNoSchedule", async () => {
    const nodes = [node("n1", "1/1Gi", {}, "k:PreferNoSchedule")];
    const tolerations = [{ key: "k", operator: "Exists", effect: "NoSchedule" }];
    expect(await scores("TaintToleration", "raw", { nodes, pod: pod("p", "", { tolerations }) })).toEqual([
      1,
    ]);
  });
});

test("NodeAffinity: the weights of matching terms, of the highest", async () => {
  const term = (weight: number, ...pairs: string[]) => ({
    weight,
    preference: {
      matchExpressions: pairs.map((pair) => {
        const [key, value] = pair.split("=");
        return { key: key!, operator: "In", values: [value!] };
      }),
    },
  });
  const terms = [term(2, "foo=bar"), term(4, "key=value"), term(5, "foo=bar", "key=value", "az=az1")];
  const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: terms } };
  const situation = {
    nodes: [
      node("n1", "1/1Gi", { foo: "bar" }),
      node("n5", "1/1Gi", { foo: "bar", key: "value", az: "az1" }),
      node("n2", "1/1Gi", { key: "value" }),
    ],
    pod: pod("p", "", { affinity }),
  };
  expect(await scores("NodeAffinity", "raw", situation)).toEqual([2, 11, 4]);
  expect(await scores("NodeAffinity", "normalized", situation)).toEqual([18, 100, 36]);
});

describe("the whole pod", () => {
  test("3.10 weights add up, and the best is chosen", async () => {
    const nodes = [node("A", "4000m/10000"), node("B", "4000m/10000", {}, "k:PreferNoSchedule")];
    const { explanation, node: chosen } = await place({ nodes, pod: pod("p", "3000m/5000") });
    expect(explanation.nodes.map(({ total }) => total)).toEqual([405, 105]);
    expect(chosen).toBe("A");
  });

  test("69 one feasible node is chosen, whatever it scores", async () => {
    const nodes = [node("A", "1m/10000"), node("B", "4000m/10000", {}, "k:PreferNoSchedule")];
    expect((await place({ nodes, pod: pod("p", "3000m/5000") })).node).toBe("B");
  });

  test("ties: the lowest slot, or drawn from the seed", async () => {
    const nodes = ["a", "b", "c", "d"].map((name) => node(name, "1/1Gi"));
    expect((await place({ nodes, pod: pod("p", "") })).node).toBe("a");
    const drawn = await Promise.all(
      Array.from({ length: 20 }, (_, seed) => place({ nodes, pod: pod("p", "") }, { ties: "random", seed })),
    );
    expect(new Set(drawn.map((one) => one.node)).size).toBe(4);
  });
});
