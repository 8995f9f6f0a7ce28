import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startVirtualApi, type VirtualApi, watchWrites } from "../../test/virtual-api.ts";
import type { CoreV1Event, V1Node, V1Pod } from "../api/generated/types.ts";
import { Event, Node, Pod, PriorityClass, Service } from "../api/registry.ts";
import type { VirtualClock } from "../apimachinery/clock.ts";
import { ApiError } from "../apimachinery/errors.ts";
import type { Client } from "../client/client.ts";
import { startScheduler } from "./component.ts";

/** The scheduler over the real API server and the real core, under virtual time. */
let api: VirtualApi;
let clock: VirtualClock;
let client: Client;
let scheduler: { stop(): Promise<void> } | undefined;
/** What a binding does instead of being stored; undefined: it is stored. */
let bindingFault: ((pod: string) => Error | undefined) | undefined;

const start = async (schedulerName?: string) => {
  const faulty = watchWrites(client, (write, pod = "") =>
    write === "createSubresource Pod" ? bindingFault?.(pod) : undefined,
  );
  const name = schedulerName === undefined ? {} : { schedulerName };
  scheduler = await startScheduler({ ...api.parts, ...name, client: faulty, thread: "caller" });
};

beforeEach(async () => {
  api = await startVirtualApi();
  ({ clock, client } = api);
  bindingFault = undefined;
});
afterEach(async () => {
  await scheduler?.stop();
  scheduler = undefined;
});

const node = (name: string, cpu = "1", more: Partial<V1Node["spec"]> = {}) => {
  const room = { cpu, memory: "1Gi", pods: "10" };
  return client.create<V1Node>(Node, {
    metadata: { name, labels: { "kubernetes.io/hostname": name } },
    spec: more,
    status: { capacity: room, allocatable: room },
  });
};
const pod = (name: string, cpu = "100m", more: Partial<V1Pod["spec"]> = {}) =>
  client.create<V1Pod>(Pod, {
    metadata: { name, namespace: "default" },
    spec: { containers: [{ name: "web", image: "nginx", resources: { requests: { cpu } } }], ...more },
  });
const podNamed = (name: string): Promise<V1Pod> => client.get(Pod, { namespace: "default", name });
const nodeOf = async (name: string) => (await podNamed(name)).spec?.nodeName;
const patchNode = (name: string, body: unknown, subresource?: string) =>
  client.patch(Node, { name }, { type: "strategic", body }, subresource === undefined ? {} : { subresource });
const deletePod = (name: string) =>
  client.delete(Pod, { namespace: "default", name }, { gracePeriodSeconds: 0 });
const eventsOf = async (name: string) =>
  (await client.list<CoreV1Event>(Event, { namespace: "default" })).items
    .filter((event) => event.involvedObject.name === name)
    .map((event) => `${event.type} ${event.reason} x${event.count}: ${event.message}`);
const scheduledCondition = async (name: string) =>
  (await podNamed(name)).status?.conditions?.find((one) => one.type === "PodScheduled");

describe("placing", () => {
  test("binds a pod, says so, and leaves it alone after a restart", async () => {
    await node("n1");
    await start();
    await pod("web");
    await clock.advance(100);
    expect(await nodeOf("web")).toBe("n1");
    expect(await scheduledCondition("web")).toMatchObject({ status: "True" });
    expect(await eventsOf("web")).toEqual(["Normal Scheduled x1: Successfully assigned default/web to n1"]);
    const before = (await podNamed("web")).metadata?.resourceVersion;
    await scheduler?.stop();
    await start();
    await clock.advance(60_000);
    expect((await podNamed("web")).metadata?.resourceVersion).toBe(before);
  });

  test("counts every pod once: a node of ten pods takes ten of twelve, also over a restart", async () => {
    await node("n1", "100");
    await start();
    for (let i = 0; i < 6; i++) await pod(`a${i}`);
    await clock.advance(1000);
    await scheduler?.stop();
    await start();
    for (let i = 0; i < 6; i++) await pod(`b${i}`);
    await clock.advance(1000);
    const pods = (await client.list<V1Pod>(Pod)).items;
    expect(pods.filter((one) => one.spec?.nodeName === "n1")).toHaveLength(10);
    expect((await scheduledCondition("b5"))?.message).toContain("0/1 nodes are available: 1 Too many pods.");
  });

  test("places the higher priority first, then the older", async () => {
    await client.create(PriorityClass, { metadata: { name: "high" }, value: 1000 });
    await pod("older", "400m");
    await pod("younger", "400m");
    await pod("urgent", "400m", { priorityClassName: "high" });
    await node("n1");
    await start();
    await clock.advance(100);
    const nodes = [await nodeOf("urgent"), await nodeOf("older"), await nodeOf("younger")];
    expect(nodes).toEqual(["n1", "n1", undefined]);
  });

  test("leaves pods of other schedulers alone, but counts them once they are bound", async () => {
    await node("n1");
    await start();
    await pod("theirs", "600m", { schedulerName: "other" });
    await clock.advance(1000);
    expect(await nodeOf("theirs")).toBeUndefined();
    await pod("bound", "600m", { nodeName: "n1", schedulerName: "other" });
    await pod("ours", "600m");
    await clock.advance(1000);
    expect(await nodeOf("ours")).toBeUndefined();
  });

  test("serves the name it was given", async () => {
    await node("n1");
    await start("mine");
    await pod("web", "100m", { schedulerName: "mine" });
    await pod("other");
    await clock.advance(1000);
    expect([await nodeOf("web"), await nodeOf("other")]).toEqual(["n1", undefined]);
  });

  test("holds a gated pod back until its last gate is gone", async () => {
    await node("n1");
    await start();
    await pod("web", "100m", { schedulingGates: [{ name: "a" }] });
    await clock.advance(60_000);
    expect(await nodeOf("web")).toBeUndefined();
    expect(await scheduledCondition("web")).toMatchObject({ status: "False", reason: "SchedulingGated" });
    const reference = { namespace: "default", name: "web" };
    await client.patch(Pod, reference, { type: "merge", body: { spec: { schedulingGates: null } } });
    await clock.advance(1000);
    expect(await nodeOf("web")).toBe("n1");
  });
});

