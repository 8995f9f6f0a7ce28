import { describe, expect, test } from "vitest";
import type { V1Node, V1Pod } from "../../host/api/generated/types.ts";
import {
  createScheduler,
  type Decision,
  type Scheduler,
  type SchedulerOptions,
} from "../../host/scheduler/library.ts";
import { bound, node, place, pod, withLabels } from "./shorthand.ts";

async function withScheduler<T>(
  options: SchedulerOptions,
  use: (scheduler: Scheduler) => Promise<T>,
): Promise<T> {
  const scheduler = await createScheduler({ thread: "caller", flavour: "debug", ...options });
  try {
    return await use(scheduler);
  } finally {
    await scheduler.close();
  }
}

const inWords = (decision: Decision) => decision.node ?? decision.message;
const PREEMPTION = "no new claims to deallocate, preemption:";

describe("the message of a pod that fits nowhere", () => {
  const three = ["n1", "n2", "n3"].map((name) => node(name, "4/8Gi"));
  const full = three.map(({ metadata }) => bound(`b-${metadata!.name}`, "4/0", metadata!.name!));
  test.each([
    { name: "no nodes", nodes: [], asks: "1/1", wants: "no nodes available to schedule pods" },
    {
      name: "more than any node has",
      nodes: three,
      asks: "5/1",
      wants: `0/3 nodes are available: 3 Insufficient cpu. ${PREEMPTION} 0/3 nodes are available: 3 Preemption is not helpful for scheduling.`,
    },
    {
      name: "full nodes, no victims",
      nodes: three,
      bound: full,
      asks: "1/1",
      wants: `0/3 nodes are available: 3 Insufficient cpu. ${PREEMPTION} 0/3 nodes are available: 3 No preemption victims found for incoming pod.`,
    },
    {
      name: "the sheet's example: three full, two tainted; sorted as text",
      nodes: [...three, node("t1", "4/8Gi", {}, "k:NoSchedule"), node("t2", "4/8Gi", {}, "k:NoSchedule")],
      bound: full,
      asks: "1/1",
      wants: `0/5 nodes are available: 2 node(s) had untolerated taint(s), 3 Insufficient cpu. ${PREEMPTION} 0/5 nodes are available: 2 Preemption is not helpful for scheduling, 3 No preemption victims found for incoming pod.`,
    },
    {
      name: "49 one reason on one node, another on two",
      nodes: [node("n1", "1/1"), ...["t1", "t2"].map((name) => node(name, "4/8Gi", {}, "k:NoSchedule"))],
      asks: "2/1",
      wants: `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). ${PREEMPTION} 0/3 nodes are available: 3 Preemption is not helpful for scheduling.`,
    },
    {
      name: "10 of a kind sort before 2",
      nodes: [
        ...Array.from({ length: 10 }, (_, i) => node(`n${i}`, "1/1")),
        ...["t1", "t2"].map((name) => node(name, "4/8Gi", {}, "k:NoSchedule")),
      ],
      asks: "2/1",
      wants: `0/12 nodes are available: 10 Insufficient cpu, 2 node(s) had untolerated taint(s). ${PREEMPTION} 0/12 nodes are available: 12 Preemption is not helpful for scheduling.`,
    },
    {
      name: "two reasons on one node count twice",
      nodes: [node("n1", "1/1 pods=0")],
      asks: "2/2",
      wants: `0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods. ${PREEMPTION} 0/1 nodes are available: 1 Preemption is not helpful for scheduling.`,
    },
    {
      name: "preemptionPolicy Never",
      nodes: three,
      bound: full,
      asks: "1/1",
      spec: { preemptionPolicy: "Never", priority: 10 },
      wants: `0/3 nodes are available: 3 Insufficient cpu. ${PREEMPTION} not eligible due to preemptionPolicy=Never.`,
    },
    {
      name: "victims would make room: nothing more is said",
      nodes: three,
      bound: full,
      asks: "1/1",
      spec: { priority: 10 },
      wants: "0/3 nodes are available: 3 Insufficient cpu.",
    },
    {
      name: "too small even without victims",
      nodes: [node("n1", "4/8Gi")],
      bound: [bound("high", "3/0", "n1", { priority: 10 }), bound("low", "1/0", "n1")],
      asks: "2/1",
      spec: { priority: 10 },
      wants: `0/1 nodes are available: 1 Insufficient cpu. ${PREEMPTION} 0/1 nodes are available: 1 Insufficient cpu.`,
    },
  ])("$name", async ({ nodes, bound: pods = [], asks, spec, wants }) => {
    const { message } = await place({ nodes, bound: pods, pod: pod("p", asks, spec) });
    expect(message).toBe(wants);
  });

  test("names each node's own reasons", async () => {
    await withScheduler({}, async (scheduler) => {
      scheduler.addNode(node("n1", "1/1"));
      scheduler.addNode(node("n2", "4/4", {}, "k:NoSchedule"));
      const [decision] = await scheduler.schedule([pod("p", "2/2")]);
      expect(decision).toMatchObject({
        pod: "default/p",
        node: null,
        nodes: { n1: ["Insufficient cpu", "Insufficient memory"], n2: ["node(s) had untolerated taint(s)"] },
      });
    });
  });
});

