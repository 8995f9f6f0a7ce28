import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ConfigMap,
  Endpoints,
  Event,
  Namespace,
  Node,
  Pod,
  ReplicationController,
  Service,
  ServiceAccount,
} from "../api/core-kinds.ts";
import type { V1Deployment, V1Pod } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import { EndpointSlice } from "../api/network-kinds.ts";
import { Deployment, ReplicaSet } from "../api/workload-kinds.ts";
import { formatTime, VirtualClock } from "../apimachinery/clock.ts";
import { createLogger } from "../apimachinery/log.ts";
import { seededRandom } from "../apimachinery/random.ts";
import { createApiCore } from "../apiserver/core.ts";
import type { Client } from "../client/client.ts";
import { createInformer } from "../client/informer.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { startControllers } from "./index.ts";

/** Real API server, store and controllers; a node of this test makes pods ready and removes those that are deleted. */
class TestCluster {
  readonly clock = new VirtualClock();
  readonly lines: string[] = [];
  /** Images whose pods never become ready. */
  readonly broken = new Set<string>();
  /** [ready, all] pods of `watched`, after every change of a pod. */
  readonly history: { ready: number; active: number }[] = [];
  client!: Client;
  stop!: () => Promise<void>;

  async start(): Promise<this> {
    const { clock } = this;
    const random = seededRandom(7);
    const log = createLogger((line) => this.lines.push(line), "debug");
    const core = await createApiCore({ store: createMemoryStore({}), clock, random, log });
    this.client = core.client("system:masters-test");
    const controllers = await startControllers({
      client: core.client("kcm"),
      clock,
      random,
      log,
      rootCa: "PEM",
    });
    const node = createInformer({ client: core.client("node"), kind: Pod, clock, random, log });
    node.addHandler({
      onAdd: (pod) => void this.#makeReady(pod),
      onUpdate: (_, pod) => void (pod.metadata?.deletionTimestamp && this.#remove(pod)),
    });
    node.addHandler({
      onAdd: () => this.#count(node.lister.list()),
      onUpdate: () => this.#count(node.lister.list()),
    });
    node.start();
    this.stop = async () => {
      node.stop();
      await controllers.stop();
    };
    return this;
  }

  #count(pods: readonly V1Pod[]): void {
    const active = pods.filter((pod) => !pod.metadata?.deletionTimestamp);
    const ready = active.filter((pod) => pod.status?.conditions?.some((one) => one.type === "Ready")).length;
    this.history.push({ ready, active: active.length });
  }

  async #makeReady(pod: V1Pod): Promise<void> {
    const { namespace, name = "" } = pod.metadata!;
    const target = { apiVersion: "v1", kind: "Node", name: "n1" };
    await this.client.createSubresource(Pod, { namespace, name }, "binding", {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { namespace, name },
      target,
    } as never);
    if (this.broken.has(pod.spec?.containers[0]?.image ?? "")) return;
    this.clock.setTimeout(() => {
      const at = formatTime(this.clock.nowMs());
      const conditions = [{ type: "Ready", status: "True", lastTransitionTime: at }];
      const status = { phase: "Running", podIP: `10.0.0.${this.history.length % 250}`, conditions };
      this.client
        .patch(Pod, { namespace, name }, { type: "strategic", body: { status } }, { subresource: "status" })
        .catch(() => {});
    }, 1000);
  }

  #remove(pod: V1Pod): void {
    const { namespace, name = "" } = pod.metadata!;
    this.clock.setTimeout(() => {
      this.client.delete(Pod, { namespace, name }, { gracePeriodSeconds: 0 }).catch(() => {});
    }, 2000);
  }

  async until(done: () => Promise<boolean>, limitMs = 60_000): Promise<void> {
    if (await this.clock.advanceUntil(done, limitMs)) return;
    throw new Error(`not reached\n${this.lines.slice(-40).join("\n")}`);
  }

  async isRolledOut(name: string): Promise<boolean> {
    const { spec, status, metadata } = await this.client.get(Deployment, { namespace: "default", name });
    const progressing = status?.conditions?.find((one) => one.type === "Progressing");
    return (
      status?.observedGeneration === metadata?.generation &&
      progressing?.reason === "NewReplicaSetAvailable" &&
      status?.updatedReplicas === spec?.replicas &&
      (status?.replicas ?? 0) === spec?.replicas
    );
  }

  async isEmpty(namespace: string): Promise<boolean> {
    for (const kind of [Deployment, ReplicaSet, Pod] as const) {
      if ((await this.client.list(kind as Kind, { namespace })).items.length > 0) return false;
    }
    return true;
  }

  async events(kind: string): Promise<string[]> {
    const { items } = await this.client.list(Event, { namespace: "default" });
    return items
      .filter((event) => event.involvedObject.kind === kind)
      .sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
      .map((event) => `${event.type} ${event.reason} ${event.message}`);
  }
}