describe("no node", () => {
  const message =
    "0/3 nodes are available: 3 Insufficient cpu. no new claims to deallocate, " +
    "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.";

  test("says why in the condition and in an event, once", async () => {
    for (const name of ["n1", "n2", "n3"]) await node(name);
    await start();
    await pod("big", "100");
    await clock.advance(1000);
    expect(await scheduledCondition("big")).toMatchObject({
      status: "False",
      reason: "Unschedulable",
      message,
    });
    expect(await eventsOf("big")).toEqual([`Warning FailedScheduling x1: ${message}`]);
    const before = (await podNamed("big")).metadata?.resourceVersion;
    await clock.advance(60_000);
    expect((await podNamed("big")).metadata?.resourceVersion).toBe(before);
    expect(await eventsOf("big")).toHaveLength(1);
  });

  test("tries again after five minutes by itself", async () => {
    await node("n1");
    await start();
    await pod("big", "100");
    await clock.advance(340_000);
    expect((await eventsOf("big"))[0]).toMatch(/FailedScheduling x2/);
  });

  // Each line makes room for a pod that does not fit at first.
  test.each([
    { name: "a node is added", help: () => node("n2") },
    { name: "another pod is deleted", help: () => deletePod("other") },
    {
      name: "another pod ends",
      help: () =>
        client.patch(
          Pod,
          { namespace: "default", name: "other" },
          { type: "strategic", body: { status: { phase: "Succeeded" } } },
          { subresource: "status" },
        ),
    },
    {
      name: "a node grows",
      help: () => patchNode("n1", { status: { allocatable: { cpu: "2" } } }, "status"),
    },
    {
      name: "a node is uncordoned",
      before: () => node("n2", "1", { unschedulable: true }),
      help: () => patchNode("n2", { spec: { unschedulable: null } }),
    },
    {
      name: "a node loses its taint",
      before: () => node("n2", "1", { taints: [{ key: "k", effect: "NoSchedule" }] }),
      help: () => patchNode("n2", { spec: { taints: null } }),
    },
  ])("comes back when $name", async ({ before, help }) => {
    await node("n1");
    await before?.();
    await start();
    await pod("other", "600m", { nodeName: "n1" });
    await pod("web", "600m");
    await clock.advance(1000);
    expect(await nodeOf("web")).toBeUndefined();
    await help();
    await clock.advance(2000);
    expect(await nodeOf("web")).toMatch(/n[12]/);
  });

  test("comes back when a node gets the label it asks for, and not for a heartbeat", async () => {
    await node("n1");
    await start();
    await pod("web", "100m", { nodeSelector: { disk: "ssd" } });
    await clock.advance(1000);
    await patchNode("n1", { status: { conditions: [{ type: "Ready", status: "True" }] } }, "status");
    await clock.advance(1000);
    expect((await eventsOf("web"))[0]).toMatch(/FailedScheduling x1/);
    await patchNode("n1", { metadata: { labels: { disk: "ssd" } } });
    await clock.advance(2000);
    expect(await nodeOf("web")).toBe("n1");
  });

  test("waits for the first node when there is none", async () => {
    await start();
    await pod("web");
    await clock.advance(500);
    expect(await scheduledCondition("web")).toMatchObject({
      reason: "Unschedulable",
      message: "no nodes available to schedule pods",
    });
    await node("n1");
    await clock.advance(11_000);
    expect(await nodeOf("web")).toBe("n1");
  });
});

