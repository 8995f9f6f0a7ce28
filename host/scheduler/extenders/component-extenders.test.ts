import { afterEach, beforeEach, expect, test } from "vitest";
import { startVirtualApi, type VirtualApi } from "../../../test/virtual-api.ts";
import type { CoreV1Event, V1Binding, V1Pod } from "../../api/generated/types.ts";
import { Event, Node, Pod } from "../../api/registry.ts";
import { startScheduler } from "../component.ts";
import {
  type FakeExtender,
  HANG,
  nodesOf,
  startFakeExtender,
  type Verb,
} from "./fake-extender.test-support.ts";

/** The scheduler over the real API server and the real core under virtual time, and an extender over real HTTP. */
let api: VirtualApi;
let fake: FakeExtender;
let other: FakeExtender;
let scheduler: { stop(): Promise<void> };

const GPU = "example.com/gpu";

beforeEach(async () => {
  api = await startVirtualApi();
  [fake, other] = [await startFakeExtender(), await startFakeExtender()];
});
afterEach(async () => {
  await scheduler.stop();
  await Promise.all([fake.stop(), other.stop()]);
});

async function start(fields: object, ...more: object[]): Promise<void> {
  scheduler = await startScheduler({
    ...api.parts,
    client: api.client,
    thread: "caller",
    config: {
      apiVersion: "kubescheduler.config.k8s.io/v1",
      kind: "KubeSchedulerConfiguration",
      extenders: [{ urlPrefix: fake.url, nodeCacheCapable: true, ...fields }, ...more].map((one) => ({
        urlPrefix: "",
        ...one,
      })),
    },
  });
}

const node = (name: string, cpu = "2") => {
  const room = { cpu, memory: "1Gi", pods: "10", [GPU]: "4" };
  return api.client.create(Node, { metadata: { name }, status: { capacity: room, allocatable: room } });
};
const pod = (name: string, requests: Record<string, string> = {}) =>
  api.client.create<V1Pod>(Pod, {
    metadata: { name, namespace: "default" },
    spec: { containers: [{ name: "c", image: "nginx", resources: { requests, limits: requests } }] },
  });
const podNamed = (name: string) => api.client.get<V1Pod>(Pod, { namespace: "default", name });
const nodeOf = async (name: string) => (await podNamed(name)).spec?.nodeName;
const conditionOf = async (name: string) =>
  (await podNamed(name)).status?.conditions?.find(({ type }) => type === "PodScheduled");

/** Lets real and virtual time go on until something is so. */
async function until<T>(read: () => Promise<T>, isSo: (value: T) => boolean, stepMs = 5): Promise<T> {
  for (let tries = 0; ; tries++) {
    await api.clock.advance(stepMs);
    const value = await read();
    if (isSo(value)) return value;
    if (tries === 1_000) throw new Error(`still ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
const bound = (name: string) => until(() => nodeOf(name), Boolean);

const keepsAll: Verb = (body) => ({ NodeNames: nodesOf(body) });

test("a pod goes where the extender leaves it, in its turn", async () => {
  fake.verbs = { filter: () => ({ NodeNames: ["n2"] }) };
  await node("n1");
  await node("n2", "1");
  await start({ filterVerb: "filter" });
  await pod("web");
  expect(await bound("web")).toBe("n2");
});

test("one that is refused says so, and is tried again whatever happens", async () => {
  fake.verbs = { filter: () => ({ NodeNames: [], FailedNodes: { n1: "no licence" } }) };
  await node("n1");
  await start({ filterVerb: "filter" });
  await pod("web");
  const said = await until(
    () => conditionOf("web"),
    (one) => one?.status === "False",
  );
  expect(said).toMatchObject({
    reason: "Unschedulable",
    message:
      "0/1 nodes are available: 1 no licence. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
  });
  fake.verbs = { filter: keepsAll };
  // Nothing that any plugin would care for.
  await api.client.patch(
    Node,
    { name: "n1" },
    { type: "merge", body: { metadata: { annotations: { a: "b" } } } },
  );
  expect(await bound("web")).toBe("n1");
});

test("while one extender hangs, pods of others and of none are placed; its own wait for it alone", async () => {
  fake.verbs = { filter: () => HANG };
  other.verbs = { filter: keepsAll };
  await node("n1");
  await start(
    { filterVerb: "filter", managedResources: [{ name: GPU }] },
    {
      urlPrefix: other.url,
      filterVerb: "filter",
      nodeCacheCapable: true,
      managedResources: [{ name: "example.com/b" }],
    },
  );
  await pod("hangs", { [GPU]: "1" });
  await until(
    async () => fake.calls.length,
    (count) => count === 1,
  );
  await pod("hangs-too", { [GPU]: "1" });
  await pod("plain");
  expect(await bound("plain")).toBe("n1");
  expect(fake.calls).toHaveLength(1);
  // After its five seconds the next is asked about.
  const said = await until(
    () => conditionOf("hangs"),
    (one) => one?.status === "False",
    100,
  );
  expect(said).toMatchObject({
    reason: "SchedulerError",
    message: `Post "${fake.url}/filter": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
  });
  fake.verbs = { filter: keepsAll };
  await until(
    async () => [await nodeOf("hangs"), await nodeOf("hangs-too")],
    (nodes) => nodes.every(Boolean),
    100,
  );
});

