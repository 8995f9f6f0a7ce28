import { describe, expect, test } from "vitest";
import type { V1Volume } from "../../host/api/generated/types.ts";
import { createScheduler } from "../../host/scheduler/library.ts";
import { bound, node, place, pod, refusalOf, refusals } from "./shorthand.ts";
import {
  boundClaim,
  capacity,
  claim,
  claiming,
  claimingOn,
  storageClass,
  volume,
  withVolumes,
} from "./volume-objects.ts";

const n1 = node("n1", "4/8Gi", { zone: "a" });
const n2 = node("n2", "4/8Gi", { zone: "b" });
const one = pod("p", "1m/1");

describe("VolumeRestrictions", () => {
  const disk = "VolumeRestrictions: node(s) had no available disk";
  const gce = (pdName: string, readOnly = false) => ({ gcePersistentDisk: { pdName, readOnly } });
  const aws = (volumeID: string, readOnly = false) => ({ awsElasticBlockStore: { volumeID, readOnly } });
  const iscsi = (iqn: string, readOnly = false) => ({ iscsi: { iqn, lun: 0, targetPortal: "t", readOnly } });
  const rbd = (monitors: string[], image: string, readOnly = false, pool = "p") => ({
    rbd: { monitors, image, pool, readOnly },
  });
  test.each<{ name: string; has: Omit<V1Volume, "name">; wants: Omit<V1Volume, "name">; says: string }>([
    { name: "one GCE disk twice", has: gce("d"), wants: gce("d"), says: disk },
    { name: "another GCE disk", has: gce("d"), wants: gce("e"), says: "fits" },
    { name: "a GCE disk read by both", has: gce("d", true), wants: gce("d", true), says: "fits" },
    { name: "a GCE disk that one writes", has: gce("d", true), wants: gce("d"), says: disk },
    { name: "a GCE disk that the other writes", has: gce("d"), wants: gce("d", true), says: disk },
    { name: "one EBS volume twice", has: aws("v"), wants: aws("v"), says: disk },
    { name: "an EBS volume read by both", has: aws("v", true), wants: aws("v", true), says: disk },
    { name: "another EBS volume", has: aws("v"), wants: aws("w"), says: "fits" },
    { name: "one IQN twice", has: iscsi("i"), wants: iscsi("i"), says: disk },
    { name: "an IQN read by both", has: iscsi("i", true), wants: iscsi("i", true), says: "fits" },
    { name: "another IQN", has: iscsi("i"), wants: iscsi("j"), says: "fits" },
    { name: "a shared monitor", has: rbd(["a", "b"], "x"), wants: rbd(["b", "c"], "x"), says: disk },
    { name: "no shared monitor", has: rbd(["a"], "x"), wants: rbd(["b"], "x"), says: "fits" },
    { name: "another image", has: rbd(["a"], "x"), wants: rbd(["a"], "y"), says: "fits" },
    { name: "another pool", has: rbd(["a"], "x"), wants: rbd(["a"], "x", false, "q"), says: "fits" },
    { name: "an image read by both", has: rbd(["a"], "x", true), wants: rbd(["a"], "x", true), says: "fits" },
    { name: "disks of different kinds", has: gce("d"), wants: aws("d"), says: "fits" },
  ])("$name", async ({ has, wants, says }) => {
    const there = withVolumes(bound("b", "1m/1", "n1"), has);
    expect(await refusals({ nodes: [n1, n2], bound: [there], pod: withVolumes(one, wants) })).toEqual({
      n1: says,
      n2: "fits",
    });
  });

  test("a disk taken in a batch is in the way of the next pod", async () => {
    const { placed } = await place({ nodes: [n1, n2], pod: withVolumes(one, gce("d")), replicas: 3 });
    expect(placed).toEqual(["n1", "n2", null]);
  });

  test("a victim's disk would be free: preemption succeeds, and nothing more is said", async () => {
    const there = withVolumes(bound("b", "1m/1", "n1"), gce("d"));
    const wanted = withVolumes(pod("p", "1m/1", { priority: 5 }), gce("d"));
    const { message } = await place({ nodes: [n1], bound: [there], pod: wanted });
    expect(message).toBe("0/1 nodes are available: 1 node(s) had no available disk.");
  });

  const exclusive = boundClaim("data", "pv", { modes: ["ReadWriteOncePod"] });
  const inUse =
    "VolumeRestrictions: node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod";
  test.each([
    { name: "44: ReadWriteOncePod in use refuses every node", claim: exclusive, says: inUse },
    {
      name: "44: ReadWriteMany does not",
      claim: boundClaim("data", "pv", { modes: ["ReadWriteMany"] }),
      says: "fits",
    },
  ])("$name", async ({ claim: data, says }) => {
    const objects = [data, volume("pv")];
    const there = claimingOn("n1", "b", "data");
    expect(await refusals({ nodes: [n1, n2], objects, bound: [there], pod: claiming("p", "data") })).toEqual({
      n1: says,
      n2: says,
    });
  });

  test("a disk conflict is named before a claim in use", async () => {
    const both = [gce("d"), { persistentVolumeClaim: { claimName: "data" } }];
    const there = withVolumes(bound("b", "1m/1", "n1"), ...both);
    const objects = [exclusive, volume("pv")];
    expect(
      await refusals({ nodes: [n1, n2], objects, bound: [there], pod: withVolumes(one, ...both) }),
    ).toEqual({ n1: disk, n2: inUse });
  });

  test("ReadWriteOncePod within one batch: only the first pod is placed", async () => {
    const { placed } = await place({
      nodes: [n1, n2],
      objects: [exclusive, volume("pv")],
      pod: claiming("p", "data"),
      replicas: 2,
    });
    expect(placed).toEqual(["n1", null]);
  });

  test("of two users of a ReadWriteOncePod claim one victim is enough: kube-scheduler counts claims, then pods", async () => {
    const first = claimingOn("n1", "b", "data");
    const { message } = await place({
      nodes: [n1],
      objects: [exclusive, volume("pv")],
      bound: [{ ...first, spec: { ...first.spec!, priority: 9 } }, claimingOn("n1", "c", "data")],
      pod: { ...claiming("p", "data"), spec: { ...claiming("p", "data").spec!, priority: 5 } },
    });
    expect(message).toBe(`0/1 nodes are available: 1 ${inUse.replace("VolumeRestrictions: ", "")}.`);
  });

  test("the user of a ReadWriteOncePod claim may be a victim on its own node only", async () => {
    const { message } = await place({
      nodes: [n1, n2],
      objects: [exclusive, volume("pv")],
      bound: [claimingOn("n1", "b", "data"), bound("c", "1m/1", "n2")],
      pod: { ...claiming("p", "data"), spec: { ...claiming("p", "data").spec!, priority: 5 } },
    });
    expect(message).toBe(`0/2 nodes are available: 2 ${inUse.replace("VolumeRestrictions: ", "")}.`);
  });
});

