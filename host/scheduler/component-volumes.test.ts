import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startVirtualApi, type VirtualApi } from "../../test/virtual-api.ts";
import type {
  V1Node,
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1Pod,
  V1StorageClass,
} from "../api/generated/types.ts";
import {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PriorityClass,
  StorageClass,
} from "../api/registry.ts";
import { startScheduler } from "./component.ts";

/** Pods with claims, over the real API server and the real core. Nobody binds claims but the test. */
let api: VirtualApi;
let scheduler: { stop(): Promise<void> };

beforeEach(async () => {
  api = await startVirtualApi();
  for (const name of ["n1", "n2"]) {
    const room = { cpu: "1", memory: "1Gi", pods: "10" };
    const status = { capacity: room, allocatable: room };
    await api.client.create<V1Node>(Node, { metadata: { name, labels: { zone: name } }, status });
  }
  for (const [name, provisioner] of [
    ["wait", "csi.example.com"],
    ["local", "kubernetes.io/no-provisioner"],
  ] as const)
    await api.client.create<V1StorageClass>(StorageClass, {
      metadata: { name },
      provisioner,
      volumeBindingMode: "WaitForFirstConsumer",
    });
  scheduler = await startScheduler({ ...api.parts, client: api.client, thread: "caller" });
});
afterEach(() => scheduler.stop());

const claimed = { namespace: "default", name: "data" };
const makePod = (name: string, claimName: string) =>
  api.client.create<V1Pod>(Pod, {
    metadata: { name, namespace: "default" },
    spec: {
      containers: [{ name: "c", image: "nginx" }],
      volumes: [{ name: "v", persistentVolumeClaim: { claimName } }],
    },
  });
const makeClaim = (storageClassName = "wait") =>
  api.client.create<V1PersistentVolumeClaim>(PersistentVolumeClaim, {
    metadata: claimed,
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "1Gi" } },
      storageClassName,
    },
  });
const makeVolume = (name: string, zone: string, storageClassName = "wait") =>
  api.client.create<V1PersistentVolume>(PersistentVolume, {
    metadata: { name },
    spec: {
      capacity: { storage: "2Gi" },
      accessModes: ["ReadWriteOnce"],
      storageClassName,
      hostPath: { path: "/data" },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: "zone", operator: "In", values: [zone] }] }],
        },
      },
    },
    status: { phase: "Available" },
  });
const bindClaim = (volumeName: string) =>
  api.client.patch(PersistentVolumeClaim, claimed, {
    type: "merge",
    body: {
      metadata: { annotations: { "pv.kubernetes.io/bind-completed": "yes" } },
      spec: { volumeName },
    },
  });
const podNow = (name: string): Promise<V1Pod> => api.client.get(Pod, { namespace: "default", name });
const messageOf = async (name: string) =>
  (await podNow(name)).status?.conditions?.find(({ type }) => type === "PodScheduled")?.message;

test("a pod waits for its claim, then for the claim to be bound where it was placed", async () => {
  await makePod("p", "data");
  await api.clock.advance(1_000);
  expect(await messageOf("p")).toBe(
    '0/2 nodes are available: persistentvolumeclaim "data" not found. not found',
  );
  await makeClaim();
  await api.clock.advance(15_000);
  const claim: V1PersistentVolumeClaim = await api.client.get(PersistentVolumeClaim, claimed);
  const node = claim.metadata?.annotations?.["volume.kubernetes.io/selected-node"];
  expect(["n1", "n2"]).toContain(node);
  expect((await podNow("p")).spec?.nodeName).toBeUndefined();
  await makeVolume("made", node!);
  await bindClaim("made");
  await api.clock.advance(2_000);
  expect((await podNow("p")).spec?.nodeName).toBe(node);
});

