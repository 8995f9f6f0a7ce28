import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startVirtualApi, type VirtualApi, watchWrites } from "../../test/virtual-api.ts";
import type { V1Lease, V1Node } from "../api/generated/types.ts";
import { Lease, Node } from "../api/registry.ts";
import type { VirtualClock } from "../apimachinery/clock.ts";
import type { Client } from "../client/client.ts";
import { startSimulatedKubelet } from "./simulated.ts";

/** The node half of the kubelet over the real API server. */
let api: VirtualApi;
let clock: VirtualClock;
let client: Client;
let kubelet: { stop(): Promise<void> } | undefined;
let writes: string[];

const start = async (nodes: number) => {
  const noting = watchWrites(client, (write) => {
    writes.push(write);
    return undefined;
  });
  kubelet = await startSimulatedKubelet({ ...api.parts, client: noting, nodes });
};

beforeEach(async () => {
  api = await startVirtualApi();
  ({ clock, client } = api);
  writes = [];
});
afterEach(async () => {
  await kubelet?.stop();
  kubelet = undefined;
});

function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

describe("nodes", () => {
  test("register with what schedulers and people look at", async () => {
    await start(4);
    const nodes = (await client.list<V1Node>(Node)).items;
    expect(nodes.map((node) => node.metadata?.name)).toEqual(["node-1", "node-2", "node-3", "node-4"]);
    expect(nodes.map((node) => node.metadata?.labels?.["topology.kubernetes.io/zone"])).toEqual([
      "zone-a",
      "zone-b",
      "zone-c",
      "zone-a",
    ]);
    expect(nodes.map((node) => node.spec?.podCIDR)).toEqual([
      "10.128.0.0/24",
      "10.128.1.0/24",
      "10.128.2.0/24",
      "10.128.3.0/24",
    ]);
    expect(nodes[0]?.status?.addresses).toEqual([
      { type: "InternalIP", address: "172.18.0.2" },
      { type: "Hostname", address: "node-1" },
    ]);
    expect(nodes[0]?.status?.conditions?.map(({ type, status }) => `${type} ${status}`)).toEqual([
      "MemoryPressure False",
      "DiskPressure False",
      "PIDPressure False",
      "Ready True",
    ]);
    expect(nodes[0]?.status?.allocatable?.["pods"]).toBe("110");
  });

  test("renew their Lease every 10 s and report their status within 5 minutes", async () => {
    await start(2);
    const lease = (): Promise<V1Lease> => client.get(Lease, { namespace: "kube-node-lease", name: "node-1" });
    expect((await lease()).spec?.renewTime).toBe("2026-01-01T00:00:00.000000Z");
    writes.length = 0;
    await clock.advance(60_000);
    expect(tally(writes)["update Lease"]).toBeGreaterThanOrEqual(12);
    expect(tally(writes)["update Node"]).toBeUndefined();
    expect((await lease()).spec?.leaseDurationSeconds).toBe(40);
    await clock.advance(300_000);
    const node = await client.get<V1Node>(Node, { name: "node-1" });
    const ready = node.status?.conditions?.find((one) => one.type === "Ready");
    expect(ready?.lastTransitionTime).toBe("2026-01-01T00:00:00Z");
    expect(Date.parse(ready?.lastHeartbeatTime ?? "")).toBeGreaterThan(Date.parse("2026-01-01T00:02:00Z"));
  });

  test("a thousand cost two writes each, and a hundred renewals a second", async () => {
    await start(1000);
    expect(tally(writes)).toEqual({ "create Node": 1000, "create Lease": 1000 });
    writes.length = 0;
    await clock.advance(20_000);
    const renewals = tally(writes)["update Lease"] ?? 0;
    expect(renewals).toBeGreaterThanOrEqual(1000);
    expect(renewals).toBeLessThanOrEqual(2000);
    expect(Object.keys(tally(writes))).toEqual(["update Lease"]);
  });

  test("keep what clients wrote, over heartbeats and a restart", async () => {
    await start(2);
    await client.patch(
      Node,
      { name: "node-1" },
      {
        type: "strategic",
        body: {
          metadata: { labels: { disk: "ssd", "topology.kubernetes.io/zone": null } },
          spec: { unschedulable: true },
        },
      },
    );
    await client.patch(
      Node,
      { name: "node-1" },
      {
        type: "strategic",
        body: {
          status: {
            capacity: { "example.com/gpu": "4" },
            allocatable: { "example.com/gpu": "4" },
            conditions: [{ type: "Foreign", status: "True" }],
          },
        },
      },
      { subresource: "status" },
    );
    await clock.advance(400_000);
    await kubelet?.stop();
    writes.length = 0;
    await start(2);
    expect(tally(writes)).toEqual({ "update Lease": 2 });
    await clock.advance(400_000);
    const node = await client.get<V1Node>(Node, { name: "node-1" });
    expect(node.metadata?.labels).toMatchObject({ disk: "ssd" });
    expect(node.metadata?.labels).not.toHaveProperty(["topology.kubernetes.io/zone"]);
    expect(node.spec?.unschedulable).toBe(true);
    expect(node.status?.capacity).toMatchObject({ cpu: "8", "example.com/gpu": "4" });
    expect(node.status?.conditions?.map((one) => one.type)).toContain("Foreign");
  });

  test("a healthy condition comes back at the next heartbeat", async () => {
    await start(1);
    const conditions = [{ type: "Ready", status: "Unknown", reason: "NodeStatusUnknown" }];
    const body = { status: { conditions } };
    await client.patch(Node, { name: "node-1" }, { type: "strategic", body }, { subresource: "status" });
    await clock.advance(10_000);
    const node = await client.get<V1Node>(Node, { name: "node-1" });
    const ready = node.status?.conditions?.find((one) => one.type === "Ready");
    expect(ready).toMatchObject({ status: "True", reason: "KubeletReady" });
  });

  test("a deleted node stays deleted until the next start", async () => {
    await start(2);
    await client.delete(Node, { name: "node-2" });
    await clock.advance(60_000);
    expect((await client.list(Node)).items).toHaveLength(1);
    await kubelet?.stop();
    await start(2);
    expect((await client.list(Node)).items).toHaveLength(2);
  });

  const ranges = async () =>
    (await client.list(Node)).items.map(({ metadata, spec }) => `${metadata?.name} ${spec?.podCIDR}`);

  test("a registration that fails at first keeps the node's own pod range", async () => {
    const faults = [new Error("the disk is full")];
    const failing = watchWrites(client, (write) => (write === "create Node" ? faults.pop() : undefined));
    const starting = startSimulatedKubelet({ ...api.parts, client: failing, nodes: 2 });
    await clock.advance(1000);
    kubelet = await starting;
    expect(await ranges()).toEqual(["node-1 10.128.0.0/24", "node-2 10.128.1.0/24"]);
  });

  test("the pod range of a node that is gone is given to the next", async () => {
    await start(1);
    const annotations = { "pintle.io/simulated": "true" };
    for (const name of ["first", "second"]) {
      await client.create(Node, { metadata: { name, annotations } });
      await clock.advance(1000);
      expect(await ranges()).toEqual([`${name} 10.128.1.0/24`, "node-1 10.128.0.0/24"].sort());
      await client.delete(Node, { name });
      await clock.advance(1000);
    }
  });
});
