import { afterEach, beforeEach, expect, test } from "vitest";
import { startVirtualApi, type VirtualApi } from "../../../test/virtual-api.ts";
import type { V1Pod } from "../../api/generated/types.ts";
import { Node, Pod, PriorityClass } from "../../api/registry.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import { type SchedulerComponent, startScheduler } from "../component.ts";
import { openExtenderServer } from "./extender-server.ts";

/** A scheduler that answers as an extender, and another one that asks it, over real HTTP, on one cluster. */
let api: VirtualApi;
let answering: SchedulerComponent;
let server: { readonly port: number; stop(): Promise<void> };
let isWorking = true;

beforeEach(async () => {
  api = await startVirtualApi();
  isWorking = true;
  const parts = { ...api.parts, client: api.client };
  answering = await startScheduler({ ...parts, thread: "caller", schedulerName: "advisor", ties: "random" });
  server = await openExtenderServer({
    host: "127.0.0.1",
    port: 0,
    service: () => (isWorking ? answering.extender : undefined),
    log: silentLogger,
  });
});
afterEach(async () => {
  await server.stop();
  await answering.stop();
});

const node = (name: string, cpu: string, unschedulable = false) => {
  const room = { cpu, memory: "1Gi", pods: "10" };
  const status = { capacity: room, allocatable: room };
  return api.client.create(Node, { metadata: { name }, spec: { unschedulable }, status });
};
const podOf = (name: string, cpu: string, more: Partial<V1Pod["spec"]> = {}): V1Pod => ({
  metadata: { name, namespace: "default" },
  spec: { containers: [{ name: "c", image: "nginx", resources: { requests: { cpu } } }], ...more },
});
const create = (pod: V1Pod) => api.client.create<V1Pod>(Pod, pod);
const nodeOf = async (name: string) =>
  (await api.client.get<V1Pod>(Pod, { namespace: "default", name })).spec?.nodeName;

async function ask(
  path: string,
  body: unknown,
  method = "POST",
  type = "application/json",
): Promise<unknown> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    ...(method === "POST" ? { body: text, headers: { "Content-Type": type } } : {}),
  });
  const said = await answer.text();
  return answer.status === 200 ? (JSON.parse(said) as unknown) : `${answer.status} ${said.trimEnd()}`;
}

test("filters in both forms, with every node's own words", async () => {
  for (const [name, cpu] of [
    ["n1", "4"],
    ["n2", "1"],
    ["n3", "4"],
  ] as const)
    await node(name, cpu, name === "n3");
  await create(podOf("low", "3", { nodeName: "n1" }));
  await api.clock.advance(100);
  const Pod = podOf("web", "2");
  const names = ["n1", "n2", "n3", "n9"];
  const refusals = {
    FailedNodes: { n1: "Insufficient cpu" },
    FailedAndUnresolvableNodes: {
      n2: "Insufficient cpu",
      n3: "node(s) were unschedulable",
      n9: 'nodeinfo not found for node name "n9"',
    },
    Error: "",
  };
  expect(await ask("/filter", { Pod, NodeNames: names })).toEqual({ NodeNames: [], ...refusals });
  const items = names.map((name) => ({ metadata: { name } }));
  const small = { Pod: podOf("web", "1"), Nodes: { items }, nodenames: null };
  expect(await ask("/filter", small)).toMatchObject({
    Nodes: { items: [{ metadata: { name: "n1" } }, { metadata: { name: "n2" } }] },
    NodeNames: null,
  });
  expect(await ask("/prioritize", { Pod: podOf("web", "1"), NodeNames: ["n1", "n2", "n3"] })).toEqual([
    { Host: "n1", Score: 10 },
    { Host: "n2", Score: 0 },
    { Host: "n3", Score: 0 },
  ]);
});

test("binds, and says what the API server says", async () => {
  await node("n1", "4");
  const { metadata } = await create(podOf("web", "1", { schedulerName: "nobody" }));
  const args = { PodName: "web", PodNamespace: "default", PodUID: metadata!.uid, Node: "n1" };
  expect(await ask("/bind", { ...args, PodUID: "another" })).toEqual({
    Error: expect.stringContaining("web"),
  });
  expect(await nodeOf("web")).toBeUndefined();
  expect(await ask("/bind", args)).toEqual({ Error: "" });
  expect(await nodeOf("web")).toBe("n1");
  expect(await ask("/bind", args)).toEqual({ Error: expect.stringContaining("already assigned to node") });
});

