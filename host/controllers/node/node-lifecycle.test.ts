import { afterEach, beforeEach, expect, test } from "vitest";
import type { V1Node, V1Pod } from "../../api/generated/types.ts";
import { Event, Lease, Node, Pod } from "../../api/registry.ts";
import { formatMicroTime, formatTime, VirtualClock } from "../../apimachinery/clock.ts";
import { createLogger } from "../../apimachinery/log.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import { createApiCore } from "../../apiserver/core.ts";
import type { Client } from "../../client/client.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { type Controllers, startControllers } from "../index.ts";

let clock: VirtualClock;
let client: Client;
let controllers: Controllers;
const lines: string[] = [];
/** Nodes whose kubelet is alive: it renews their Lease every ten seconds. */
const alive = new Set<string>();

beforeEach(async () => {
  clock = new VirtualClock();
  alive.clear();
  lines.length = 0;
  const log = createLogger((line) => lines.push(line), "warn");
  const parts = { clock, random: seededRandom(7), log };
  const core = await createApiCore({ ...parts, store: createMemoryStore({ clock }) });
  client = core.client("test");
  controllers = await startControllers({ ...parts, client: core.client("kcm"), rootCa: "PEM" });
  beat();
});

afterEach(async () => {
  await controllers.stop();
  expect(lines).toEqual([]);
});

function beat(): void {
  for (const name of alive) void renew(name);
  clock.setTimeout(beat, 10_000);
}

async function renew(name: string): Promise<void> {
  const renewTime = formatMicroTime(clock.nowMs());
  const at = { namespace: "kube-node-lease", name };
  const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime };
  await client
    .patch(Lease, at, { type: "merge", body: { spec } })
    .catch(() => client.create(Lease, { metadata: at, spec }));
}

async function join(name: string, zone = "a", ready = "True"): Promise<void> {
  alive.add(name);
  const now = formatTime(clock.nowMs());
  const conditions = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"].map((type) => ({
    type,
    status: type === "Ready" ? ready : "False",
    lastHeartbeatTime: now,
  }));
  const labels = { "topology.kubernetes.io/zone": zone };
  await client.create(Node, { metadata: { name, labels }, status: { conditions } });
  await renew(name);
}

async function say(name: string, type: string, status: string): Promise<void> {
  const condition = { type, status, lastHeartbeatTime: formatTime(clock.nowMs()) };
  const body = { status: { conditions: [condition] } };
  await client.patch(Node, { name }, { type: "strategic", body }, { subresource: "status" });
}

async function run(name: string, nodeName: string, seconds?: number): Promise<V1Pod> {
  const at = { namespace: "default", name };
  const tolerations =
    seconds === undefined
      ? []
      : ["not-ready", "unreachable"].map((key) => ({
          key: `node.kubernetes.io/${key}`,
          operator: "Exists",
          effect: "NoExecute",
          tolerationSeconds: seconds,
        }));
  await client.create(Pod, {
    metadata: at,
    spec: {
      nodeName,
      tolerations,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: "c", image: "nginx" }],
    },
  });
  const conditions = [{ type: "Ready", status: "True" }];
  const body = { status: { phase: "Running", conditions } };
  return client.patch(Pod, at, { type: "strategic", body }, { subresource: "status" });
}

async function taintsOf(name: string): Promise<string[]> {
  const { spec } = await client.get(Node, { name });
  return (spec?.taints ?? []).map(({ key, effect }) => `${key.replace("node.kubernetes.io/", "")}:${effect}`);
}

async function readyOf(name: string): Promise<string> {
  const { status }: V1Node = await client.get(Node, { name });
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return `${ready?.status} ${ready?.reason ?? ""}`.trim();
}

async function events(reason: string): Promise<string[]> {
  const { items } = await client.list(Event, { namespace: "default" });
  return items
    .filter((event) => event.reason === reason)
    .map(({ type, source, message }) => `${source?.component} ${type} ${message}`);
}

