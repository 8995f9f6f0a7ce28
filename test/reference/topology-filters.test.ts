import { describe, expect, test } from "vitest";
import type {
  V1Node,
  V1Pod,
  V1PodAffinityTerm,
  V1PodSpec,
  V1TopologySpreadConstraint,
} from "../../host/api/generated/types.ts";
import { bound, node, place, pod, profile, refusalOf, refusalsOf, withLabels } from "./shorthand.ts";

/** The sheet's tricky cases (shared/spec/scheduling.md 9) of PodTopologySpread and InterPodAffinity, by their numbers. */
const UNEVEN = "PodTopologySpread: node(s) didn't match pod topology spread constraints";
const NO_LABEL = `${UNEVEN} (missing required label)`;
const NOT_NEAR = "InterPodAffinity: node(s) didn't match pod affinity rules";
const TOO_NEAR = "InterPodAffinity: node(s) didn't match pod anti-affinity rules";
const UNWANTED = "InterPodAffinity: node(s) didn't satisfy existing pods anti-affinity rules";

/** Nodes a and b in zone1, x and y in zone2, each its own host. */
const ZONES: Readonly<Record<string, string>> = { a: "zone1", b: "zone1", x: "zone2", y: "zone2" };
const cluster = (names = "a b x y"): V1Node[] =>
  names.split(" ").map((name) => node(name, "8/8Gi", { zone: ZONES[name]!, node: name }));

const FOO = { matchLabels: { foo: "" } };

/** `spread("zone 1")`: key and maxSkew; selects foo. */
function spread(text: string, more: Partial<V1TopologySpreadConstraint> = {}): V1TopologySpreadConstraint {
  const [topologyKey, maxSkew] = text.split(" ");
  return {
    topologyKey: topologyKey!,
    maxSkew: Number(maxSkew),
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: FOO,
    ...more,
  };
}

/** Bound pods labelled foo: `pods("a2 b1")` is two on a and one on b. */
function pods(text: string): V1Pod[] {
  return text
    .split(" ")
    .filter(Boolean)
    .flatMap((one) =>
      Array.from({ length: Number(one.slice(1)) }, (_, i) =>
        withLabels(bound(`${one}-${i}`, "", one[0]!), { foo: "" }),
      ),
    );
}

const foo = (spec: Partial<V1PodSpec>) => withLabels(pod("p", "", spec), { foo: "" });

/** Each node's outcome. */
async function outcomes(nodes: readonly V1Node[], there: readonly V1Pod[], wanted: V1Pod): Promise<string[]> {
  const { explanation } = await place({ nodes, bound: there, pod: wanted });
  return nodes.map((_, i) => refusalOf(explanation, i));
}