describe("PreFilter refusals end the pod, and PostFilter finds no state", () => {
  const waits = storageClass("wait");
  const ephemeral = withVolumes(one, { ephemeral: { volumeClaimTemplate: { spec: {} } } });
  const immediate = "VolumeBinding: pod has unbound immediate PersistentVolumeClaims";
  test.each([
    {
      name: "no such claim: VolumeRestrictions looks first",
      pod: claiming("p", "x"),
      objects: [],
      says: 'VolumeRestrictions: persistentvolumeclaim "x" not found',
    },
    {
      name: "the claim of an ephemeral volume is not there yet",
      pod: ephemeral,
      objects: [],
      says: 'VolumeBinding: waiting for ephemeral volume controller to create the persistentvolumeclaim "p-v0"',
    },
    {
      name: "48: a lost claim",
      pod: claiming("p", "pvc-a"),
      objects: [boundClaim("pvc-a", "pv-x", { phase: "Lost" })],
      says: 'VolumeBinding: persistentvolumeclaim "pvc-a" bound to non-existent persistentvolume "pv-x"',
    },
    {
      name: "a claim that is being deleted",
      pod: claiming("p", "x"),
      objects: [boundClaim("x", "pv", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } })],
      says: 'VolumeBinding: persistentvolumeclaim "x" is being deleted',
    },
    {
      name: "an ephemeral volume's claim is another pod's",
      pod: ephemeral,
      objects: [claim("p-v0", { class: "wait" }), waits],
      says: "VolumeBinding: PVC default/p-v0 was not created for pod default/p (pod is not owner)",
    },
    {
      name: "70: an unbound claim of an immediate class",
      pod: claiming("p", "x"),
      objects: [claim("x", { class: "now" }), storageClass("now", { volumeBindingMode: "Immediate" })],
      says: immediate,
    },
    { name: "no class counts as immediate", pod: claiming("p", "x"), objects: [claim("x")], says: immediate },
    {
      name: "so does a class that is not there",
      pod: claiming("p", "x"),
      objects: [claim("x", { class: "gone" })],
      says: immediate,
    },
    {
      name: "and a delayed claim that names its volume",
      pod: claiming("p", "x"),
      objects: [claim("x", { class: "wait", spec: { volumeName: "pv" } }), waits, volume("pv")],
      says: immediate,
    },
    {
      name: "a bound volume that is gone: VolumeZone looks it up",
      pod: claiming("p", "x"),
      objects: [boundClaim("x", "pv")],
      says: 'VolumeZone: persistentvolume "pv" not found',
    },
  ])("$name", async ({ pod: wanted, objects, says }) => {
    const { explanation, message } = await place({ nodes: [n1, n2], objects, pod: wanted });
    expect(refusalOf(explanation, 1)).toBe(says);
    const reason = says.replace(/^\w+: /, "");
    expect(message).toBe(`0/2 nodes are available: ${reason}. not found`);
  });

  test("a class without a binding mode is an error", async () => {
    const { volumeBindingMode: _, ...unset } = storageClass("odd");
    const scheduler = await createScheduler({ thread: "caller", flavour: "debug" });
    for (const object of [claim("x", { class: "odd" }), unset]) scheduler.addObject(object);
    scheduler.addNode(n1);
    const [decision] = await scheduler.schedule([claiming("p", "x")]);
    expect(decision).toEqual({
      pod: "default/p",
      node: null,
      message: 'running PreFilter plugin "VolumeBinding": VolumeBindingMode not set for StorageClass "odd"',
      nodes: {},
    });
    await scheduler.close();
  });
});