async function podNames(): Promise<string[]> {
  return (await client.list(Pod, { namespace: "default" })).items.map(({ metadata }) => metadata?.name ?? "");
}

const BOTH = ["unreachable:NoSchedule", "unreachable:NoExecute"];

test("a new node takes no pods until it is ready", async () => {
  await join("n1", "a", "False");
  await clock.advance(100);
  expect(await taintsOf("n1")).toEqual(["not-ready:NoSchedule"]);
  await say("n1", "Ready", "True");
  await clock.advance(100);
  expect(await taintsOf("n1")).toEqual([]);
  expect(await events("RegisteredNode")).toEqual([
    "node-controller Normal Node n1 event: Registered Node n1 in Controller",
  ]);
  await client.delete(Node, { name: "n1" });
  await clock.advance(100);
  expect(await events("RemovingNode")).toEqual([
    "node-controller Normal Node n1 event: Removing Node n1 from Controller",
  ]);
});

test("what a node says of itself becomes taints, and goes with it", async () => {
  await join("n1");
  await say("n1", "DiskPressure", "True");
  await client.patch(Node, { name: "n1" }, { type: "merge", body: { spec: { unschedulable: true } } });
  await clock.advance(100);
  expect(await taintsOf("n1")).toEqual(["disk-pressure:NoSchedule", "unschedulable:NoSchedule"]);
  await say("n1", "DiskPressure", "False");
  await client.patch(Node, { name: "n1" }, { type: "merge", body: { spec: { unschedulable: null } } });
  await clock.advance(100);
  expect(await taintsOf("n1")).toEqual([]);
});

