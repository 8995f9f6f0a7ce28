import { describe, expect, test } from "vitest";
import type { V1Node, V1Pod, V1PodSpec, V1TopologySpreadConstraint } from "../../host/api/generated/types.ts";
import { instantiateScheduler } from "../../host/wasm/scheduler-module.ts";
import { logarithm } from "./model/go-log.ts";
import { bound, node, place, pod, type Situation, withLabels } from "./shorthand.ts";

/** The worked examples of shared/spec/scheduling.md 3.5 and 3.6. */
const HOST = "kubernetes.io/hostname";
const ZONE = "topology.kubernetes.io/zone";
const FOO = { foo: "" };

async function scores(plugin: string, part: "raw" | "normalized", situation: Situation): Promise<number[]> {
  const { explanation } = await place(situation);
  return explanation.nodes.map((one) => one.scores![plugin]![part]);
}

/** Nodes n0, n1, … with as many pods labelled foo as the counts say; two nodes a zone. */
function cluster(counts: readonly number[]): { nodes: V1Node[]; bound: V1Pod[] } {
  return {
    nodes: counts.map((_, i) =>
      node(`n${i}`, "64/64Gi", { [HOST]: `n${i}`, [ZONE]: `z${Math.floor(i / 2)}` }),
    ),
    bound: counts.flatMap((count, i) =>
      Array.from({ length: count }, (_, j) => withLabels(bound(`b${i}-${j}`, "", `n${i}`), FOO)),
    ),
  };
}

const soft = (
  topologyKey: string,
  maxSkew: number,
  more: Partial<V1TopologySpreadConstraint> = {},
): Partial<V1PodSpec> => ({
  topologySpreadConstraints: [
    {
      topologyKey,
      maxSkew,
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: FOO },
      ...more,
    },
  ],
});

describe("PodTopologySpread, soft", () => {
  test.each([
    {
      name: "a host each",
      counts: [2, 1, 0, 3],
      spec: soft(HOST, 1),
      raw: [4, 2, 0, 5],
      is: [20, 60, 100, 0],
    },
    {
      name: "maxSkew 2",
      counts: [2, 1, 0, 3],
      spec: soft(HOST, 2),
      raw: [5, 3, 1, 6],
      is: [33, 66, 100, 16],
    },
    {
      name: "maxSkew 3",
      counts: [4, 3, 2, 1],
      spec: soft(HOST, 3),
      raw: [9, 7, 6, 4],
      is: [44, 66, 77, 100],
    },
    {
      name: "two zones",
      counts: [4, 2, 1, 3],
      spec: soft(ZONE, 1),
      raw: [8, 8, 6, 6],
      is: [75, 75, 100, 100],
    },
    {
      name: "no selector",
      counts: [2, 1, 0, 3],
      spec: soft(HOST, 1, { labelSelector: undefined }),
      raw: [0, 0, 0, 0],
      is: [100, 100, 100, 100],
    },
    {
      name: "68 nobody is there",
      counts: [0, 0, 0, 0],
      spec: soft(HOST, 1),
      raw: [0, 0, 0, 0],
      is: [100, 100, 100, 100],
    },
    {
      name: "68 maxSkew 3",
      counts: [0, 0, 0, 0],
      spec: soft(HOST, 3),
      raw: [2, 2, 2, 2],
      is: [100, 100, 100, 100],
    },
  ])("$name: $counts: $is", async ({ counts, spec, raw, is }) => {
    const situation = { ...cluster(counts), pod: withLabels(pod("p", "", spec), FOO) };
    expect(await scores("PodTopologySpread", "raw", situation)).toEqual(raw);
    expect(await scores("PodTopologySpread", "normalized", situation)).toEqual(is);
  });

  test("a node without the key is ignored: 0 when the constraints are the pod's own", async () => {
    const { nodes, bound: there } = cluster([1, 1, 0, 3]);
    delete nodes[2]!.metadata!.labels![HOST];
    const situation = { nodes, bound: there, pod: withLabels(pod("p", "", soft(HOST, 1)), FOO) };
    expect(await scores("PodTopologySpread", "raw", situation)).toEqual([2, 2, 0, 5]);
    expect(await scores("PodTopologySpread", "normalized", situation)).toEqual([100, 100, 0, 40]);
  });
});