describe("nodes and pods come and go", () => {
  test("each placement is assumed before the next, until there is no room", () =>
    withScheduler({}, async (scheduler) => {
      for (const name of ["a", "b"]) scheduler.addNode(node(name, "2/8Gi"));
      const pods = ["1", "2", "3", "4", "5"].map((name) => pod(name, "1/1"));
      const placed = (await scheduler.schedule(pods)).map(({ node: name }) => name);
      expect(placed).toEqual(["a", "b", "a", "b", null]);
    }));

  test("an assumed pod that is confirmed counts once, and one that is removed no more", () =>
    withScheduler({}, async (scheduler) => {
      scheduler.addNode(node("a", "2/8Gi"));
      await scheduler.schedule([pod("1", "1/1")]);
      scheduler.addPod(bound("1", "1/1", "a"));
      expect((await scheduler.schedule([pod("2", "1/1")])).map(inWords)).toEqual(["a"]);
      scheduler.removePod("default", "1");
      expect((await scheduler.schedule([pod("3", "1/1")])).map(inWords)).toEqual(["a"]);
      expect((await scheduler.schedule([pod("4", "1/1")]))[0]!.node).toBeNull();
    }));

  test("a pod that has ended takes nothing", () =>
    withScheduler({}, async (scheduler) => {
      scheduler.addNode(node("a", "1/8Gi"));
      scheduler.addPod(bound("1", "1/1", "a"));
      scheduler.addPod({ ...bound("1", "1/1", "a"), status: { phase: "Succeeded" } });
      expect((await scheduler.schedule([pod("2", "1/1")])).map(inWords)).toEqual(["a"]);
    }));

  test("pods of a node that is not known yet count when it comes", () =>
    withScheduler({}, async (scheduler) => {
      scheduler.addPod(bound("1", "1/1", "a"));
      scheduler.addNode(node("a", "1/8Gi"));
      expect((await scheduler.schedule([pod("2", "1/1")]))[0]!.node).toBeNull();
      scheduler.removeNode("a");
      scheduler.addNode(node("a", "2/8Gi"));
      expect((await scheduler.schedule([pod("2", "1/1")])).map(inWords)).toEqual(["a"]);
    }));

  test("a node that goes while the worker decides keeps its pod in mind", () =>
    withScheduler({ thread: "worker" }, async (scheduler) => {
      scheduler.addNode(node("a", "1/8Gi"));
      const deciding = scheduler.schedule([pod("1", "1/1")]);
      scheduler.removeNode("a");
      scheduler.addNode(node("b", "1/8Gi"));
      expect((await deciding).map(inWords)).toEqual(["a"]);
      scheduler.addNode(node("a", "1/8Gi"));
      const next = await scheduler.schedule([pod("2", "1/1"), pod("3", "1/1")]);
      expect(next.map(({ node: name }) => name)).toEqual(["b", null]);
    }));

  test("tables grow: nodes, labels, classes, resources and ports by the hundred", () =>
    withScheduler({}, async (scheduler) => {
      const size = 300;
      for (let i = 0; i < size; i++)
        scheduler.addNode(
          node(`n${i}`, `4/8Gi example.com/r${i % 40}=1`, { "kubernetes.io/hostname": `n${i}` }),
        );
      const pods = Array.from({ length: 2 * size }, (_, i): V1Pod => {
        const port = { hostPort: 1000 + i, containerPort: 80 };
        const wanted = pod(`p${i}`, `1/1 example.com/r${i % 40}=1`, {
          nodeSelector: { "kubernetes.io/hostname": `n${i % size}` },
        });
        wanted.spec!.containers[0]!.ports = [port];
        return wanted;
      });
      const placed = (await scheduler.schedule(pods)).map(({ node: name }) => name);
      // The resource of a node is used up by its first pod; n40 has r0, as p40 asks.
      expect(placed.slice(0, size)).toEqual(Array.from({ length: size }, (_, i) => `n${i}`));
      expect(placed.slice(size).every((name) => name === null)).toBe(true);
    }));
});