test("a node falls silent: unknown after 50 seconds, its pods leave when they tolerate it no longer, it comes back", async () => {
  await join("n1");
  await join("n2");
  await run("short", "n1", 5);
  await run("usual", "n1");
  await clock.advance(60_000);
  expect(await readyOf("n1")).toBe("True");
  alive.delete("n1");
  await renew("n1");
  await clock.advance(49_900);
  expect(await readyOf("n1")).toBe("True");
  await clock.advance(300);
  expect(await readyOf("n1")).toBe("Unknown NodeStatusUnknown");
  expect(await taintsOf("n1")).toEqual(BOTH);
  const { status } = await client.get(Pod, { namespace: "default", name: "usual" });
  expect(status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("False");
  expect(await events("NodeNotReady")).toEqual([
    "node-controller Normal Node n1 status is now: NodeNotReady",
    "node-controller Warning Node is not ready",
    "node-controller Warning Node is not ready",
  ]);
  await clock.advance(4600);
  expect(await podNames()).toEqual(["short", "usual"]);
  await clock.advance(500);
  expect(await podNames()).toEqual(["usual"]);
  expect(await events("TaintManagerEviction")).toEqual([
    "taint-eviction-controller Normal Marking for deletion Pod default/short",
  ]);
  // It comes back before the five minutes of the other are over.
  alive.add("n1");
  await say("n1", "Ready", "True");
  await clock.advance(400_000);
  expect([await readyOf("n1"), await taintsOf("n1"), await podNames()]).toEqual([
    "True NodeStatusUnknown",
    [],
    ["usual"],
  ]);
  expect(await events("TaintManagerEviction")).toContain(
    "taint-eviction-controller Normal Cancelling deletion of Pod default/usual",
  );
});

test("five minutes is what a pod tolerates unless it says otherwise", async () => {
  await join("n1");
  await join("n2");
  await run("usual", "n1");
  await clock.advance(10);
  await say("n1", "Ready", "False");
  await clock.advance(100);
  expect(await taintsOf("n1")).toEqual(["not-ready:NoSchedule", "not-ready:NoExecute"]);
  await clock.advance(299_000);
  expect(await podNames()).toEqual(["usual"]);
  await clock.advance(1500);
  expect(await podNames()).toEqual([]);
});

test("a Lease alone, or a heartbeat alone, is sign enough", async () => {
  await join("leased");
  await join("beating");
  alive.delete("beating");
  for (let second = 0; second < 200; second += 20) {
    await say("beating", "Ready", "True");
    await clock.advance(20_000);
  }
  expect([await readyOf("leased"), await readyOf("beating")]).toEqual(["True", "True"]);
});

test("a node that never says a word is unknown after 60 seconds", async () => {
  await client.create(Node, { metadata: { name: "mute" } });
  await clock.advance(59_000);
  expect((await client.get(Node, { name: "mute" })).status?.conditions).toBeUndefined();
  await clock.advance(1500);
  const { status, metadata } = await client.get(Node, { name: "mute" });
  expect(status?.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual(
    ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"].map(
      (type) => `${type} Unknown NodeStatusNeverUpdated`,
    ),
  );
  expect(status?.conditions?.[0]?.lastHeartbeatTime).toBe(metadata?.creationTimestamp);
});

test("when nobody answers nobody is evicted, and all get time when one is back", async () => {
  for (const name of ["n1", "n2", "n3"]) await join(name);
  await run("usual", "n1", 5);
  await clock.advance(100);
  alive.clear();
  await clock.advance(120_000);
  for (const name of ["n1", "n2", "n3"]) expect(await taintsOf(name)).toEqual(["unreachable:NoSchedule"]);
  expect(await podNames()).toEqual(["usual"]);
  alive.add("n2");
  await say("n2", "Ready", "True");
  await clock.advance(100);
  // Now it is the others who do not answer, one after the other.
  expect([await taintsOf("n1"), await taintsOf("n3")].map((one) => one.length).sort()).toEqual([1, 2]);
  await clock.advance(10_100);
  expect([await taintsOf("n1"), await taintsOf("n3")]).toEqual([BOTH, BOTH]);
  expect(await podNames()).toEqual([]);
});

test("a pod that tolerates a taint for ever stays, one that does not goes at once, also when it comes later", async () => {
  await join("n1");
  await clock.advance(100);
  const taints = [{ key: "mine", value: "v", effect: "NoExecute" }];
  await client.patch(Node, { name: "n1" }, { type: "merge", body: { spec: { taints } } });
  await clock.advance(100);
  await client.create(Pod, {
    metadata: { namespace: "default", name: "late" },
    spec: { nodeName: "n1", terminationGracePeriodSeconds: 0, containers: [{ name: "c", image: "nginx" }] },
  });
  await clock.advance(100);
  expect(await podNames()).toEqual([]);
  await client.create(Pod, {
    metadata: { namespace: "default", name: "hardy" },
    spec: {
      nodeName: "n1",
      tolerations: [{ operator: "Exists" }],
      containers: [{ name: "c", image: "nginx" }],
    },
  });
  await clock.advance(600_000);
  expect(await podNames()).toEqual(["hardy"]);
});

test("a pod that cannot be ended stays, until an administrator says that its node is out of service", async () => {
  await join("n1");
  await join("n2");
  const at = { namespace: "default", name: "stuck" };
  await client.create(Pod, {
    metadata: at,
    spec: { nodeName: "n1", terminationGracePeriodSeconds: 5, containers: [{ name: "c", image: "nginx" }] },
  });
  await run("other", "n1");
  alive.delete("n1");
  await clock.advance(100_000);
  await client.delete(Pod, at);
  await clock.advance(100_000);
  expect(await podNames()).toEqual(["other", "stuck"]);
  const { spec, metadata } = await client.get(Node, { name: "n1" });
  const taints = [
    ...(spec?.taints ?? []),
    { key: "node.kubernetes.io/out-of-service", value: "nodeshutdown", effect: "NoSchedule" },
  ];
  const { resourceVersion } = metadata!;
  await client.patch(
    Node,
    { name: "n1" },
    { type: "merge", body: { metadata: { resourceVersion }, spec: { taints } } },
  );
  await clock.advance(100);
  expect(await podNames()).toEqual(["other"]);
});
