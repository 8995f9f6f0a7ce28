import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ConfigMap,
  Endpoints,
  Namespace,
  Node,
  Pod,
  ReplicationController,
  Service,
  ServiceAccount,
} from "../api/core-kinds.ts";
import { EndpointSlice } from "../api/network-kinds.ts";
import { Deployment, ReplicaSet } from "../api/workload-kinds.ts";
import { createApiCore } from "../apiserver/core.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { deployment, TestCluster } from "./test-cluster.ts";

let cluster: TestCluster;

beforeEach(async () => {
  cluster = await new TestCluster().start((parts) =>
    createApiCore({ store: createMemoryStore({}), ...parts }),
  );
});

afterEach(() => cluster.stop());

test("a ReplicationController keeps its pods, too", async () => {
  const at = { namespace: "default", name: "old" };
  const template = {
    metadata: { labels: { app: "old" } },
    spec: { containers: [{ name: "c", image: "nginx" }] },
  };
  await cluster.client.create(ReplicationController, { metadata: at, spec: { replicas: 2, template } });
  await cluster.clock.advance(5000);
  const { status } = await cluster.client.get(ReplicationController, at);
  expect([status?.replicas, status?.readyReplicas]).toEqual([2, 2]);
  await cluster.client.delete(ReplicationController, at, { propagationPolicy: "Background" });
  await cluster.until(() => cluster.isEmpty("default"));
});

describe("garbage", () => {
  test("deleting a Deployment removes its ReplicaSets and pods", async () => {
    const { client } = cluster;
    await client.create(Deployment, deployment("web", "nginx", 3));
    await cluster.until(() => cluster.isRolledOut("web"));
    await client.delete(Deployment, { namespace: "default", name: "web" });
    await cluster.until(() => cluster.isEmpty("default"), 10_000);
  });

  test("in the foreground the pods go first, the Deployment last", async () => {
    const { client } = cluster;
    await client.create(Deployment, deployment("web", "nginx", 2));
    await cluster.until(() => cluster.isRolledOut("web"));
    await client.delete(
      Deployment,
      { namespace: "default", name: "web" },
      { propagationPolicy: "Foreground" },
    );
    const [set] = (await client.list(ReplicaSet, { namespace: "default" })).items;
    await cluster.clock.advance(100);
    const leaving = await client.get(ReplicaSet, { namespace: "default", name: set?.metadata?.name ?? "" });
    expect(leaving.metadata?.finalizers).toEqual(["foregroundDeletion"]);
    await cluster.until(
      async () => (await client.list(Deployment, { namespace: "default" })).items.length === 0,
    );
    expect(await cluster.isEmpty("default")).toBe(true);
  });

  test("orphaned, the ReplicaSet stays and forgets its owner; a new Deployment adopts it", async () => {
    const { client } = cluster;
    await client.create(Deployment, deployment("web", "nginx", 2));
    await cluster.until(() => cluster.isRolledOut("web"));
    await client.delete(Deployment, { namespace: "default", name: "web" }, { propagationPolicy: "Orphan" });
    await cluster.clock.advance(1000);
    const [orphan] = (await client.list(ReplicaSet, { namespace: "default" })).items;
    expect(orphan?.metadata?.ownerReferences).toBeUndefined();
    expect((await client.list(Deployment, { namespace: "default" })).items).toEqual([]);
    await client.create(Deployment, deployment("web", "nginx", 2));
    await cluster.until(() => cluster.isRolledOut("web"));
    const sets = (await client.list(ReplicaSet, { namespace: "default" })).items;
    expect(sets.map((set) => [set.metadata?.uid, set.metadata?.ownerReferences?.length])).toEqual([
      [orphan?.metadata?.uid, 1],
    ]);
  });

  test("an object whose owner never was is deleted", async () => {
    const { client } = cluster;
    const owner = { apiVersion: "v1", kind: "ConfigMap", name: "nobody", uid: "0-1" };
    const metadata = { namespace: "default", name: "child", ownerReferences: [owner] };
    await client.create(ConfigMap, { metadata });
    await cluster.clock.advance(1000);
    const names = (await client.list(ConfigMap, { namespace: "default" })).items.map(
      (one) => one.metadata?.name,
    );
    expect(names).toEqual(["kube-root-ca.crt"]);
  });
});

