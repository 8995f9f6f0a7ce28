import { afterEach, beforeEach, expect, test } from "vitest";
import { customKinds } from "../../api/custom-resources/kinds.ts";
import type { V1PodDisruptionBudget } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import {
  CustomResourceDefinition,
  DaemonSet,
  Deployment,
  Event,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
} from "../../api/registry.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { createApiCore } from "../../apiserver/core.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { deployment, TestCluster } from "../test-cluster.ts";

let cluster: TestCluster;

beforeEach(async () => {
  cluster = await new TestCluster().start((parts) =>
    createApiCore({ store: createMemoryStore({}), ...parts }),
  );
});

afterEach(() => cluster.stop());

const namespace = "default";

function protect(spec: V1PodDisruptionBudget["spec"], app = "web") {
  const selector = { matchLabels: { app } };
  return cluster.client.create(PodDisruptionBudget, {
    metadata: { namespace, name: app },
    spec: { selector, ...spec },
  });
}

async function statusOf(name = "web") {
  const { status } = await cluster.client.get(PodDisruptionBudget, { namespace, name });
  return status!;
}

async function counts(name = "web"): Promise<string> {
  const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = await statusOf(name);
  return `${disruptionsAllowed} of ${currentHealthy}, needs ${desiredHealthy}, expects ${expectedPods}`;
}

async function evict(name: string): Promise<string> {
  try {
    const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { namespace, name } };
    await cluster.client.createSubresource(Pod as unknown as Kind, { namespace, name }, "eviction", body);
    return "evicted";
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.status.details?.causes?.[0]?.message}`;
    throw error;
  }
}

async function podNames(): Promise<string[]> {
  const { items } = await cluster.client.list(Pod, { namespace });
  return items.map(({ metadata }) => metadata?.name ?? "");
}

test("a Deployment loses as many pods at a time as its budget says", async () => {
  await protect({ minAvailable: "60%" });
  await cluster.client.create(Deployment, deployment("web", "nginx", 3));
  await cluster.until(() => cluster.isRolledOut("web"));
  await cluster.until(async () => (await counts()) === "1 of 3, needs 2, expects 3");
  const [a = "", b = ""] = await podNames();
  expect(await evict(a)).toBe("evicted");
  // The controller has not counted again yet.
  expect(await evict(b)).toBe("429 The disruption budget web does not allow evicting pods currently");
  await cluster.until(async () => (await evict(b)) === "evicted");
  await cluster.until(async () => (await counts()) === "1 of 3, needs 2, expects 3");
  expect((await statusOf()).disruptedPods).toBeUndefined();
});

test("pods without an owner, of a DaemonSet, and of an owner that is not there", async () => {
  const make = (name: string, owner?: { apiVersion: string; kind: string; name: string; uid: string }) =>
    cluster.client.create(Pod, {
      metadata: {
        namespace,
        name,
        labels: { app: name },
        ...(owner === undefined ? {} : { ownerReferences: [{ ...owner, controller: true }] }),
      },
      spec: { containers: [{ name: "c", image: "nginx" }] },
    });
  const template = {
    metadata: { labels: { app: "x" } },
    spec: { containers: [{ name: "c", image: "nginx" }] },
  };
  const daemons = await cluster.client.create(DaemonSet, {
    metadata: { namespace, name: "daemons" },
    spec: { selector: { matchLabels: { app: "x" } }, template },
  });
  await make("bare");
  await make("daemon", {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    name: "daemons",
    uid: daemons.metadata!.uid!,
  });
  for (const app of ["bare", "daemon"]) await protect({ maxUnavailable: 1 }, app);
  await cluster.clock.advance(5000);
  expect(await counts("bare")).toBe("0 of 1, needs 0, expects 0");
  const [condition] = (await statusOf("daemon")).conditions!;
  expect(`${condition?.reason} ${condition?.message}`).toBe(
    "SyncFailed daemonsets.apps does not implement the scale subresource",
  );
  expect(await evict("daemon")).toBe(
    "429 The disruption budget daemon is still being processed by the server.",
  );
  const events = (await cluster.client.list(Event, { namespace })).items.filter(
    ({ source }) => source?.component === "controllermanager",
  );
  expect([...new Set(events.map(({ reason }) => reason))].sort()).toEqual([
    "CalculateExpectedPodCountFailed",
    "UnmanagedPods",
  ]);
});

test("the pods of a custom resource that scales are counted by its Scale", async () => {
  await cluster.client.create(CustomResourceDefinition, {
    metadata: { name: "fleets.example.com" },
    spec: {
      group: "example.com",
      names: { kind: "Fleet", plural: "fleets" },
      scope: "Namespaced",
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
            } as never,
          },
          subresources: { scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.size" } },
        },
      ],
    },
  });
  await cluster.clock.advance(1000);
  const [kind] = customKinds(
    await cluster.client.get(CustomResourceDefinition, { name: "fleets.example.com" }),
  );
  const fleet = await cluster.client.create(kind!, {
    metadata: { namespace, name: "f" },
    spec: { size: 4 },
  } as never);
  const owner = {
    apiVersion: "example.com/v1",
    kind: "Fleet",
    name: "f",
    uid: fleet.metadata!.uid!,
    controller: true,
  };
  for (const name of ["a", "b", "c", "d"]) {
    await cluster.client.create(Pod, {
      metadata: { namespace, name, labels: { app: "f" }, ownerReferences: [owner] },
      spec: { containers: [{ name: "c", image: "nginx" }] },
    });
  }
  await protect({ maxUnavailable: "50%" }, "f");
  await cluster.until(async () => (await counts("f")) === "2 of 4, needs 2, expects 4");
});

test("a pod that was to be evicted and stays counts again after two minutes", async () => {
  await protect({ minAvailable: 1 });
  await cluster.client.create(ReplicaSet, {
    metadata: { namespace, name: "web" },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: { containers: [{ name: "c", image: "nginx" }] },
      },
    },
  });
  await cluster.until(async () => (await counts()) === "1 of 2, needs 1, expects 2");
  const [name = ""] = await podNames();
  // What the eviction API writes when the server ends before it deletes the pod.
  const current = await cluster.client.get(PodDisruptionBudget, { namespace, name: "web" });
  const disruptedPods = { [name]: formatTime(cluster.clock.nowMs()) };
  await cluster.client.update(
    PodDisruptionBudget,
    { ...current, status: { ...current.status, disruptionsAllowed: 0, disruptedPods } },
    { subresource: "status" },
  );
  await cluster.clock.advance(1000);
  expect(await counts()).toBe("0 of 1, needs 1, expects 2");
  await cluster.clock.advance(118_000);
  expect(await counts()).toBe("0 of 1, needs 1, expects 2");
  await cluster.clock.advance(3000);
  expect(await counts()).toBe("1 of 2, needs 1, expects 2");
});
