import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startVirtualApi, type VirtualApi, watchWrites } from "../../test/virtual-api.ts";
import type { CoreV1Event, V1Node, V1Pod } from "../api/generated/types.ts";
import { Event, Node, Pod } from "../api/registry.ts";
import type { VirtualClock } from "../apimachinery/clock.ts";
import { ApiError } from "../apimachinery/errors.ts";
import type { Client } from "../client/client.ts";
import { startSimulatedKubelet } from "./simulated.ts";

/** The pod half of the kubelet over the real API server. */
let api: VirtualApi;
let clock: VirtualClock;
let client: Client;
let kubelet: { stop(): Promise<void> } | undefined;
/** What the next write fails with; undefined: it is stored. */
let writeFault: Error | undefined;

const start = async (nodes: number) => {
  const faulty = watchWrites(client, () => {
    const fault = writeFault;
    writeFault = undefined;
    return fault;
  });
  kubelet = await startSimulatedKubelet({ ...api.parts, client: faulty, nodes });
};

beforeEach(async () => {
  api = await startVirtualApi();
  ({ clock, client } = api);
  writeFault = undefined;
});
afterEach(async () => {
  await kubelet?.stop();
  kubelet = undefined;
});

const bound = (name: string, node: string, more: Partial<V1Pod["spec"]> = {}, meta: V1Pod["metadata"] = {}) =>
  client.create(Pod, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", ...meta },
    spec: { nodeName: node, containers: [{ name: "web", image: "nginx:1.27" }], ...more },
  });
const podNamed = (name: string): Promise<V1Pod> => client.get(Pod, { namespace: "default", name });
const patchStatus = (name: string, status: V1Pod["status"]) =>
  client.patch(
    Pod,
    { namespace: "default", name },
    { type: "strategic", body: { status } },
    { subresource: "status" },
  );
const isGone = (name: string) =>
  podNamed(name).then(
    () => false,
    () => true,
  );