test("a pod that is deleted while its extender is asked is nobody's", async () => {
  fake.verbs = { filter: () => HANG };
  await node("n1", "1");
  await start({ filterVerb: "filter", managedResources: [{ name: GPU }] });
  await pod("gone", { [GPU]: "1", cpu: "1" });
  await until(
    async () => fake.calls.length,
    (count) => count === 1,
  );
  await api.client.delete(Pod, { namespace: "default", name: "gone" }, { gracePeriodSeconds: 0 });
  await pod("next", { cpu: "1" });
  expect(await bound("next")).toBe("n1");
});

test("what an extender manages is not counted by the scheduler, if it says so", async () => {
  fake.verbs = { filter: keepsAll };
  await node("n1");
  const managedResources = [{ name: GPU, ignoredByScheduler: true }];
  await start({ filterVerb: "filter", managedResources });
  await pod("web", { [GPU]: "100" });
  expect(await bound("web")).toBe("n1");
});

test("an extender binds: it is told who, and believed when it is so", async () => {
  fake.verbs = {
    bind: ({ PodName, PodNamespace, PodUID, Node: name }) => {
      const metadata = { name: PodName, namespace: PodNamespace, uid: PodUID } as V1Binding["metadata"];
      const binding = { apiVersion: "v1", kind: "Binding", metadata, target: { kind: "Node", name } };
      void api.client.createSubresource(
        Pod,
        { namespace: "default", name: String(PodName) },
        "binding",
        binding as V1Binding,
      );
      return { Error: "" };
    },
  };
  await node("n1");
  await start({ bindVerb: "bind" });
  const { metadata } = await pod("web");
  expect(await bound("web")).toBe("n1");
  expect(fake.calls.map(({ body }) => body)).toEqual([
    { PodName: "web", PodNamespace: "default", PodUID: metadata!.uid, Node: "n1" },
  ]);
});

test.each<{ name: string; bind: Verb; message: string }>([
  { name: "says no", bind: () => ({ Error: "the switch is down" }), message: "the switch is down" },
  {
    name: "only says that it has bound",
    bind: () => ({}),
    message: "extender at URL HERE has not bound the pod",
  },
  { name: "fails", bind: () => 503, message: "failed bind with extender at URL HERE/bind, code 503" },
])("an extender that $name is asked again, and the room is free meanwhile", async ({ bind, message }) => {
  fake.verbs = { bind };
  await node("n1", "1");
  await start({ bindVerb: "bind", managedResources: [{ name: GPU }] });
  await pod("web", { cpu: "1", [GPU]: "1" });
  const said = await until(
    () => conditionOf("web"),
    (one) => one?.status === "False",
  );
  expect(said).toMatchObject({ reason: "SchedulerError", message: message.replace("HERE", fake.url) });
  await pod("plain", { cpu: "1" });
  expect(await bound("plain")).toBe("n1");
  const { items } = await api.client.list<CoreV1Event>(Event, { namespace: "default" });
  expect(
    items.some(({ reason, message: told }) => reason === "Scheduled" && told?.includes("default/web ")),
  ).toBe(false);
});

test("one that may be ignored does not keep a pod from being bound", async () => {
  fake.verbs = { bind: () => 500, filter: () => "rubbish", prioritize: () => "die" };
  await node("n1");
  await node("n2");
  await start({
    bindVerb: "bind",
    filterVerb: "filter",
    prioritizeVerb: "prioritize",
    weight: 1,
    ignorable: true,
  });
  await pod("web");
  await bound("web");
  expect(fake.calls.map(({ verb }) => verb)).toEqual(["filter", "prioritize", "bind"]);
});

test("stops while an extender is asked", async () => {
  fake.verbs = { filter: () => HANG };
  await node("n1");
  await start({ filterVerb: "filter" });
  await pod("web");
  await until(
    async () => fake.calls.length,
    (count) => count === 1,
  );
  await scheduler.stop();
  expect(await conditionOf("web")).toBeUndefined();
  await start({ filterVerb: "" });
  expect(await bound("web")).toBe("n1");
});