function deployment(name: string, image: string, replicas: number): V1Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: "c", image }] },
      },
    },
  } as V1Deployment;
}

let cluster: TestCluster;

beforeEach(async () => {
  cluster = await new TestCluster().start();
});

afterEach(() => cluster.stop());

describe("Deployment", () => {
  test("rolls out, rolls over within its bounds, and says so as Kubernetes does", async () => {
    const { client } = cluster;
    await client.create(Deployment, deployment("web", "nginx:1.27", 3));
    await cluster.until(() => cluster.isRolledOut("web"));
    const [first] = (await client.list(ReplicaSet, { namespace: "default" })).items;
    expect(first?.metadata?.name).toBe("web-bfb6488d7");

    cluster.history.length = 0;
    const image = [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: "nginx:1.28" }];
    await client.patch(Deployment, { namespace: "default", name: "web" }, { type: "json", body: image });
    await cluster.until(() => cluster.isRolledOut("web"));
    expect(Math.max(...cluster.history.map(({ active }) => active))).toBe(4);
    expect(Math.min(...cluster.history.map(({ ready }) => ready))).toBe(3);

    const sets = (await client.list(ReplicaSet, { namespace: "default" })).items;
    const second = sets.find((set) => set.metadata?.name !== first?.metadata?.name)?.metadata?.name;
    const words = (await cluster.events("Deployment")).map((event) => event.replace(`${second}`, "NEW"));
    expect(words).toEqual([
      "Normal ScalingReplicaSet Scaled up replica set web-bfb6488d7 from 0 to 3",
      "Normal ScalingReplicaSet Scaled up replica set NEW from 0 to 1",
      "Normal ScalingReplicaSet Scaled down replica set web-bfb6488d7 from 3 to 2",
      "Normal ScalingReplicaSet Scaled up replica set NEW from 1 to 2",
      "Normal ScalingReplicaSet Scaled down replica set web-bfb6488d7 from 2 to 1",
      "Normal ScalingReplicaSet Scaled up replica set NEW from 2 to 3",
      "Normal ScalingReplicaSet Scaled down replica set web-bfb6488d7 from 1 to 0",
    ]);
    const web = await client.get(Deployment, { namespace: "default", name: "web" });
    expect(web.metadata?.annotations?.["deployment.kubernetes.io/revision"]).toBe("2");
    expect(web.status?.conditions?.map((one) => `${one.type} ${one.status} ${one.reason}`)).toEqual([
      "Available True MinimumReplicasAvailable",
      "Progressing True NewReplicaSetAvailable",
    ]);
  });
});