describe("faults", () => {
  test("a binding that fails is taken back, said, and tried again after backoff", async () => {
    await node("n1");
    await start();
    let failures = 2;
    bindingFault = () => (failures-- > 0 ? new ApiError("InternalError", "disk on fire") : undefined);
    await pod("web", "600m");
    await clock.advance(500);
    expect(await nodeOf("web")).toBeUndefined();
    expect(await scheduledCondition("web")).toMatchObject({ status: "False", reason: "SchedulerError" });
    expect((await eventsOf("web"))[0]).toContain("disk on fire");
    await clock.advance(10_000);
    expect(await nodeOf("web")).toBe("n1");
    await pod("small", "300m");
    await clock.advance(1000);
    expect(await nodeOf("small")).toBe("n1");
  });

  test("a failed binding gives its room to others", async () => {
    await node("n1");
    await start();
    bindingFault = (name) => (name === "cursed" ? new ApiError("InternalError", "no") : undefined);
    await pod("cursed", "600m");
    await clock.advance(100);
    await pod("web", "600m");
    await clock.advance(1000);
    expect(await nodeOf("web")).toBe("n1");
  });

  test("a pod that is deleted while its binding is under way leaves nothing behind", async () => {
    await node("n1");
    await start();
    bindingFault = () => new ApiError("NotFound", 'pods "web" not found');
    await pod("web", "600m");
    await deletePod("web");
    await clock.advance(1000);
    bindingFault = undefined;
    await pod("web", "600m");
    await clock.advance(2000);
    expect(await nodeOf("web")).toBe("n1");
  });

  test("a pod that somebody else binds meanwhile counts where the API says", async () => {
    await node("n1");
    await node("n2", "500m");
    await start();
    bindingFault = () => {
      bindingFault = undefined;
      return new ApiError("Conflict", "already assigned");
    };
    await pod("web", "600m");
    await pod("taken", "400m", { nodeName: "n2" });
    await clock.advance(10_000);
    expect(await nodeOf("web")).toBe("n1");
    await pod("next", "300m");
    await clock.advance(1000);
    expect(await nodeOf("next")).toBe("n1");
  });
});

describe("what decisions read besides nodes and pods", () => {
  test("replicas of one Service spread over zones, also when the nodes are not alike", async () => {
    for (const [name, zone, cpu] of [
      ["a1", "a", "64"],
      ["a2", "a", "64"],
      ["b1", "b", "16"],
    ] as const) {
      await node(name, cpu);
      await patchNode(name, { metadata: { labels: { "topology.kubernetes.io/zone": zone } } });
    }
    const labels = { app: "web" };
    await client.create(Service, {
      metadata: { name: "web", namespace: "default" },
      spec: { selector: labels, ports: [{ port: 80 }] },
    });
    await start();
    for (const name of ["w1", "w2", "w3", "w4"]) {
      await client.create<V1Pod>(Pod, {
        metadata: { name, namespace: "default", labels },
        spec: {
          containers: [{ name: "web", image: "nginx", resources: { requests: { cpu: "100m" } } }],
        },
      });
      await clock.advance(1000);
    }
    const nodes = await Promise.all(["w1", "w2", "w3", "w4"].map(nodeOf));
    expect(nodes.filter((name) => name === "b1").length).toBe(2);
  });

  test("a pod that is being deleted no longer counts for spreading", async () => {
    for (const name of ["n1", "n2"]) await node(name);
    const labels = { app: "web" };
    const constraint = {
      maxSkew: 1,
      topologyKey: "kubernetes.io/hostname",
      whenUnsatisfiable: "DoNotSchedule",
      labelSelector: { matchLabels: labels },
    };
    const replica = (name: string, more: Partial<V1Pod["spec"]> = {}) =>
      client.create<V1Pod>(Pod, {
        metadata: { name, namespace: "default", labels, finalizers: ["example.com/slow"] },
        spec: {
          containers: [{ name: "web", image: "nginx" }],
          topologySpreadConstraints: [constraint],
          ...more,
        },
      });
    await replica("old", { nodeName: "n2" });
    await start();
    await deletePod("old");
    await replica("one", { nodeName: "n1" });
    await clock.advance(1000);
    // n2 is empty in the eyes of the constraint, so only it is even.
    await replica("two");
    await clock.advance(1000);
    expect(await nodeOf("two")).toBe("n2");
  });

  test("a node that offers nothing is among those that refuse", async () => {
    await client.create<V1Node>(Node, { metadata: { name: "bare" } });
    await start();
    await pod("web");
    await clock.advance(1000);
    expect((await scheduledCondition("web"))?.message).toContain("0/1 nodes are available: ");
  });
});