describe("VolumeBinding of bound claims", () => {
  const conflict = "VolumeBinding: node(s) didn't match PersistentVolume's node affinity";
  test.each([
    { name: "any node without affinity", where: undefined, wants: { n1: "fits", n2: "fits" } },
    { name: "only nodes that match", where: "zone=b", wants: { n1: conflict, n2: "fits" } },
    { name: "no node that lacks the label", where: "rack=1", wants: { n1: conflict, n2: conflict } },
  ])("$name", async ({ where, wants }) => {
    const objects = [boundClaim("x", "pv"), volume("pv", "1Gi", {}, where)];
    expect(await refusals({ nodes: [n1, n2], objects, pod: claiming("p", "x") })).toEqual(wants);
  });

  test("nobody can be evicted for a volume", async () => {
    const objects = [boundClaim("x", "pv"), volume("pv", "1Gi", {}, "zone=c")];
    const { message } = await place({ nodes: [n1], objects, pod: claiming("p", "x") });
    expect(message).toBe(
      "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    );
  });

  test("an ephemeral volume whose volume is gone refuses every node", async () => {
    const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u", controller: true };
    const objects = [boundClaim("p-v0", "pv", { metadata: { ownerReferences: [owner] } })];
    const wanted = withVolumes({ ...one, metadata: { ...one.metadata, uid: "u" } }, { ephemeral: {} });
    expect(await refusals({ nodes: [n1], objects, pod: wanted })).toEqual({
      n1: "VolumeBinding: node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
    });
  });
});

describe("47: VolumeZone", () => {
  const zone = "topology.kubernetes.io/zone";
  const region = "topology.kubernetes.io/region";
  const beta = "failure-domain.beta.kubernetes.io/zone";
  const no = "VolumeZone: node(s) had no available volume zone";
  test.each<{ name: string; pv: Record<string, string>; has: Record<string, string>; says: string }>([
    { name: "the same zone", pv: { [zone]: "a" }, has: { [zone]: "a" }, says: "fits" },
    { name: "another zone", pv: { [zone]: "a" }, has: { [zone]: "b" }, says: no },
    { name: "a node without labels of zones", pv: { [zone]: "a" }, has: { disk: "ssd" }, says: "fits" },
    { name: "a node without the region", pv: { [zone]: "a", [region]: "r" }, has: { [zone]: "a" }, says: no },
    { name: "a beta label against a newer one", pv: { [beta]: "a" }, has: { [zone]: "a" }, says: "fits" },
    { name: "a newer label against a beta one", pv: { [zone]: "a" }, has: { [beta]: "a" }, says: no },
    { name: "one of several zones", pv: { [zone]: "c__a" }, has: { [zone]: "a" }, says: "fits" },
    {
      name: "a label that cannot be read is ignored",
      pv: { [zone]: "c____a" },
      has: { [zone]: "a" },
      says: "fits",
    },
    { name: "a volume without labels of zones", pv: { disk: "ssd" }, has: { [zone]: "a" }, says: "fits" },
  ])("$name", async ({ pv, has, says }) => {
    const objects = [boundClaim("x", "pv"), volume("pv", "1Gi", {}, undefined, pv)];
    const nodes = [node("n1", "4/8Gi", has)];
    expect(await refusals({ nodes, objects, pod: claiming("p", "x") })).toEqual({ n1: says });
  });
});

describe("volume facts change as objects do", () => {
  test("a claim is bound, its volume moves, the volume goes", async () => {
    const scheduler = await createScheduler({ thread: "caller", flavour: "debug" });
    for (const one of [n1, n2]) scheduler.addNode(one);
    const ask = async () => {
      const [decision] = await scheduler.schedule([claiming("p", "x")]);
      scheduler.removePod("default", "p");
      return decision!.node ?? decision!.message.split(". ")[0];
    };
    expect(await ask()).toBe('0/2 nodes are available: persistentvolumeclaim "x" not found');
    scheduler.addObject(boundClaim("x", "pv"));
    expect(await ask()).toBe('0/2 nodes are available: persistentvolume "pv" not found');
    scheduler.addObject(volume("pv", "1Gi", {}, "zone=b"));
    expect(await ask()).toBe("n2");
    scheduler.addObject(volume("pv", "1Gi", {}, "zone=a"));
    expect(await ask()).toBe("n1");
    scheduler.addNode(node("n1", "4/8Gi", { zone: "c" }));
    expect(await ask()).toBe(
      "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity",
    );
    scheduler.addNode(node("n3", "4/8Gi", { zone: "a" }));
    expect(await ask()).toBe("n3");
    scheduler.removeObject(volume("pv"));
    expect(await ask()).toBe('0/3 nodes are available: persistentvolume "pv" not found');
    await scheduler.close();
  });

  test.each([
    {
      object: volume("pv", "much"),
      says: 'PersistentVolume "pv" is invalid: spec.capacity[storage]: Invalid value: "much"',
    },
    {
      object: claim("x", { size: "-" }),
      says: 'PersistentVolumeClaim "x" is invalid: spec.resources.requests[storage]: Invalid value: "-"',
    },
    {
      object: volume("pv", "1Gi", {
        nodeAffinity: {
          required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "a", operator: "Like" }] }] },
        },
      }),
      says: 'PersistentVolume "pv" is invalid: spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].operator: Unsupported value: "Like"',
    },
    {
      object: capacity("s", "c", { capacity: "x" }),
      says: 'CSIStorageCapacity.storage.k8s.io "s" is invalid: capacity: Invalid value: "x"',
    },
  ])("$says", async ({ object, says }) => {
    const scheduler = await createScheduler({ thread: "caller", flavour: "debug" });
    expect(() => scheduler.addObject(object)).toThrow(says);
    await scheduler.close();
  });
});