describe("Deployment, off the straight path", () => {
  const at = { namespace: "default", name: "web" };
  const set = async (path: string, value: unknown) => {
    const body = [{ op: "add", path, value }];
    return cluster.client.patch(Deployment, at, { type: "json", body });
  };
  const image = (value: string) => set("/spec/template/spec/containers/0/image", value);
  const sizes = async () => {
    const { items } = await cluster.client.list(ReplicaSet, { namespace: "default" });
    const entries = items.map((one): [string, number | undefined] => [
      one.spec?.template?.spec?.containers[0]?.image ?? "",
      one.spec?.replicas,
    ]);
    return Object.fromEntries(entries);
  };
  const progressing = async () => {
    const { status } = await cluster.client.get(Deployment, at);
    const condition = status?.conditions?.find((one) => one.type === "Progressing");
    return `${condition?.status} ${condition?.reason}`;
  };
  const rollOut = async (replicas: number, change: (made: V1Deployment) => void = () => {}) => {
    const made = deployment("web", "one", replicas);
    change(made);
    await cluster.client.create(Deployment, made);
    await cluster.until(() => cluster.isRolledOut("web"));
  };

  test("undo takes the old ReplicaSet again and gives it the next revision", async () => {
    await rollOut(2);
    await image("two");
    await cluster.until(() => cluster.isRolledOut("web"));
    await image("one");
    await cluster.until(() => cluster.isRolledOut("web"));
    expect(await sizes()).toEqual({ one: 2, two: 0 });
    const { items } = await cluster.client.list(ReplicaSet, { namespace: "default" });
    const one = items.find((set) => set.spec?.replicas === 2);
    expect(one?.metadata?.annotations).toMatchObject({
      "deployment.kubernetes.io/revision": "3",
      "deployment.kubernetes.io/revision-history": "1",
    });
    expect((await cluster.client.get(Deployment, at)).metadata?.annotations).toEqual({
      "deployment.kubernetes.io/revision": "3",
    });
  });

  test("paused it keeps its template to itself, yet scales; resumed it rolls out", async () => {
    await rollOut(2);
    await set("/spec/paused", true);
    await image("two");
    await set("/spec/replicas", 4);
    await cluster.clock.advance(10_000);
    expect(await sizes()).toEqual({ one: 4 });
    expect(await progressing()).toBe("Unknown DeploymentPaused");
    await set("/spec/paused", false);
    await cluster.until(() => cluster.isRolledOut("web"));
    expect(await sizes()).toEqual({ one: 0, two: 4 });
  });

  test("a template that never gets ready runs into its deadline and keeps the old pods", async () => {
    await rollOut(3, (made) => {
      made.spec!.progressDeadlineSeconds = 30;
    });
    cluster.broken.add("two");
    await image("two");
    await cluster.clock.advance(20_000);
    expect([await sizes(), await progressing()]).toEqual([{ one: 3, two: 1 }, "True ReplicaSetUpdated"]);
    await cluster.clock.advance(20_000);
    expect([await sizes(), await progressing()]).toEqual([
      { one: 3, two: 1 },
      "False ProgressDeadlineExceeded",
    ]);
    await image("one");
    await cluster.until(() => cluster.isRolledOut("web"));
    expect(await sizes()).toEqual({ one: 3, two: 0 });
  });

  test("Recreate lets all old pods go before the first new one comes", async () => {
    await rollOut(2, (made) => {
      made.spec!.strategy = { type: "Recreate" };
    });
    await image("two");
    let both = false;
    await cluster.until(async () => {
      const { items } = await cluster.client.list(Pod, { namespace: "default" });
      both ||= new Set(items.map((pod) => pod.spec?.containers[0]?.image)).size > 1;
      return cluster.isRolledOut("web");
    });
    expect([both, await sizes()]).toEqual([false, { one: 0, two: 2 }]);
  });

  test("scaled in the middle of a rollout, the sets share in proportion", async () => {
    await rollOut(4);
    cluster.broken.add("two");
    await image("two");
    await cluster.clock.advance(5000);
    // One may surge and one may be missing: three old ones and two new ones stand still.
    expect(await sizes()).toEqual({ one: 3, two: 2 });
    await set("/spec/replicas", 8);
    await cluster.clock.advance(5000);
    expect(await sizes()).toEqual({ one: 6, two: 4 });
  });

  test("a ReplicaSet whose template was edited counts as old, and the hash gets a collision", async () => {
    await rollOut(1);
    const [first] = (await cluster.client.list(ReplicaSet, { namespace: "default" })).items;
    const edited = [{ op: "add", path: "/spec/template/metadata/annotations", value: { edited: "yes" } }];
    const there = { namespace: "default", name: first?.metadata?.name ?? "" };
    await cluster.client.patch(ReplicaSet, there, { type: "json", body: edited });
    await cluster.clock.advance(20_000);
    const { items } = await cluster.client.list(ReplicaSet, { namespace: "default" });
    expect(items.map((one) => [one.metadata?.name === there.name, one.spec?.replicas]).sort()).toEqual([
      [false, 1],
      [true, 0],
    ]);
    expect((await cluster.client.get(Deployment, at)).status?.collisionCount).toBe(1);
  });

  test("keeps as many old revisions as it was told to", async () => {
    await rollOut(1, (made) => {
      made.spec!.revisionHistoryLimit = 1;
    });
    for (const value of ["two", "three", "four"]) {
      await image(value);
      await cluster.until(() => cluster.isRolledOut("web"));
      await cluster.clock.advance(5000);
    }
    expect(await sizes()).toEqual({ three: 0, four: 1 });
  });

  test("a killed pod is replaced, a relabelled one is let go", async () => {
    await rollOut(2);
    const [first, second] = (await cluster.client.list(Pod, { namespace: "default" })).items;
    const of = (pod: V1Pod | undefined) => ({ namespace: "default", name: pod?.metadata?.name ?? "" });
    await cluster.client.delete(Pod, of(first));
    const body = { metadata: { labels: { app: "debug" } } };
    await cluster.client.patch(Pod, of(second), { type: "strategic", body });
    await cluster.clock.advance(10_000);
    const { items } = await cluster.client.list(Pod, { namespace: "default" });
    expect(
      items.map((pod) => [pod.metadata?.labels?.["app"], pod.metadata?.ownerReferences?.length ?? 0]).sort(),
    ).toEqual([
      ["debug", 0],
      ["web", 1],
      ["web", 1],
    ]);
  });

  test("nothing is written once all is as it should be", async () => {
    await rollOut(2);
    await cluster.clock.advance(5000);
    const revision = async () => (await cluster.client.list(Pod)).metadata.resourceVersion;
    const before = await revision();
    await cluster.clock.advance(600_000);
    expect(await revision()).toBe(before);
  });
});

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
    await client.create(Node, { metadata: { name: "n1", labels: { "topology.kubernetes.io/zone": "z1" } } });
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