describe("the system's default constraints", () => {
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    spec: { selector: FOO },
  };
  const replicaSet = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "web-1", namespace: "default" },
    spec: { selector: { matchLabels: FOO } },
  };
  const owned = (kind: string): V1Pod => {
    const one = withLabels(pod("p", ""), FOO);
    const reference = { apiVersion: "apps/v1", kind, name: "web-1", uid: "1", controller: true };
    return { ...one, metadata: { ...one.metadata, ownerReferences: [reference] } };
  };
  const spreads = [75, 87, 100, 62];
  const skipped = [0, 0, 0, 0];
  test.each([
    { name: "through a Service", objects: [service], pod: withLabels(pod("p", ""), FOO), is: spreads },
    { name: "through the owner", objects: [replicaSet], pod: owned("ReplicaSet"), is: spreads },
    { name: "not through another owner", objects: [replicaSet], pod: owned("DaemonSet"), is: skipped },
    { name: "nobody selects the pod", objects: [], pod: withLabels(pod("p", ""), FOO), is: skipped },
    { name: "the Service selects others", objects: [service], pod: pod("p", ""), is: skipped },
  ])("$name", async ({ objects, pod: wanted, is }) => {
    const situation = { ...cluster([2, 1, 0, 3]), objects, pod: wanted };
    // Zones hold 3 and 3, weight ln 4; hosts weigh ln 6: raw 2·1.79+2 + 3·1.39+4 = 13.7, 11.9, 10.2, 15.5.
    if (is === spreads) expect(await scores("PodTopologySpread", "raw", situation)).toEqual([14, 12, 10, 16]);
    const normalized = await scores("PodTopologySpread", "normalized", situation);
    expect(normalized).toEqual(is);
  });
});

describe("InterPodAffinity", () => {
  const nodes = [
    node("n1", "8/8Gi", { region: "China" }),
    node("n2", "8/8Gi", { region: "India" }),
    node("n3", "8/8Gi"),
  ];
  const expression = (key: string, operator: string, ...values: string[]) => ({
    key,
    operator,
    ...(values.length > 0 ? { values } : {}),
  });
  const term = (...matchExpressions: ReturnType<typeof expression>[]) => ({
    labelSelector: { matchExpressions },
    topologyKey: "region",
  });

  test("67 preferences of the pod", async () => {
    const preferred = [
      {
        weight: 8,
        podAffinityTerm: term(expression("security", "NotIn", "S1"), expression("security", "In", "S2")),
      },
      {
        weight: 2,
        podAffinityTerm: term(expression("security", "Exists"), expression("wrongkey", "DoesNotExist")),
      },
    ];
    const affinity = { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } };
    const situation = {
      nodes,
      bound: [
        withLabels(bound("one", "", "n1"), { security: "S1" }),
        withLabels(bound("two", "", "n2"), { security: "S2" }),
      ],
      pod: pod("p", "", { affinity }),
    };
    expect(await scores("InterPodAffinity", "raw", situation)).toEqual([2, 10, 0]);
    expect(await scores("InterPodAffinity", "normalized", situation)).toEqual([20, 100, 0]);
  });

  test("others' required affinity counts as a preference of 1 a term", async () => {
    const terms = [term(expression("security", "Exists")), term(expression("security", "In", "S1"))];
    const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } };
    const situation = {
      nodes,
      bound: [bound("one", "", "n1", { affinity }), bound("two", "", "n2", { affinity })],
      pod: withLabels(pod("p", ""), { security: "S1" }),
    };
    expect(await scores("InterPodAffinity", "raw", situation)).toEqual([2, 2, 0]);
    expect(await scores("InterPodAffinity", "normalized", situation)).toEqual([100, 100, 0]);
  });

  test("67 all equal: 0", async () => {
    expect(await scores("InterPodAffinity", "normalized", { nodes, pod: pod("p", "") })).toEqual([0, 0, 0]);
  });
});

describe("Go's math.Log", () => {
  // shared/spec/wasm-core.md 11: 14 is the first that JavaScript's logarithm has otherwise.
  test.each([
    [2, "3fe62e42fefa39ef"],
    [3, "3ff193ea7aad030a"],
    [6, "3ffcab0bfa2a2002"],
    [14, "40051cca16d7bba8"],
    [27, "400a5ddfb8038490"],
    [127, "4013607294602e42"],
    [1001, "401ba2909ce4f864"],
    [1523, "401d5051e1a5e0cd"],
    [5002, "40210901f6dc84b9"],
    [1000002, "402ba18adcabd9bd"],
  ])("of %i", (x, bits) => {
    const hex = (value: number) => {
      const view = new DataView(new ArrayBuffer(8));
      view.setFloat64(0, value);
      return view.getBigUint64(0).toString(16);
    };
    for (const flavour of ["release", "scalar", "debug"] as const)
      expect(hex(instantiateScheduler(flavour).goLog(x)), flavour).toBe(bits);
    expect(hex(logarithm(x))).toBe(bits);
  });
});