describe("PodTopologySpread, hard", () => {
  const F = "fits";
  test.each([
    { name: "30", there: "a2 b1 y3", by: [spread("node 1")], is: [UNEVEN, UNEVEN, F, UNEVEN] },
    { name: "30 maxSkew 2", there: "a2 b1 y3", by: [spread("node 2")], is: [UNEVEN, F, F, UNEVEN] },
    {
      name: "32 minDomains above the domains",
      nodes: "a b x",
      there: "a2 b2 x1",
      by: [spread("node 2", { minDomains: 4 })],
      is: [UNEVEN, UNEVEN, F],
    },
    {
      name: "32 minDomains below",
      nodes: "a b x",
      there: "a2 b2 x1",
      by: [spread("node 2", { minDomains: 2 })],
      is: [F, F, F],
    },
    {
      name: "minDomains that are just there",
      nodes: "a b x",
      there: "a2 b2 x1",
      by: [spread("node 2", { minDomains: 3 })],
      is: [F, F, F],
    },
    {
      name: "34 both zone and node",
      there: "a2 b1 y3",
      by: [spread("zone 1"), spread("node 1")],
      is: [UNEVEN, UNEVEN, F, UNEVEN],
    },
    {
      name: "34 none",
      there: "a2 b1 y4",
      by: [spread("zone 1"), spread("node 1")],
      is: [UNEVEN, UNEVEN, UNEVEN, UNEVEN],
    },
    {
      name: "38 no selector",
      there: "a2 b1 y3",
      by: [spread("node 1", { labelSelector: undefined })],
      is: [F, F, F, F],
    },
    {
      name: "a selector of everything counts nothing but the pod",
      there: "a2 b1 y3",
      by: [spread("node 1", { labelSelector: {} })],
      is: [F, F, F, F],
    },
    {
      name: "matchLabelKeys narrow",
      there: "a2 b1 y3",
      by: [spread("node 1", { labelSelector: {}, matchLabelKeys: ["foo", "absent"] })],
      is: [UNEVEN, UNEVEN, F, UNEVEN],
    },
  ])("$name", async ({ nodes, there, by, is }) => {
    const wanted = foo({ topologySpreadConstraints: by });
    expect(await outcomes(cluster(nodes), pods(there), wanted)).toEqual(is);
  });

  test("31 a pod that is not selected itself adds nothing", async () => {
    const wanted = pod("p", "", { topologySpreadConstraints: [spread("node 1")] });
    expect(await outcomes(cluster(), pods("a2 b1 y3"), wanted)).toEqual([UNEVEN, F, F, UNEVEN]);
  });

  test("33 a node without the label is refused for good, and its pod is not counted", async () => {
    const [a, b, x] = cluster("a b x");
    delete b!.metadata!.labels!["zone"];
    const wanted = foo({ topologySpreadConstraints: [spread("zone 1")] });
    expect(await outcomes([a!, b!, x!], pods("a1 b1 x2"), wanted)).toEqual([F, NO_LABEL, UNEVEN]);
  });

  test("35 a pod that is being deleted does not count", async () => {
    const [first, second] = pods("a1 b1");
    first!.metadata!.deletionTimestamp = "2026-01-01T00:00:00Z";
    const wanted = foo({ topologySpreadConstraints: [spread("node 1")] });
    expect(await outcomes(cluster("a b"), [first!, second!], wanted)).toEqual([F, UNEVEN]);
  });

  test.each([
    { policy: "Honor", is: [F, F, F] },
    { policy: "Ignore", is: [UNEVEN, UNEVEN, UNEVEN] },
  ])("36 nodeAffinityPolicy $policy", async ({ policy, is }) => {
    const nodes = cluster();
    for (const name of [0, 1, 2]) nodes[name]!.metadata!.labels!["foo"] = "";
    const wanted = foo({
      nodeSelector: { foo: "" },
      topologySpreadConstraints: [spread("node 1", { nodeAffinityPolicy: policy })],
    });
    // y is empty and not selected: counted, it makes the others uneven.
    expect((await outcomes(nodes, pods("a1 b1 x1"), wanted)).slice(0, 3)).toEqual(is);
  });

  test.each([
    { policy: "Honor", is: [UNEVEN, UNEVEN, F, F] },
    { policy: "Ignore", is: [UNEVEN, UNEVEN, F, UNEVEN] },
  ])("36 a node that is not counted, nodeAffinityPolicy $policy", async ({ policy, is }) => {
    const nodes = cluster();
    for (const name of [0, 1, 2]) nodes[name]!.metadata!.labels!["foo"] = "";
    const wanted = foo({
      nodeSelector: { foo: "" },
      topologySpreadConstraints: [spread("node 1", { nodeAffinityPolicy: policy })],
    });
    // NodeAffinity would refuse y first; without it, y is judged as a domain without pods, or by its one pod.
    const config = profile({ plugins: { filter: { disabled: [{ name: "NodeAffinity" }] } } });
    const situation = { nodes, bound: pods("a1 b1 y1"), pod: wanted, config };
    expect(refusalsOf((await place(situation)).explanation)).toEqual(is);
  });

  test.each([
    { policy: "Honor", is: [F, UNEVEN] },
    { policy: "Ignore", is: [UNEVEN, UNEVEN] },
  ])("nodeTaintsPolicy $policy", async ({ policy, is }) => {
    const tainted = node("x", "8/8Gi", { node: "x" }, "k:NoSchedule");
    const nodes = [node("a", "8/8Gi", { node: "a" }), node("b", "8/8Gi", { node: "b" }), tainted];
    const wanted = foo({ topologySpreadConstraints: [spread("node 1", { nodeTaintsPolicy: policy })] });
    // The tainted node is empty: counted, it makes the others uneven.
    expect((await outcomes(nodes, pods("a1 b2"), wanted)).slice(0, 2)).toEqual(is);
  });

  test("37 pods of another namespace are not counted", async () => {
    const there = pods("a2");
    for (const one of there) one.metadata!.namespace = "other";
    const wanted = foo({ topologySpreadConstraints: [spread("node 1")] });
    expect(await outcomes(cluster("a b"), there, wanted)).toEqual([F, F]);
  });

  test("63 what preemption would make of it is tried node by node", async () => {
    const wanted = foo({
      priority: 10,
      topologySpreadConstraints: [spread("zone 1"), spread("node 1")],
    });
    const there = pods("a2 b1 x2").map((one) => {
      one.spec!.priority = one.spec!.nodeName === "x" ? 10 : 1;
      return one;
    });
    const { message } = await place({ nodes: cluster("a b x"), bound: there, pod: wanted });
    expect(message).toBe(`0/3 nodes are available: 3 ${UNEVEN.slice("PodTopologySpread: ".length)}.`);
  });
});

