import { Event, Node, Pod } from "../api/core-kinds.ts";
import type { V1Deployment, V1Pod } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import { Lease } from "../api/registry.ts";
import { Deployment, ReplicaSet } from "../api/workload-kinds.ts";
import { type Clock, formatMicroTime, formatTime, VirtualClock } from "../apimachinery/clock.ts";
import { createLogger, type Logger } from "../apimachinery/log.ts";
import { type Random, seededRandom } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { createInformer } from "../client/informer.ts";
import { startControllers } from "./index.ts";

/** Opens what the cluster of a test runs on: this room does not know the API server, its tests do. */
export type OpenApi = (parts: {
  clock: Clock;
  random: Random;
  log: Logger;
}) => Promise<{ client(user: string): Client }>;

/** Real API server, store and controllers; a node of this test makes pods ready and removes those that are deleted. */
export class TestCluster {
  readonly clock = new VirtualClock();
  readonly lines: string[] = [];
  /** Images whose pods never become ready. */
  readonly broken = new Set<string>();
  /** [ready, all] pods of `watched`, after every change of a pod. */
  readonly history: { ready: number; active: number }[] = [];
  client!: Client;
  stop!: () => Promise<void>;

  async start(openApi: OpenApi): Promise<this> {
    const { clock } = this;
    const random = seededRandom(7);
    const log = createLogger((line) => this.lines.push(line), "debug");
    const core = await openApi({ clock, random, log });
    this.client = core.client("system:masters-test");
    const labels = { "topology.kubernetes.io/zone": "z1" };
    const conditions = [{ type: "Ready", status: "True" }];
    await this.client.create(Node, { metadata: { name: "n1", labels }, status: { conditions } });
    // Whoever has a Lease of a year need not be heard of before.
    await this.client.create(Lease, {
      metadata: { name: "n1", namespace: "kube-node-lease" },
      spec: {
        holderIdentity: "n1",
        leaseDurationSeconds: 31_536_000,
        renewTime: formatMicroTime(clock.nowMs()),
      },
    });
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
    if (pod.spec?.nodeName) return;
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

export function deployment(name: string, image: string, replicas: number): V1Deployment {
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
