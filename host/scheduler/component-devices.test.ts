import { afterEach, beforeEach, expect, test } from "vitest";
import { startVirtualApi, type VirtualApi } from "../../test/virtual-api.ts";
import type {
  ResourceV1ResourceClaim,
  V1DeviceClass,
  V1Node,
  V1Pod,
  V1ResourceSlice,
} from "../api/generated/types.ts";
import { DeviceClass, Node, Pod, ResourceClaim, ResourceSlice } from "../api/registry.ts";
import { startScheduler } from "./component.ts";

/** Pods with claims of devices, over the real API server and the real core. */
let api: VirtualApi;
let scheduler: { stop(): Promise<void> };

beforeEach(async () => {
  api = await startVirtualApi();
  for (const name of ["n1", "n2"]) {
    const room = { cpu: "1", memory: "1Gi", pods: "10" };
    await api.client.create<V1Node>(Node, {
      metadata: { name },
      status: { capacity: room, allocatable: room },
    });
  }
  await api.client.create<V1DeviceClass>(DeviceClass, { metadata: { name: "gpu" }, spec: {} });
  scheduler = await startScheduler({ ...api.parts, client: api.client, thread: "caller" });
});
afterEach(() => scheduler.stop());

const named = (name: string) => ({ namespace: "default", name });
const makePod = (name: string, claim: string) =>
  api.client.create<V1Pod>(Pod, {
    metadata: named(name),
    spec: {
      containers: [{ name: "c", image: "nginx" }],
      resourceClaims: [{ name: "c", resourceClaimName: claim }],
    },
  });
const makeClaim = (name: string, count = 1) =>
  api.client.create<ResourceV1ResourceClaim>(ResourceClaim, {
    metadata: named(name),
    spec: {
      devices: {
        requests: [{ name: "r", exactly: { deviceClassName: "gpu", allocationMode: "ExactCount", count } }],
      },
    },
  });
const makeSlice = (nodeName: string, count: number) =>
  api.client.create<V1ResourceSlice>(ResourceSlice, {
    metadata: { name: `slice-${nodeName}` },
    spec: {
      driver: "gpu.example.com",
      nodeName,
      pool: { name: nodeName, generation: 1, resourceSliceCount: 1 },
      devices: Array.from({ length: count }, (_, i) => ({ name: `d${i}` })),
    },
  });
const nodeOf = async (name: string) => (await api.client.get<V1Pod>(Pod, named(name))).spec?.nodeName;
const statusOf = async (name: string) =>
  (await api.client.get<ResourceV1ResourceClaim>(ResourceClaim, named(name))).status;

test("a pod waits for its claim and for devices; then the claim is allocated and reserved for it", async () => {
  const pod = await makePod("p", "c");
  await api.clock.advance(1_000);
  expect(await nodeOf("p")).toBeUndefined();
  await makeClaim("c", 2);
  await api.clock.advance(20_000);
  expect(await nodeOf("p")).toBeUndefined();
  await makeSlice("n2", 2);
  await api.clock.advance(20_000);
  expect(await nodeOf("p")).toBe("n2");
  const { allocation, reservedFor } = (await statusOf("c"))!;
  expect(allocation?.devices?.results?.map(({ pool, device }) => `${pool}/${device}`)).toEqual([
    "n2/d0",
    "n2/d1",
  ]);
  expect(reservedFor).toEqual([{ resource: "pods", name: "p", uid: pod.metadata?.uid }]);
});

test("a second pod shares an allocated claim, and a device is given once", async () => {
  await makeSlice("n1", 1);
  await makeClaim("c");
  await makeClaim("d");
  for (const [pod, claim] of [
    ["p", "c"],
    ["q", "c"],
    ["r", "d"],
  ] as const)
    await makePod(pod, claim);
  await api.clock.advance(20_000);
  expect([await nodeOf("p"), await nodeOf("q"), await nodeOf("r")]).toEqual(["n1", "n1", undefined]);
  expect((await statusOf("c"))?.reservedFor?.map(({ name }) => name)).toEqual(["p", "q"]);
  await api.client.delete(Pod, named("p"));
  await api.client.delete(Pod, named("q"));
  await api.client.delete(ResourceClaim, named("c"));
  await api.clock.advance(20_000);
  expect(await nodeOf("r")).toBe("n1");
});
