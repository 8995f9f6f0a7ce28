import { beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { V1Pod } from "../../api/generated/types.ts";
import { LimitRange, Node, Pod, ResourceQuota, ServiceAccount } from "../../api/registry.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import type { Client } from "../../client/client.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { createApiCore } from "../core.ts";

let client: Client;
const namespace = "default";
const at = { namespace, name: "a" };

beforeEach(async () => {
  const clock = new VirtualClock();
  const store = createMemoryStore({ clock });
  const core = await createApiCore({ store, clock, random: seededRandom(7), log: silentLogger });
  client = core.client("test");
  await client.create(ServiceAccount, { metadata: { namespace, name: "default" } });
  const labels = { "topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1", other: "x" };
  await client.create(Node, {
    metadata: { name: "n1", labels },
    status: { allocatable: { cpu: "2", memory: "4Gi" } },
  });
});

/** A pod on n1 whose container has these resources; "" for none. */
async function pod(resources: string, more = "{}", nodeName = "n1"): Promise<V1Pod> {
  const container = {
    name: "c",
    image: "nginx",
    ...(resources === "" ? {} : { resources: parse(resources) as object }),
  };
  const { metadata, ...spec } = parse(more) as { metadata?: object };
  return client.create(Pod, {
    metadata: { ...at, ...metadata },
    spec: { ...(nodeName === "" ? {} : { nodeName }), containers: [container], ...spec },
  });
}

async function resize(resources: string, container: object = {}): Promise<string> {
  const body = { spec: { containers: [{ name: "c", resources: parse(resources) as object, ...container }] } };
  try {
    const { metadata, spec } = await client.patch(
      Pod,
      at,
      { type: "strategic", body },
      { subresource: "resize" },
    );
    const sorted = (amounts = {}) => Object.fromEntries(Object.entries(amounts).sort());
    const { requests, limits } = spec?.containers[0]?.resources ?? {};
    return `generation ${metadata?.generation}: ${JSON.stringify({ requests: sorted(requests), limits: sorted(limits) }).replaceAll('"', "")}`;
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.message}`;
    throw error;
  }
}

const INVALID = '422 Pod "a" is invalid:';
const BURSTABLE = "{requests: {cpu: 100m, memory: 1Gi}, limits: {memory: 2Gi}}";
const GUARANTEED = "{requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1, memory: 1Gi}}";

test.each([
  [
    BURSTABLE,
    "{requests: {cpu: 200m}}",
    "generation 2: {requests:{cpu:200m,memory:1Gi},limits:{memory:2Gi}}",
  ],
  [
    BURSTABLE,
    "{limits: {memory: 1536Mi}}",
    "generation 2: {requests:{cpu:100m,memory:1Gi},limits:{memory:1536Mi}}",
  ],
  [
    BURSTABLE,
    "{requests: {cpu: 100m}}",
    "generation 1: {requests:{cpu:100m,memory:1Gi},limits:{memory:2Gi}}",
  ],
  [
    GUARANTEED,
    "{requests: {cpu: 2}, limits: {cpu: 2}}",
    "generation 2: {requests:{cpu:2,memory:1Gi},limits:{cpu:2,memory:1Gi}}",
  ],
  [
    GUARANTEED,
    "{limits: {cpu: 2}}",
    `${INVALID} spec: Invalid value: "Guaranteed": Pod QOS Class may not change as a result of resizing`,
  ],
  [
    "",
    "{requests: {cpu: 1}}",
    `${INVALID} spec: Invalid value: "BestEffort": Pod QOS Class may not change as a result of resizing`,
  ],
  [
    BURSTABLE,
    "{limits: {memory: null}}",
    `${INVALID} spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed`,
  ],
  [
    BURSTABLE,
    "{requests: {cpu: null}}",
    `${INVALID} spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed`,
  ],
  [
    BURSTABLE,
    "{requests: {ephemeral-storage: 1Gi}}",
    `${INVALID} spec: Forbidden: only cpu and memory resources are mutable\n`,
  ],
  [
    BURSTABLE,
    "{requests: {cpu: 3}}",
    '403 pods "a" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 3000, allocatable: 2000',
  ],
  [
    BURSTABLE,
    "{requests: {cpu: 3, memory: 5Gi}, limits: {memory: 5Gi}}",
    '403 pods "a" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 3000, allocatable: 2000; memory, requested: 5368709120, allocatable: 4294967296',
  ],
  [
    BURSTABLE,
    "{requests: {memory: 3Gi}}",
    `${INVALID} spec.containers[0].resources.requests: Invalid value: "3Gi": must be less than or equal to memory limit of 2Gi`,
  ],
])("%s, %s: %s", async (has, wants, answer) => {
  await pod(has);
  expect(await resize(wants)).toBe(answer);
});

describe("only resources", () => {
  test("whatever else a resize says is left aside", async () => {
    await pod(BURSTABLE);
    expect(await resize("{requests: {cpu: 200m}}", { image: "other" })).toContain("generation 2");
    expect((await client.get(Pod, at)).spec?.containers[0]?.image).toBe("nginx");
  });

  test("a pod's own endpoint does not resize it", async () => {
    await pod(BURSTABLE);
    const body = { spec: { containers: [{ name: "c", resources: { requests: { cpu: "200m" } } }] } };
    await expect(client.patch(Pod, at, { type: "strategic", body })).rejects.toThrow(
      "pod updates may not change fields",
    );
  });

  test("a pod that is nowhere yet may be resized; one on a node that is not there may not", async () => {
    await pod(BURSTABLE, "{}", "");
    expect(await resize("{requests: {cpu: 30}}")).toContain("generation 2");
    await client.delete(Pod, at);
    await pod(BURSTABLE, "{}", "gone");
    expect(await resize("{requests: {cpu: 200m}}")).toBe('403 pods "a" is forbidden: node "gone" not found');
  });

  test("a container that runs without saying what it has is on a node that cannot", async () => {
    await pod(BURSTABLE);
    const status = { phase: "Running", containerStatuses: [{ name: "c", state: { running: {} } }] };
    await client.patch(Pod, at, { type: "strategic", body: { status } }, { subresource: "status" });
    expect(await resize("{requests: {cpu: 200m}}")).toBe(
      `${INVALID} spec: Forbidden: Pod running on node without support for resize`,
    );
  });

  test("bounds and quotas of its namespace hold", async () => {
    await client.create(LimitRange, {
      metadata: { namespace, name: "r" },
      spec: { limits: [{ type: "Container", max: { cpu: "1", memory: "2Gi" } }] },
    });
    await pod(GUARANTEED);
    expect(await resize("{requests: {cpu: 2}, limits: {cpu: 2}}")).toContain(
      "maximum cpu usage per Container is 1, but limit is 2",
    );
    await client.delete(LimitRange, { namespace, name: "r" });
    const hard = { "requests.cpu": "1500m" };
    const quota = await client.create(ResourceQuota, { metadata: { namespace, name: "q" }, spec: { hard } });
    await client.update(
      ResourceQuota,
      { ...quota, status: { hard, used: { "requests.cpu": "1" } } },
      { subresource: "status" },
    );
    expect(await resize("{requests: {cpu: 2}, limits: {cpu: 2}}")).toContain(
      "exceeded quota: q, requested: requests.cpu=1, used: requests.cpu=1, limited: requests.cpu=1500m",
    );
  });
});

describe("PodTopologyLabels", () => {
  const place = async () => {
    const { metadata } = await client.get(Pod, at);
    return metadata?.labels;
  };

  test("a pod learns where its node stands when it is bound, whatever it said", async () => {
    await pod("", '{metadata: {labels: {app: web, "topology.kubernetes.io/zone": mine}}}', "");
    const target = { apiVersion: "v1", kind: "Node", name: "n1" };
    await client.createSubresource(Pod as never, at, "binding", { metadata: at, target } as never);
    expect(await place()).toEqual({
      app: "web",
      "topology.kubernetes.io/zone": "z1",
      "topology.kubernetes.io/region": "r1",
    });
  });

  test("or when it comes with one", async () => {
    await pod("");
    expect(await place()).toEqual({
      "topology.kubernetes.io/zone": "z1",
      "topology.kubernetes.io/region": "r1",
    });
  });
});
