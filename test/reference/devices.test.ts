import { describe, expect, test } from "vitest";
import type { V1Pod } from "../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import { createScheduler } from "../../host/scheduler/library.ts";
import { play, type Step } from "./session.ts";
import { node, place, pod, refusalsOf } from "./shorthand.ts";

/** DynamicResources: shared/spec/scheduling.md 2.13, 2.16 and 3.9, and tricky case 15. */
const F = "fits";
const DRIVER = "gpu.example.com";
const NODES = [node("n1", "8/8Gi"), node("n2", "8/8Gi")];

type Facts = Record<string, unknown>;
const object = (kind: string, metadata: Facts, rest: Facts): KubernetesObject =>
  ({ apiVersion: "resource.k8s.io/v1", kind, metadata, ...rest }) as KubernetesObject;

const deviceClass = (name: string, spec: Facts = {}) => object("DeviceClass", { name }, { spec });

/** `devices("n1", 2)`: a slice of the node with that many. */
function devices(nodeName: string, count: number): KubernetesObject {
  const pool = { name: nodeName, generation: 1, resourceSliceCount: 1 };
  const list = Array.from({ length: count }, (_, i) => ({ name: `d${i}` }));
  return object(
    "ResourceSlice",
    { name: `slice-${nodeName}` },
    { spec: { driver: DRIVER, nodeName, pool, devices: list } },
  );
}

/** `claim("c", "gpu 2")`: asks for so many devices of a class. */
function claim(name: string, text: string, more: Facts = {}): KubernetesObject {
  const [deviceClassName, count] = text.split(" ");
  const exactly = { deviceClassName, allocationMode: "ExactCount", count: Number(count ?? 1) };
  const spec = { devices: { requests: [{ name: "r", exactly }] } };
  return object("ResourceClaim", { name, namespace: "default", uid: `uid-${name}` }, { spec, ...more });
}

/** Status of a claim that has a device of a node, and of how many pods use it. */
function allocated(nodeName: string, users = 0, device = "d0"): Facts {
  const requirement = { key: "metadata.name", operator: "In", values: [nodeName] };
  return {
    status: {
      allocation: {
        devices: { results: [{ request: "r", driver: DRIVER, pool: nodeName, device }] },
        nodeSelector: { nodeSelectorTerms: [{ matchFields: [requirement] }] },
      },
      reservedFor: Array.from({ length: users }, (_, i) => ({
        resource: "pods",
        name: `u${i}`,
        uid: `u${i}`,
      })),
    },
  };
}

function claiming(name: string, ...claims: string[]): V1Pod {
  const one = pod(name, "", { resourceClaims: claims.map((c) => ({ name: c, resourceClaimName: c })) });
  return { ...one, metadata: { ...one.metadata, uid: `uid-${name}` } };
}

const wanted = claiming("p", "c");
const gpu = deviceClass("gpu");
const ask = (objects: readonly KubernetesObject[], one = wanted) =>
  place({ nodes: NODES, pod: one, objects: [gpu, ...objects] });
const TOO_FEW = "DynamicResources: cannot allocate all claims";
const AWAY = "DynamicResources: resourceclaim not available on the node";

describe("each node", () => {
  test.each([
    { name: "has a device", objects: [claim("c", "gpu"), devices("n1", 1)], is: [F, TOO_FEW] },
    {
      name: "has enough",
      objects: [claim("c", "gpu 2"), devices("n1", 1), devices("n2", 2)],
      is: [TOO_FEW, F],
    },
    {
      name: "has some that others have",
      objects: [claim("c", "gpu 2"), devices("n1", 2), claim("other", "gpu", allocated("n1", 1))],
      is: [TOO_FEW, TOO_FEW],
    },
    {
      name: "the claim is allocated here",
      objects: [claim("c", "gpu", allocated("n2", 1)), devices("n1", 1)],
      is: [AWAY, F],
    },
    {
      name: "CEL selectors are not evaluated",
      objects: [
        deviceClass("gpu", { selectors: [{ cel: { expression: "true" } }] }),
        claim("c", "gpu"),
        devices("n1", 1),
      ],
      is: [TOO_FEW, TOO_FEW],
    },
  ])("$name", async ({ objects, is }) => expect(refusalsOf((await ask(objects)).explanation)).toEqual(is));

  test("two claims share what is there", async () => {
    const objects = [claim("c", "gpu"), claim("d", "gpu"), devices("n1", 1), devices("n2", 2)];
    expect(refusalsOf((await ask(objects, claiming("p", "c", "d"))).explanation)).toEqual([TOO_FEW, F]);
  });
});