describe("pods", () => {
  test("run where they are bound: Pending, then Running and Ready with an address of the node", async () => {
    await start(2);
    const seen: string[] = [];
    client.watch<V1Pod>(
      Pod,
      {},
      {
        onEvent: (_, pod) => {
          const { phase, podIP, conditions = [] } = pod.status ?? {};
          const yes = conditions.filter((one) => one.status === "True").map((one) => one.type);
          seen.push(`${phase} ${podIP ?? "-"} ${yes.join(",")}`);
        },
        onEnd: () => {},
      },
    );
    await bound("web", "node-2");
    await clock.advance(1000);
    expect(seen).toEqual([
      "Pending - ",
      "Pending - Initialized,PodScheduled",
      "Running 10.128.1.2 PodReadyToStartContainers,Initialized,Ready,ContainersReady,PodScheduled",
    ]);
    const { status, metadata } = await podNamed("web");
    expect(status).toMatchObject({
      hostIP: "172.18.0.3",
      hostIPs: [{ ip: "172.18.0.3" }],
      podIPs: [{ ip: "10.128.1.2" }],
      startTime: "2026-01-01T00:00:00Z",
      observedGeneration: metadata?.generation,
    });
    const container = status?.containerStatuses?.[0];
    expect(container).toMatchObject({
      name: "web",
      image: "docker.io/library/nginx:1.27",
      ready: true,
      started: true,
      restartCount: 0,
    });
    expect(container?.containerID).toMatch(/^pintle:\/\/[0-9a-f]{64}$/);
    const events = (await client.list<CoreV1Event>(Event, { namespace: "default" })).items;
    expect(events.map((event) => `${event.reason}: ${event.message}`)).toEqual([
      'Pulled: Container image "nginx:1.27" already present on machine and can be accessed by the pod',
      "Created: Container created",
      "Started: Container started",
    ]);
    expect(events[0]?.source).toEqual({ component: "kubelet", host: "node-2" });
    expect(events[0]?.involvedObject.fieldPath).toBe("spec.containers{web}");
  });

  test("end gracefully: Killing, a terminal phase, then the removal", async () => {
    await start(1);
    await bound("web", "node-1");
    await clock.advance(1000);
    const seen: string[] = [];
    client.watch<V1Pod>(
      Pod,
      { fieldSelector: "metadata.name=web" },
      {
        onEvent: (type, pod) => {
          const ready = pod.status?.conditions?.find((one) => one.type === "Ready");
          const { generation, deletionGracePeriodSeconds } = pod.metadata ?? {};
          const observed = pod.status?.observedGeneration;
          seen.push(
            `${type} ${pod.status?.phase} ready=${ready?.status} ${observed}/${generation}${type === "MODIFIED" ? ` grace=${deletionGracePeriodSeconds}` : ""}`,
          );
        },
        onEnd: () => {},
      },
    );
    await client.delete(Pod, { namespace: "default", name: "web" });
    expect(await isGone("web")).toBe(false);
    await clock.advance(1000);
    expect(seen).toEqual([
      "ADDED Running ready=True 1/1",
      "MODIFIED Running ready=True 1/2 grace=30",
      "MODIFIED Running ready=True 2/2 grace=30",
      "MODIFIED Failed ready=False 2/2 grace=30",
      "DELETED Failed ready=False 2/2",
    ]);
    const events = (await client.list<CoreV1Event>(Event, { namespace: "default" })).items;
    expect(events.at(-1)).toMatchObject({ reason: "Killing", message: "Stopping container web" });
  });

  test("with a finalizer stay, stopped, until it is taken away", async () => {
    await start(1);
    await bound("web", "node-1", {}, { finalizers: ["example.com/hold"] });
    await clock.advance(1000);
    await client.delete(Pod, { namespace: "default", name: "web" });
    await clock.advance(60_000);
    const pod = await podNamed("web");
    expect(pod.status?.phase).toBe("Failed");
    expect(pod.metadata?.deletionGracePeriodSeconds).toBe(0);
    await client.patch(
      Pod,
      { namespace: "default", name: "web" },
      {
        type: "merge",
        body: { metadata: { finalizers: null } },
      },
    );
    expect(await isGone("web")).toBe(true);
  });

  test("get each its own address; one that has ended gives its up, and a restart remembers the rest", async () => {
    await start(1);
    for (const name of ["a", "b", "c"]) await bound(name, "node-1");
    await clock.advance(1000);
    const address = async (name: string) => (await podNamed(name)).status?.podIP;
    expect([await address("a"), await address("b"), await address("c")]).toEqual([
      "10.128.0.2",
      "10.128.0.3",
      "10.128.0.4",
    ]);
    await client.delete(Pod, { namespace: "default", name: "b" });
    await clock.advance(1000);
    await kubelet?.stop();
    await start(1);
    await bound("d", "node-1");
    await bound("e", "node-1");
    await clock.advance(1000);
    expect([await address("d"), await address("e")]).toEqual(["10.128.0.3", "10.128.0.5"]);
  });

  test("on the host's network share its address", async () => {
    await start(1);
    await bound("web", "node-1", { hostNetwork: true });
    await clock.advance(1000);
    expect((await podNamed("web")).status).toMatchObject({ podIP: "172.18.0.2", hostIP: "172.18.0.2" });
  });

  test("keep the phase that a client gave them", async () => {
    await start(1);
    await bound("web", "node-1");
    await clock.advance(1000);
    await patchStatus("web", { phase: "Failed", reason: "Because" });
    await clock.advance(600_000);
    expect((await podNamed("web")).status).toMatchObject({ phase: "Failed", reason: "Because" });
  });

  test("keep foreign conditions, and are Ready only when their readiness gates are True", async () => {
    await start(1);
    await bound("web", "node-1", { readinessGates: [{ conditionType: "example.com/up" }] });
    await clock.advance(1000);
    const ready = async () => (await podNamed("web")).status?.conditions?.find((one) => one.type === "Ready");
    expect(await ready()).toMatchObject({
      status: "False",
      reason: "ReadinessGatesNotReady",
      message: 'corresponding condition of pod readiness gate "example.com/up" does not exist.',
    });
    await patchStatus("web", { conditions: [{ type: "example.com/up", status: "True" }] });
    await clock.advance(1000);
    expect(await ready()).toMatchObject({ status: "True" });
    expect((await podNamed("web")).status?.conditions?.map((one) => one.type)).toContain("example.com/up");
  });

  test("restart a container whose image was changed", async () => {
    await start(1);
    await bound("web", "node-1");
    await clock.advance(1000);
    const body = { spec: { containers: [{ name: "web", image: "nginx:1.28" }] } };
    await client.patch(Pod, { namespace: "default", name: "web" }, { type: "strategic", body });
    await clock.advance(1000);
    const { status, metadata } = await podNamed("web");
    expect(status?.containerStatuses?.[0]).toMatchObject({
      image: "docker.io/library/nginx:1.28",
      restartCount: 1,
      lastState: { terminated: { exitCode: 143, reason: "Error" } },
    });
    expect(status?.observedGeneration).toBe(metadata?.generation);
  });

  test("run for ever, unless an annotation says when and how they end", async () => {
    await start(1);
    const annotations = { "pintle.io/exit-code": "3", "pintle.io/run-for": "5s" };
    await bound("job", "node-1", { restartPolicy: "Never" }, { annotations });
    await bound("sleep", "node-1", { restartPolicy: "Never" });
    await clock.advance(4000);
    expect((await podNamed("job")).status?.phase).toBe("Running");
    await clock.advance(2000);
    const { status } = await podNamed("job");
    expect(status?.phase).toBe("Failed");
    expect(status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 3, reason: "Error" });
    await clock.advance(600_000);
    expect((await podNamed("sleep")).status?.phase).toBe("Running");
  });

  test("wait for an address when their node has none left", async () => {
    await start(0);
    const metadata = { name: "small", annotations: { "pintle.io/simulated": "true" } };
    await client.create<V1Node>(Node, { metadata, spec: { podCIDR: "10.200.0.0/30" } });
    await bound("first", "small");
    await clock.advance(1000);
    await bound("second", "small");
    await clock.advance(5000);
    expect((await podNamed("second")).status?.phase).toBe("Pending");
    const events = (await client.list<CoreV1Event>(Event, { namespace: "default" })).items;
    expect(events.map((event) => event.message)).toContain(
      "Failed to create pod sandbox: no IP addresses available in range: 10.200.0.0/30",
    );
    await client.delete(Pod, { namespace: "default", name: "first" });
    await clock.advance(12_000);
    expect((await podNamed("second")).status).toMatchObject({ phase: "Running", podIP: "10.200.0.2" });
  });

  test.each(["0.0.0.0/0", "fd00::/64"])("wait where the node's range is %s, and say why", async (podCIDR) => {
    await start(1);
    const metadata = { name: "odd", annotations: { "pintle.io/simulated": "true" } };
    await client.create<V1Node>(Node, { metadata, spec: { podCIDR } });
    await bound("first", "odd");
    await bound("web", "node-1");
    await clock.advance(5000);
    const phases = await Promise.all(["first", "web"].map(podNamed));
    expect(phases.map(({ status }) => status?.phase)).toEqual(["Pending", "Running"]);
    const events = (await client.list<CoreV1Event>(Event, { namespace: "default" })).items;
    expect(events.map((event) => event.message)).toContain(
      `Failed to create pod sandbox: simulated pods need an IPv4 range from /8 to /30, and the node has ${podCIDR}`,
    );
  });

  test("run although a write failed, and say so once", async () => {
    await start(1);
    await bound("web", "node-1");
    await clock.advance(5);
    writeFault = new ApiError("InternalError", "disk on fire");
    await clock.advance(5000);
    expect((await podNamed("web")).status?.phase).toBe("Running");
    const events = (await client.list<CoreV1Event>(Event, { namespace: "default" })).items;
    expect(events.map((event) => `${event.reason} x${event.count}`)).toEqual([
      "Pulled x1",
      "Created x1",
      "Started x1",
    ]);
  });

  test("that are replaced under the same name run anew", async () => {
    await start(1);
    await bound("web", "node-1");
    await clock.advance(1000);
    await client.delete(Pod, { namespace: "default", name: "web" }, { gracePeriodSeconds: 0 });
    await bound("web", "node-1", { containers: [{ name: "other", image: "nginx" }] });
    await clock.advance(1000);
    const { status } = await podNamed("web");
    expect(status?.phase).toBe("Running");
    expect(status?.containerStatuses?.map((one) => one.name)).toEqual(["other"]);
  });

  test("run on a node that somebody else made, when its annotation asks for it", async () => {
    await start(1);
    for (const name of ["mine", "yours"]) {
      await client.create<V1Node>(Node, {
        metadata: { name, annotations: { "pintle.io/simulated": "true" } },
      });
      await bound(`on-${name}`, name);
    }
    await clock.advance(1000);
    const node = await client.get<V1Node>(Node, { name: "mine" });
    expect(node.status?.capacity?.["cpu"]).toBe("8");
    expect((await podNamed("on-mine")).status).toMatchObject({ phase: "Running", podIP: "10.128.1.2" });
    expect((await podNamed("on-yours")).status).toMatchObject({ phase: "Running", podIP: "10.128.2.2" });
    const hosts = (await client.list<V1Pod>(Pod)).items.map((one) => one.status?.hostIP);
    expect(hosts).toEqual(["172.18.128.2", "172.18.128.3"]);
  });
});
