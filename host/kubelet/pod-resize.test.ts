import { afterEach, beforeEach, expect, test } from "vitest";
import { startVirtualApi, type VirtualApi } from "../../test/virtual-api.ts";
import type { V1Pod, V1ResourceRequirements } from "../api/generated/types.ts";
import { Event, Node, Pod } from "../api/registry.ts";
import { startSimulatedKubelet } from "./simulated.ts";

let api: VirtualApi;
let kubelet: { stop(): Promise<void> };

beforeEach(async () => {
  api = await startVirtualApi();
  kubelet = await startSimulatedKubelet({ ...api.parts, client: api.client, nodes: 1 });
});
afterEach(() => kubelet.stop());

const at = (name: string) => ({ namespace: "default", name });

async function run(name: string, cpu: string, more: object = {}): Promise<void> {
  const resources: V1ResourceRequirements = { requests: { cpu, memory: "1Gi" } };
  await api.client.create(Pod, {
    metadata: at(name),
    spec: { nodeName: "node-1", containers: [{ name: "c", image: "nginx", resources, ...more }] },
  });
  await api.clock.advance(2000);
}

async function resize(name: string, cpu: string): Promise<void> {
  const body = { spec: { containers: [{ name: "c", resources: { requests: { cpu } } }] } };
  await api.client.patch(Pod, at(name), { type: "strategic", body }, { subresource: "resize" });
  await api.clock.advance(1000);
}

/** "500m 0 restarts", and why it waits. */
async function has(name: string): Promise<string> {
  const { status }: V1Pod = await api.client.get(Pod, at(name));
  const [container] = status?.containerStatuses ?? [];
  expect(container?.resources?.requests).toEqual(container?.allocatedResources);
  const pending = status?.conditions?.find(({ type }) => type === "PodResizePending");
  const said = pending === undefined ? "" : `, ${pending.reason}: ${pending.message}`;
  return `${container?.allocatedResources?.["cpu"]} ${container?.restartCount} restarts${said}`;
}

async function events(): Promise<string[]> {
  const { items } = await api.client.list(Event, { namespace: "default" });
  return items
    .filter(({ reason }) => reason?.startsWith("Resize"))
    .map(({ type, reason, message }) => `${type} ${reason} ${message}`);
}

test("a running pod gets what fits, without a restart", async () => {
  await run("a", "500m");
  await resize("a", "2");
  expect(await has("a")).toBe("2 0 restarts");
  const text =
    '{"containers":[{"name":"c","resources":{"requests":{"cpu":"2","memory":"1Gi"}}}],"generation":2}';
  expect(await events()).toEqual([
    `Normal ResizeStarted Pod resize started: ${text}`,
    `Normal ResizeCompleted Pod resize completed: ${text}`,
  ]);
  expect((await api.client.get(Pod, at("a"))).status?.observedGeneration).toBe(2);
});

test("or with one, where the container says so", async () => {
  await run("a", "500m", { resizePolicy: [{ resourceName: "cpu", restartPolicy: "RestartContainer" }] });
  await resize("a", "1");
  expect(await has("a")).toBe("1 1 restarts");
});

test("it waits while others have the room, and gets it when they go", async () => {
  await run("a", "1");
  await run("b", "5");
  await resize("a", "4");
  const why = "Node didn't have enough resource: cpu, requested: 4000, used: 5000, capacity: 8000";
  expect(await has("a")).toBe(`1 0 restarts, Deferred: ${why}`);
  expect(await events()).toEqual([
    `Warning ResizeDeferred Pod resize OutOfcpu: {"containers":[{"name":"c","resources":{"requests":{"cpu":"4","memory":"1Gi"}}}],"generation":2,"error":"${why}"}`,
  ]);
  await api.clock.advance(300_000);
  expect((await events()).length).toBe(1);
  await api.client.delete(Pod, at("b"), { gracePeriodSeconds: 0 });
  await api.clock.advance(1000);
  expect(await has("a")).toBe("4 0 restarts");
});

test("it gives up waiting when it is asked for less again", async () => {
  await run("a", "1");
  await run("b", "5");
  await resize("a", "4");
  await resize("a", "1");
  expect(await has("a")).toBe("1 0 restarts");
});

test("what the node never has is infeasible", async () => {
  await run("a", "1");
  const node = await api.client.get(Node, { name: "node-1" });
  // The API server looks at the node as it is: it must shrink after the resize was accepted.
  await resize("a", "2");
  const body = {
    status: {
      allocatable: { ...node.status?.allocatable, cpu: "1" },
      capacity: { ...node.status?.capacity, cpu: "1" },
    },
  };
  const more = { spec: { containers: [{ name: "c", resources: { requests: { cpu: "3" } } }] } };
  await api.client.patch(Pod, at("a"), { type: "strategic", body: more }, { subresource: "resize" });
  await api.client.patch(Node, { name: "node-1" }, { type: "strategic", body }, { subresource: "status" });
  await api.clock.advance(1000);
  expect(await has("a")).toBe(
    "2 0 restarts, Infeasible: Node didn't have enough capacity: cpu, requested: 3000, capacity: 1000",
  );
});