describe("the whole pod", () => {
  const never = "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.";
  test.each([
    {
      name: "the claim has all the users it can have",
      objects: [claim("c", "gpu", allocated("n1", 256))],
      is: `0/2 nodes are available: resourceclaim in use. still not schedulable, ${never}`,
    },
    {
      name: "the class does not exist",
      objects: [claim("c", "none")],
      is: `0/2 nodes are available: request r: device class none does not exist. still not schedulable, ${never}`,
    },
    {
      name: "no node has devices",
      objects: [claim("c", "gpu")],
      is: `0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, ${never}`,
    },
    {
      name: "an idle claim is elsewhere",
      objects: [claim("c", "gpu", allocated("n3")), devices("n1", 1)],
      is: `0/2 nodes are available: 2 resourceclaim not available on the node. deallocation of ResourceClaim completed, ${never}`,
    },
    {
      name: "a claim in use is elsewhere",
      objects: [claim("c", "gpu", allocated("n3", 1)), devices("n1", 1)],
      is: `0/2 nodes are available: 2 resourceclaim not available on the node. still not schedulable, ${never}`,
    },
  ])("$name", async ({ objects, is }) => expect((await ask(objects)).message).toBe(is));

  test("255 users are not all", async () => {
    expect(refusalsOf((await ask([claim("c", "gpu", allocated("n1", 255))])).explanation)).toEqual([F, AWAY]);
  });

  test.each([
    {
      name: "15 a class stands for the resource",
      spec: { extendedResourceName: "example.com/gpu" },
      is: false,
    },
    { name: "15 no class does", spec: {}, is: true },
  ])("$name", async ({ spec, is }) => {
    const one = pod("p", "example.com/gpu=1");
    const { explanation } = await place({
      nodes: [node("n1", "8/8Gi example.com/gpu=0")],
      objects: [deviceClass("gpu", spec)],
      pod: one,
    });
    expect(refusalsOf(explanation).includes("NodeResourcesFit: Insufficient example.com/gpu")).toBe(is);
  });
});

describe("devices that several nodes reach", () => {
  const shared = (reach: Facts, count: number) =>
    object(
      "ResourceSlice",
      { name: "shared" },
      {
        spec: {
          driver: DRIVER,
          pool: { name: "shared", generation: 1, resourceSliceCount: 1 },
          devices: Array.from({ length: count }, (_, i) => ({ name: `s${i}` })),
          ...reach,
        },
      },
    );
  const only = (name: string) => ({
    nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: [name] }] }],
  });
  test.each([
    { name: "all nodes", objects: [shared({ allNodes: true }, 2), claim("c", "gpu 2")], is: [F, F] },
    {
      name: "together with a node's own",
      objects: [shared({ allNodes: true }, 1), devices("n2", 1), claim("c", "gpu 2")],
      is: [TOO_FEW, F],
    },
    {
      name: "by a selector",
      objects: [shared({ nodeSelector: only("n1") }, 1), claim("c", "gpu")],
      is: [F, TOO_FEW],
    },
    { name: "nobody", objects: [shared({}, 1), claim("c", "gpu")], is: [TOO_FEW, TOO_FEW] },
  ])("$name", async ({ objects, is }) => expect(refusalsOf((await ask(objects)).explanation)).toEqual(is));

  test("are taken by a placement, given back, and stay when their node comes back", async () => {
    const steps: Step[] = [
      ...NODES.map((one) => ({ node: one })),
      ...[gpu, shared({ allNodes: true }, 1), devices("n2", 1)].map((one) => ({ object: one })),
      ...["c", "d", "e"].map((name) => ({ object: claim(name, "gpu") })),
      { place: claiming("p", "c") },
      { place: claiming("q", "d") },
      { place: claiming("r", "e") },
      { removeNode: "n2" },
      { node: NODES[1]! },
      { removePod: claiming("q", "d") },
      { place: claiming("r", "e") },
      { removeObject: shared({}, 0) },
      { place: claiming("q", "d") },
    ];
    expect(await play({ steps }, { flavour: "debug" })).toBeUndefined();
  });
});

describe("a pod waits", () => {
  const template: V1Pod = pod("p", "", { resourceClaims: [{ name: "t", resourceClaimTemplateName: "x" }] });
  const made = (name?: string) => ({
    ...template,
    status: { resourceClaimStatuses: [{ name: "t", ...(name ? { resourceClaimName: name } : {}) }] },
  });
  const leaving = claim("c", "gpu");
  test.each([
    { name: "for a claim", one: wanted, objects: [], says: 'resourceclaim.resource.k8s.io "c" not found' },
    {
      name: "for the claim of a template",
      one: template,
      objects: [],
      says: 'pod "default/p": ResourceClaim not created yet',
    },
    {
      name: "while its claim is being deleted",
      one: wanted,
      objects: [{ ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } }],
      says: 'resourceclaim "c" is being deleted',
    },
    { name: "not, if the claim was made", one: made("d"), objects: [claim("d", "gpu")], says: "n1" },
    { name: "not, if none is needed", one: made(), objects: [], says: "n1" },
  ])("$name", async ({ one, objects, says }) => {
    const scheduler = await createScheduler({ thread: "caller", flavour: "debug" });
    for (const each of NODES) scheduler.addNode(each);
    for (const each of [gpu, devices("n1", 1), ...objects]) scheduler.addObject(each);
    const [decision] = await scheduler.schedule([one]);
    expect(decision!.node ?? (decision as { message: string }).message).toBe(says);
    await scheduler.close();
  });
});

test("a placement takes the devices, and the claim is under way", async () => {
  const steps: Step[] = [
    ...NODES.map((one) => ({ node: one })),
    ...[gpu, devices("n1", 1), claim("c", "gpu"), claim("d", "gpu")].map((one) => ({ object: one })),
    { place: claiming("p", "c") },
    { place: claiming("q", "c") },
    { place: claiming("q", "d") },
    { removePod: claiming("p", "c") },
    { place: claiming("q", "d") },
    { object: claim("d", "gpu", allocated("n1", 1)) },
    { place: claiming("r", "d") },
  ];
  expect(await play({ steps }, { flavour: "debug" })).toBeUndefined();
});