describe("InterPodAffinity", () => {
  const F = "fits";
  const term = (labels: Record<string, string>, topologyKey: string): V1PodAffinityTerm => ({
    labelSelector: { matchLabels: labels },
    topologyKey,
  });
  const near = (...terms: V1PodAffinityTerm[]): Partial<V1PodSpec> => ({
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  });
  const apart = (...terms: V1PodAffinityTerm[]): Partial<V1PodSpec> => ({
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  });
  const onA = (labels: Record<string, string>, spec: Partial<V1PodSpec> = {}) =>
    withLabels(bound("there", "", "A", spec), labels);
  const twoNodes = (zoneOfB: string) => [
    node("A", "8/8Gi", { region: "r1", zone: "z1" }),
    node("B", "8/8Gi", { region: "r1", zone: zoneOfB }),
  ];
  const both = { foo: "bar", service: "securityscan" };
  const bothTerms = (key: string) => [term({ foo: "bar" }, key), term({ service: "securityscan" }, key)];

  test.each([
    {
      name: "39 the first of a series: nobody matches all terms",
      there: [onA({ foo: "bar" })],
      pod: withLabels(pod("p", "", near(...bothTerms("zone"))), both),
      is: [F, F],
    },
    {
      name: "40 but the nodes need the label",
      there: [onA({ foo: "bar" })],
      pod: withLabels(pod("p", "", near(...bothTerms("rack"))), both),
      is: [NOT_NEAR, NOT_NEAR],
    },
    {
      name: "a pod that does not match itself is no first",
      there: [],
      pod: pod("p", "", near(...bothTerms("zone"))),
      is: [NOT_NEAR, NOT_NEAR],
    },
    {
      name: "41 one pod has to match all terms",
      there: [onA({ foo: "1" }), withLabels(bound("other", "", "B"), { bar: "1" })],
      pod: pod("p", "", near(term({ foo: "1" }, "region"), term({ bar: "1" }, "zone"))),
      is: [NOT_NEAR, NOT_NEAR],
    },
    {
      name: "41 and then its whole zone is near",
      zoneOfB: "z1",
      there: [onA({ foo: "1", bar: "1" })],
      pod: pod("p", "", near(term({ foo: "1" }, "region"), term({ bar: "1" }, "zone"))),
      is: [F, F],
    },
    {
      name: "42 any anti-affinity term is enough",
      there: [onA({ foo: "abc", service: "securityscan" })],
      pod: pod("p", "", apart(term({ foo: "abc" }, "region"), term({ service: "securityscan" }, "zone"))),
      is: [TOO_NEAR, TOO_NEAR],
    },
    {
      name: "a node without the key is never too near",
      there: [onA({ foo: "abc" })],
      pod: pod("p", "", apart(term({ foo: "abc" }, "rack"))),
      is: [F, F],
    },
    {
      name: "43 others may not want the pod",
      there: [onA({}, apart(term({ foo: "bar" }, "zone")))],
      pod: withLabels(pod("p", ""), { foo: "bar" }),
      is: [UNWANTED, F],
    },
    {
      name: "43 its own reason comes first",
      there: [onA({ foo: "bar" }, apart(term({ foo: "bar" }, "zone")))],
      pod: withLabels(pod("p", "", apart(term({ foo: "bar" }, "zone"))), { foo: "bar" }),
      is: [TOO_NEAR, F],
    },
    {
      name: "others' affinity asks nothing of the pod",
      there: [onA({ foo: "bar" }, near(term({ foo: "bar" }, "zone")))],
      pod: withLabels(pod("p", ""), { foo: "bar" }),
      is: [F, F],
    },
    {
      name: "who it must be with is asked before who it must not",
      there: [onA({ foo: "bar" })],
      pod: pod("p", "", {
        affinity: {
          podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term({ no: "body" }, "zone")] },
          podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term({ foo: "bar" }, "zone")] },
        },
      }),
      is: [NOT_NEAR, NOT_NEAR],
    },
    {
      name: "a term without a selector matches nothing",
      there: [onA({ foo: "bar" })],
      pod: pod("p", "", near({ topologyKey: "zone" })),
      is: [NOT_NEAR, NOT_NEAR],
    },
    {
      name: "mismatchLabelKeys: other revisions only",
      there: [onA({ app: "web", hash: "1" })],
      pod: withLabels(pod("p", "", apart({ ...term({ app: "web" }, "zone"), mismatchLabelKeys: ["hash"] })), {
        app: "web",
        hash: "1",
      }),
      is: [F, F],
    },
  ])("$name", async ({ zoneOfB = "z2", there, pod: wanted, is }) => {
    expect(await outcomes(twoNodes(zoneOfB), there, wanted)).toEqual(is);
  });

  test.each([
    { name: "named", more: { namespaces: ["other"] }, is: TOO_NEAR },
    { name: "not named", more: {}, is: F },
    { name: "selected", more: { namespaceSelector: { matchLabels: { team: "a" } } }, is: TOO_NEAR },
    { name: "not selected", more: { namespaceSelector: { matchLabels: { team: "b" } } }, is: F },
    { name: "all", more: { namespaceSelector: {} }, is: TOO_NEAR },
    {
      name: "the 1.36 quirk: only NotIn takes every namespace",
      more: { namespaceSelector: { matchExpressions: [{ key: "team", operator: "NotIn", values: ["a"] }] } },
      is: TOO_NEAR,
    },
  ])("namespaces: $name", async ({ more, is }) => {
    const there = onA({ foo: "bar" });
    there.metadata!.namespace = "other";
    const namespace = {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "other", labels: { team: "a" } },
    };
    const wanted = pod("p", "", apart({ ...term({ foo: "bar" }, "zone"), ...more }));
    const { explanation } = await place({
      nodes: twoNodes("z2"),
      bound: [there],
      objects: [namespace],
      pod: wanted,
    });
    expect(refusalOf(explanation)).toBe(is);
  });

  test("an affinity that is not met cannot be resolved by preemption, an anti-affinity can", async () => {
    const there = onA({ foo: "bar" });
    const alone = twoNodes("z2").slice(0, 1);
    const wanted = { ...pod("p", "", apart(term({ foo: "bar" }, "zone"))) };
    wanted.spec!.priority = 10;
    const resolved = await place({ nodes: alone, bound: [there], pod: wanted });
    expect(resolved.message).toBe("0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.");
    const never = await place({ nodes: alone, pod: pod("p", "", near(term({ foo: "bar" }, "zone"))) });
    expect(never.message).toBe(
      "0/1 nodes are available: 1 node(s) didn't match pod affinity rules. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    );
  });

  test("each placement is seen by the next of the batch", async () => {
    const self = withLabels(pod("p", "", apart(term({ foo: "bar" }, "zone"))), { foo: "bar" });
    const { placed } = await place({ nodes: twoNodes("z2"), pod: self, replicas: 3 });
    expect(placed).toEqual(["A", "B", null]);
  });
});