test("leaves the nodes where victims make room, and adds those that are missing", async () => {
  for (const name of ["n1", "n2"]) await node(name, "2");
  await node("n3", "1");
  const uids = new Map<string, string>();
  for (const [name, on] of [
    ["a", "n1"],
    ["b", "n1"],
    ["c", "n2"],
  ] as const)
    uids.set(name, (await create(podOf(name, "1", { nodeName: on }))).metadata!.uid!);
  await api.clock.advance(100);
  const high = podOf("high", "2", { priority: 10 });
  const NodeNameToMetaVictims = {
    n1: { Pods: [{ UID: uids.get("a") }], NumPDBViolations: 1 },
    n3: { Pods: [], NumPDBViolations: 0 },
  };
  const both = [uids.get("a"), uids.get("b")].map((UID) => ({ UID }));
  const answer = { NodeNameToMetaVictims: { n1: { Pods: both, NumPDBViolations: 1 } } };
  expect(await ask("/preempt", { Pod: high, NodeNameToMetaVictims })).toEqual(answer);
  const Pods = [{ metadata: { name: "a", uid: uids.get("a") } }];
  const NodeNameToVictims = { n1: { Pods, NumPDBViolations: 1 } };
  expect(await ask("/preempt", { Pod: high, NodeNameToVictims, NodeNameToMetaVictims: null })).toEqual(
    answer,
  );
});

test("where nobody's going helps, no node is left", async () => {
  await node("n1", "1");
  await api.clock.advance(100);
  const NodeNameToMetaVictims = { gone: { Pods: [{ UID: "x" }] } };
  const question = { Pod: podOf("web", "1"), NodeNameToMetaVictims };
  expect(await ask("/preempt", question)).toEqual({ NodeNameToMetaVictims: {} });
});

test.each<{ path: string; body: unknown; wants: string; method?: string }>([
  { path: "/filter", body: "{", wants: "400 " },
  { path: "/filter", body: "[]", wants: "400 the question is no JSON object" },
  { path: "/filter", body: {}, wants: "400 ExtenderArgs.Pod: a pod with a name is required" },
  {
    path: "/filter",
    body: { Pod: 7 },
    wants: "400 json: cannot unmarshal number into Go struct field ExtenderArgs.Pod of type object",
  },
  {
    path: "/filter",
    body: { Pod: podOf("a", "1"), NodeNames: "n1" },
    wants: "400 json: cannot unmarshal string into Go struct field ExtenderArgs.NodeNames of type list",
  },
  {
    path: "/prioritize",
    body: { Pod: { metadata: { name: {} } } },
    wants: "400 json: cannot unmarshal object",
  },
  { path: "/bind", body: { PodName: 7 }, wants: "400 json: cannot unmarshal number" },
  {
    path: "/preempt",
    body: { Pod: podOf("a", "1"), NodeNameToMetaVictims: [] },
    wants: "400 json: cannot unmarshal array",
  },
  { path: "/nothing", body: {}, wants: "404 404 page not found" },
  { path: "/filter", body: {}, wants: "405 Method Not Allowed", method: "GET" },
])("$path $body: $wants", async ({ path, body, wants, method = "POST" }) => {
  expect(String(await ask(path, body, method)).startsWith(wants)).toBe(true);
});

test("a page in a browser cannot ask", async () => {
  expect(await ask("/filter", {}, "POST", "text/plain")).toBe("415 Unsupported Media Type");
});

test("a pod that cannot be read is the question's fault; one that does not lead says so", async () => {
  await node("n1", "1");
  await api.clock.advance(100);
  const odd = podOf("web", "many");
  expect(await ask("/filter", { Pod: odd, NodeNames: ["n1"] })).toEqual({
    Error: expect.stringContaining("quantities must match"),
  });
  isWorking = false;
  expect(await ask("/filter", { Pod: podOf("web", "1"), NodeNames: ["n1"] })).toBe(
    "503 this scheduler does not lead",
  );
});

test("two Pintle schedulers: one asks the other, whose own view it is", async () => {
  await api.client.create(PriorityClass, { metadata: { name: "high" }, value: 10 });
  await node("n1", "2");
  await node("n2", "1");
  const extender = {
    urlPrefix: `http://127.0.0.1:${server.port}`,
    ...{ filterVerb: "filter", prioritizeVerb: "prioritize", preemptVerb: "preempt", bindVerb: "bind" },
    ...{ weight: 1, nodeCacheCapable: true },
  };
  const asking = await startScheduler({
    ...api.parts,
    client: api.client,
    thread: "caller",
    config: {
      apiVersion: "kubescheduler.config.k8s.io/v1",
      kind: "KubeSchedulerConfiguration",
      extenders: [extender],
    },
  });
  const until = async (isSo: () => Promise<boolean>) => {
    for (let tries = 0; !(await isSo()); tries++) {
      if (tries === 500) throw new Error("it does not come to pass");
      await api.clock.advance(20);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  try {
    await create(podOf("one", "1500m", { terminationGracePeriodSeconds: 0 }));
    await until(async () => (await nodeOf("one")) === "n1");
    await create(podOf("two", "1"));
    await until(async () => (await nodeOf("two")) === "n2");
    // Asked about victims, too: n2 is too small, so it is the pod of n1 that goes.
    await create(podOf("three", "2", { priorityClassName: "high" }));
    await until(async () => (await nodeOf("three")) === "n1");
    expect(await nodeOf("two")).toBe("n2");
  } finally {
    await asking.stop();
  }
});