test("a worker decides as the caller's thread does", async () => {
  const decide = (options: SchedulerOptions) =>
    withScheduler(options, async (scheduler) => {
      for (let i = 0; i < 2000; i++) scheduler.addNode(node(`n${i}`, `${1 + (i % 7)}/${1 + (i % 5)}Gi`));
      const pods = Array.from({ length: 500 }, (_, i) => pod(`p${i}`, `${1 + (i % 9)}/${100 + (i % 3)}Mi`));
      return [await scheduler.schedule(pods), await scheduler.explain(pods[0]!)];
    });
  const here = await decide({ flavour: "release", ties: "random", seed: 5 });
  expect(await decide({ flavour: "release", ties: "random", seed: 5, thread: "worker" })).toEqual(here);
});

describe("bad input", () => {
  const withStatus = (status: V1Node["status"]): V1Node => ({ metadata: { name: "n" }, status });
  test.each([
    { name: "no allocatable", node: withStatus({}), wants: "status.allocatable: Required value" },
    { name: "no name", node: { status: { allocatable: {} } }, wants: "metadata.name: Required value" },
    {
      name: "a negative quantity",
      node: withStatus({ allocatable: { cpu: "-1" } }),
      wants: 'status.allocatable[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    },
    {
      name: "no quantity",
      node: withStatus({ capacity: { memory: "lots" } }),
      wants: 'status.capacity[memory]: Invalid value: "lots": quantities must match',
    },
    {
      name: "more CPU than fits the table",
      node: withStatus({ allocatable: { cpu: "3000000" } }),
      wants: 'Node "n": status.allocatable[cpu]: 3000000000m is more than the 2147483647m',
    },
    {
      name: "more memory than can be counted exactly",
      node: withStatus({ allocatable: { memory: "100Ti" } }),
      wants: 'Node "n": status.allocatable[memory]: 109951162777600 is more than',
    },
  ])("a node with $name", ({ node: bad, wants }) =>
    withScheduler({}, async (scheduler) => {
      expect(() => scheduler.addNode(bad)).toThrow(wants);
      expect((await scheduler.schedule([pod("p", "")])).map(inWords)).toEqual([
        "no nodes available to schedule pods",
      ]);
    }),
  );

  test.each([
    {
      name: "a negative request",
      pod: pod("p", "-1/1"),
      wants: 'spec.containers[0].resources.requests[cpu]: Invalid value: "-1"',
    },
    {
      name: "an illegal operator",
      pod: pod("p", "", {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: "k", operator: "Like", values: ["v"] }] }],
            },
          },
        },
      }),
      wants:
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator: Unsupported value: "Like"',
    },
  ])("a pod with $name does not stop the others", ({ pod: bad, wants }) =>
    withScheduler({}, async (scheduler) => {
      scheduler.addNode(node("n", "4/4Gi"));
      const [refused, placed] = await scheduler.schedule([bad, pod("good", "1/1")]);
      expect(inWords(refused!)).toContain(wants);
      expect(inWords(placed!)).toBe("n");
      await expect(scheduler.explain(bad)).rejects.toThrow(wants);
    }),
  );

  test("a bound pod without a node, or larger than can be counted, changes nothing", () =>
    withScheduler({}, async (scheduler) => {
      scheduler.addNode(node("n", "1/1Gi"));
      expect(() => scheduler.addPod(pod("p", "1/1"))).toThrow("spec.nodeName: Required value");
      expect(() => scheduler.addPod(bound("p", "3000000/1", "n"))).toThrow("requests[cpu]: 3000000000m");
      scheduler.addPod(bound("half", "2000000/1", "n"));
      expect(() => scheduler.addPod(bound("other", "2000000/1", "n"))).toThrow("more than 2147483647");
      scheduler.removePod("default", "half");
      expect((await scheduler.schedule([pod("q", "1/1")])).map(inWords)).toEqual(["n"]);
    }));

  test("a full table names the option that raises it", () =>
    withScheduler({ capacity: { nodes: 1, pods: 1 } }, async (scheduler) => {
      scheduler.addNode(node("a", "4/4Gi"));
      expect(() => scheduler.addNode(node("b", "4/4Gi"))).toThrow("raise the option capacity.nodes");
      scheduler.updateNode(node("a", "5/5Gi"));
      scheduler.addPod(bound("1", "1/1", "a"));
      expect(() => scheduler.addPod(bound("2", "1/1", "a"))).toThrow("raise the option capacity.pods");
      expect(inWords((await scheduler.schedule([pod("3", "1/1")]))[0]!)).toContain("capacity.pods");
    }));
});

