import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigMap, Event, Namespace, Pod, ServiceAccount } from "../api/core-kinds.ts";
import type { V1Deployment, V1Pod } from "../api/generated/types.ts";
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
    const controllers = await startControllers({ client: core.client("kcm"), clock, random, log, rootCa: "PEM" });
    const node = createInformer({ client: core.client("node"), kind: Pod, clock, random, log });
    node.addHandler({
      onAdd: (pod) => void this.#makeReady(pod),
      onUpdate: (_, pod) => void (pod.metadata?.deletionTimestamp && this.#remove(pod)),
    });
    node.addHandler({ onAdd: () => this.#count(node.lister.list()), onUpdate: () => this.#count(node.lister.list()) });
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

test("a namespace gets its ServiceAccount and root CA, and gets them again", async () => {
  const { client } = cluster;
  await client.create(Namespace, { metadata: { name: "shop" } });
  const names = async () => [
    ...(await client.list(ServiceAccount, { namespace: "shop" })).items.map((one) => one.metadata?.name),
    ...(await client.list(ConfigMap, { namespace: "shop" })).items.map((one) => one.metadata?.name),
  ];
  await cluster.clock.advance(0);
  expect(await names()).toEqual(["default", "kube-root-ca.crt"]);
  await client.delete(ServiceAccount, { namespace: "shop", name: "default" });
  await client.delete(ConfigMap, { namespace: "shop", name: "kube-root-ca.crt" });
  await cluster.clock.advance(0);
  expect(await names()).toEqual(["default", "kube-root-ca.crt"]);
});