test("a volume that is there is reserved for the claim, and its node taken", async () => {
  await makeVolume("local", "n2", "local");
  await api.client.patch(
    PersistentVolume,
    { name: "local" },
    { type: "merge", body: { status: { phase: "Available" } } },
    { subresource: "status" },
  );
  await makeClaim("local");
  await makePod("p", "data");
  await api.clock.advance(2_000);
  const volume: V1PersistentVolume = await api.client.get(PersistentVolume, { name: "local" });
  expect(volume.spec?.claimRef).toMatchObject({ namespace: "default", name: "data" });
  await bindClaim("local");
  await api.clock.advance(2_000);
  expect((await podNow("p")).spec?.nodeName).toBe("n2");
});

test("a claim that nobody binds is given up after ten minutes, in the plugin's words", async () => {
  await makeClaim();
  await makePod("p", "data");
  await api.clock.advance(605_000);
  expect(await messageOf("p")).toBe(
    'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded',
  );
  expect((await podNow("p")).spec?.nodeName).toBeUndefined();
});

describe("while a pod waits for its volume", () => {
  const ask = (cpu: string) => [{ name: "c", image: "nginx", resources: { requests: { cpu } } }];
  const selectedNode = async () => {
    const claim: V1PersistentVolumeClaim = await api.client.get(PersistentVolumeClaim, claimed);
    return claim.metadata?.annotations?.["volume.kubernetes.io/selected-node"] ?? "";
  };
  /** A pod that takes most of a node, and is held up there by its claim. */
  const startWaiting = async () => {
    await makeClaim();
    await api.client.create<V1Pod>(Pod, {
      metadata: { name: "waiting", namespace: "default" },
      spec: {
        containers: ask("800m"),
        volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }],
      },
    });
    await api.clock.advance(2_000);
    const node = await selectedNode();
    expect(["n1", "n2"]).toContain(node);
    return node;
  };
  const makeOther = (name: string, zone: string, priorityClassName?: string) =>
    api.client.create<V1Pod>(Pod, {
      metadata: { name, namespace: "default" },
      spec: {
        containers: ask("800m"),
        nodeSelector: { zone },
        ...(priorityClassName === undefined ? {} : { priorityClassName }),
      },
    });

  test("one that is more important takes its node, and it is placed elsewhere", async () => {
    await api.client.create(PriorityClass, { metadata: { name: "high" }, value: 1000 });
    const node = await startWaiting();
    await makeOther("urgent", node, "high");
    await api.clock.advance(15_000);
    expect((await podNow("urgent")).spec?.nodeName).toBe(node);
    const waiting = await podNow("waiting");
    expect(waiting.metadata?.deletionTimestamp).toBeUndefined();
    expect(waiting.spec?.nodeName).toBeUndefined();
    // It was not bound, so it is tried again; but its claim is promised to that node until the provisioner takes that back.
    const other = node === "n1" ? "n2" : "n1";
    expect(await selectedNode()).toBe(node);
    expect(await messageOf("waiting")).toMatch(
      /1 Insufficient cpu, 1 node\(s\) didn't find available persistent/,
    );
    const back = { metadata: { annotations: { "volume.kubernetes.io/selected-node": null } } };
    await api.client.patch(PersistentVolumeClaim, claimed, { type: "merge", body: back });
    await api.clock.advance(12_000);
    expect(await selectedNode()).toBe(other);
    await makeVolume("made", other);
    await bindClaim("made");
    await api.clock.advance(12_000);
    expect((await podNow("waiting")).spec?.nodeName).toBe(other);
  });

  test("one that is not has to wait, and gets the room when it is evicted", async () => {
    const node = await startWaiting();
    await makeOther("late", node);
    await api.clock.advance(15_000);
    expect((await podNow("late")).spec?.nodeName).toBeUndefined();
    const waiting = { namespace: "default", name: "waiting" };
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: waiting };
    await api.client.createSubresource(Pod, waiting, "eviction", eviction);
    await api.clock.advance(15_000);
    await expect(podNow("waiting")).rejects.toThrow(/not found/);
    expect((await podNow("late")).spec?.nodeName).toBe(node);
  });
});
