import { describe, expect, test } from "vitest";
import { explain, off, profile, scoresOf, withArgs } from "../../test/reference/profile-shorthand.ts";
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
import { createScheduler } from "./library.ts";

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