test("pods of a node that is gone are failed and removed after 40 seconds", async () => {
  const { client } = cluster;
  await client.create(Node, { metadata: { name: "n2" } });
  const spec = { nodeName: "n2", containers: [{ name: "c", image: "nginx" }] };
  await client.create(Pod, { metadata: { namespace: "default", name: "lost" }, spec });
  await client.delete(Node, { name: "n2" });
  const seen: (string | undefined)[] = [];
  client.watch(
    Pod,
    {},
    { onEvent: (type, pod) => seen.push(`${type} ${pod.status?.phase}`), onEnd: () => {} },
  );
  await cluster.clock.advance(39_000);
  expect((await client.list(Pod)).items.length).toBe(1);
  await cluster.clock.advance(2000);
  expect((await client.list(Pod)).items.length).toBe(0);
  expect(seen).toEqual(["ADDED Pending", "MODIFIED Failed", "DELETED Failed"]);
});

describe("Namespace", () => {
  test("is emptied, pods first, and goes", async () => {
    const { client } = cluster;
    await client.create(Namespace, { metadata: { name: "shop" } });
    const web = deployment("web", "nginx", 2);
    await client.create(Deployment, { ...web, metadata: { name: "web", namespace: "shop" } });
    await cluster.clock.advance(5000);
    expect((await client.list(Pod, { namespace: "shop" })).items.length).toBe(2);
    await client.delete(Namespace, { name: "shop" });
    await cluster.until(
      async () => (await client.list(Namespace)).items.every((one) => one.metadata?.name !== "shop"),
      10_000,
    );
    expect(await cluster.isEmpty("shop")).toBe(true);
  });

  test("waits for objects with finalizers and says so", async () => {
    const { client } = cluster;
    await client.create(Namespace, { metadata: { name: "shop" } });
    const metadata = { namespace: "shop", name: "held", finalizers: ["example.com/hold"] };
    await client.create(ConfigMap, { metadata });
    await client.delete(Namespace, { name: "shop" });
    await cluster.clock.advance(20_000);
    const { status } = await client.get(Namespace, { name: "shop" });
    expect(status?.conditions?.filter((one) => one.status === "True").map((one) => one.message)).toEqual([
      "Some resources are remaining: configmaps. has 1 resource instances",
      "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
    ]);
    const free = { type: "merge", body: { metadata: { finalizers: null } } } as const;
    await client.patch(ConfigMap, { namespace: "shop", name: "held" }, free);
    await cluster.clock.advance(20_000);
    await expect(client.get(Namespace, { name: "shop" })).rejects.toThrow('namespaces "shop" not found');
  });
});

describe("Service", () => {
  test("lists its ready pods in a slice and in Endpoints, and forgets those that go", async () => {
    const { client } = cluster;
    await client.create(Deployment, deployment("web", "nginx", 2));
    const spec = { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] };
    await client.create(Service, { metadata: { namespace: "default", name: "web" }, spec });
    await cluster.until(() => cluster.isRolledOut("web"));
    await cluster.clock.advance(100);
    const own = async () =>
      (
        await client.list(EndpointSlice, {
          namespace: "default",
          labelSelector: "kubernetes.io/service-name=web",
        })
      ).items;
    const [slice] = await own();
    expect(slice?.ports).toEqual([{ name: "", protocol: "TCP", port: 8080 }]);
    expect(
      slice?.endpoints?.map(({ conditions, nodeName, zone }) => ({ ...conditions, nodeName, zone })),
    ).toEqual(Array(2).fill({ ready: true, serving: true, terminating: false, nodeName: "n1", zone: "z1" }));
    const endpoints = await client.get(Endpoints, { namespace: "default", name: "web" });
    expect(endpoints.subsets?.map((one) => [one.addresses?.length, one.ports])).toEqual([
      [2, [{ port: 8080, protocol: "TCP" }]],
    ]);
    await client.delete(Deployment, { namespace: "default", name: "web" });
    await cluster.clock.advance(10_000);
    expect((await own()).map((one) => [one.endpoints ?? [], one.ports ?? []])).toEqual([[[], []]]);
    await client.delete(Service, { namespace: "default", name: "web" });
    await cluster.clock.advance(1000);
    expect(await own()).toEqual([]);
    await expect(client.get(Endpoints, { namespace: "default", name: "web" })).rejects.toThrow("not found");
  });
});

test("a namespace gets its ServiceAccount and root CA, and gets them again", async () => {
  const { client } = cluster;
  await client.create(Namespace, { metadata: { name: "shop" } });
  const names = async () => [
    ...(await client.list(ServiceAccount, { namespace: "shop" })).items.map((one) => one.metadata?.name),
    ...(await client.list(ConfigMap, { namespace: "shop" })).items.map((one) => one.metadata?.name),
  ];
  await cluster.clock.advance(50);
  expect(await names()).toEqual(["default", "kube-root-ca.crt"]);
  await client.delete(ServiceAccount, { namespace: "shop", name: "default" });
  await client.delete(ConfigMap, { namespace: "shop", name: "kube-root-ca.crt" });
  await cluster.clock.advance(50);
  expect(await names()).toEqual(["default", "kube-root-ca.crt"]);
});