describe("selectors that appear while pods are placed", () => {
  const labels = { app: "web" };
  const constraint = {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: labels },
  };
  const spreading = (name: string) =>
    withLabels(pod(name, "1/1", { topologySpreadConstraints: [constraint] }), labels);
  const withTwoNodes = async (options: SchedulerOptions, use: (scheduler: Scheduler) => Promise<void>) => {
    await withScheduler(options, async (scheduler) => {
      // The scores like a better, until it is full.
      scheduler.addNode(node("a", "640/640Gi", { "kubernetes.io/hostname": "a" }));
      scheduler.addNode(node("b", "8/8Gi", { "kubernetes.io/hostname": "b" }));
      await use(scheduler);
    });
  };

  test.each(["worker", "caller"] as const)("count what was under way, on the %s's thread", (thread) =>
    withTwoNodes({ thread }, async (scheduler) => {
      const first = scheduler.schedule([withLabels(pod("web", "1/1"), labels)]);
      const asked = scheduler.explain(spreading("p"));
      expect((await first).map(inWords)).toEqual(["a"]);
      await asked;
      // Without the pod that was under way both nodes would do, and b would not be the only one.
      const explanation = await scheduler.explain(spreading("p"));
      expect(explanation.nodes.map(({ rejectedBy }) => rejectedBy)).toEqual(["PodTopologySpread", undefined]);
    }),
  );

  test("a second call waits for the first", () =>
    withTwoNodes({ thread: "worker" }, async (scheduler) => {
      const calls = [
        scheduler.schedule([withLabels(pod("web", "1/1"), labels)]),
        scheduler.schedule([spreading("p")]),
        scheduler.schedule([spreading("q"), spreading("r")]),
      ];
      expect((await Promise.all(calls)).flat().map(inWords)).toEqual(["a", "b", "a", "b"]);
    }));

  test("thousands of terms: tracks grow, and are given back", () =>
    withTwoNodes({}, async (scheduler) => {
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 700; i++) {
          const own = { app: `app-${round}-${i}` };
          const term = { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: own } };
          const affinity = {
            podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] },
          };
          const one = withLabels(pod(`p-${round}-${i}`, "0/0", { affinity }), own);
          const again = withLabels(pod(`q-${round}-${i}`, "0/0", { affinity }), own);
          const placed = await scheduler.schedule([one, again]);
          expect(placed.map(inWords).sort()).toEqual(["a", "b"]);
          scheduler.removePod("default", `p-${round}-${i}`);
          scheduler.removePod("default", `q-${round}-${i}`);
        }
      }
    }));
});
