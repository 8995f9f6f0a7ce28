import { describe, expect, test } from "vitest";
import type { V1Pod, V1Volume } from "../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import { bound, node, place, pod, refusalsOf } from "./shorthand.ts";
import { attachment, claim, csiNode, mounting, storageClass, volume } from "./storage-shorthand.ts";

/** VolumeRestrictions, NodeVolumeLimits and VolumeZone: shared/spec/scheduling.md 2.7, 2.8, 2.10 and tricky cases 44 to 47. */
const F = "fits";

async function outcomes(
  nodes: readonly ReturnType<typeof node>[],
  there: readonly V1Pod[],
  wanted: V1Pod,
  objects: readonly KubernetesObject[] = [],
): Promise<string[]> {
  const { explanation } = await place({ nodes, bound: there, pod: wanted, objects });
  return refusalsOf(explanation);
}

const two = [node("n1", "8/8Gi"), node("n2", "8/8Gi")];

describe("VolumeRestrictions", () => {
  const taken = "VolumeRestrictions: node(s) had no available disk";
  const inUse =
    "VolumeRestrictions: node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod";
  const gce = (pdName: string, readOnly = false): V1Volume => ({
    name: "v",
    gcePersistentDisk: { pdName, readOnly },
  });
  const aws = (volumeID: string, readOnly = false): V1Volume => ({
    name: "v",
    awsElasticBlockStore: { volumeID, readOnly },
  });
  const iscsi = (iqn: string, readOnly = false): V1Volume => ({
    name: "v",
    iscsi: { targetPortal: "t", lun: 0, iqn, readOnly },
  });
  const rbd = (text: string, readOnly = false): V1Volume => {
    const [monitors, pool, image] = text.split(" ");
    return { name: "v", rbd: { monitors: monitors!.split(","), pool: pool!, image: image!, readOnly } };
  };
  test.each([
    { name: "GCE: the same disk", has: gce("d"), wants: gce("d"), is: taken },
    { name: "GCE: another disk", has: gce("d"), wants: gce("e"), is: F },
    { name: "GCE: both read", has: gce("d", true), wants: gce("d", true), is: F },
    { name: "GCE: one reads", has: gce("d", true), wants: gce("d"), is: taken },
    { name: "AWS: the same volume", has: aws("d"), wants: aws("d"), is: taken },
    { name: "AWS: both read, and all the same", has: aws("d", true), wants: aws("d", true), is: taken },
    { name: "AWS and GCE are not the same", has: aws("d"), wants: gce("d"), is: F },
    { name: "iSCSI: the same IQN", has: iscsi("i"), wants: iscsi("i"), is: taken },
    { name: "iSCSI: both read", has: iscsi("i", true), wants: iscsi("i", true), is: F },
    { name: "RBD: one monitor shared", has: rbd("a,b p i"), wants: rbd("b,c p i"), is: taken },
    { name: "RBD: no monitor shared", has: rbd("a p i"), wants: rbd("b p i"), is: F },
    { name: "RBD: another pool", has: rbd("a p i"), wants: rbd("a q i"), is: F },
    { name: "RBD: another image", has: rbd("a p i"), wants: rbd("a p j"), is: F },
    { name: "RBD: both read", has: rbd("a p i", true), wants: rbd("a p i", true), is: F },
  ])("$name", async ({ has, wants, is }) => {
    const there = bound("b", "", "n1", { volumes: [has] });
    expect(await outcomes(two, [there], pod("p", "", { volumes: [wants] }))).toEqual([is, F]);
  });

  const once = claim("once", "5 local pv", { accessModes: ["ReadWriteOncePod"] });
  const many = claim("many", "5 local pv", { accessModes: ["ReadWriteMany"] });
  const objects = [volume("pv", "10 local"), once, many];
  test.each([
    { name: "44 the claim is used on n1: nowhere", uses: "once", wants: "once", is: [inUse, inUse] },
    { name: "44 a claim for many", uses: "many", wants: "many", is: [F, F] },
    { name: "nobody uses it", uses: "many", wants: "once", is: [F, F] },
  ])("$name", async ({ uses, wants, is }) => {
    const there = mounting(bound("b", "", "n1"), uses);
    expect(await outcomes(two, [there], mounting(pod("p", ""), wants), objects)).toEqual(is);
  });

  test("a disk is looked at before a claim", async () => {
    const there = mounting(bound("b", "", "n1"), "once");
    const wanted = mounting(pod("p", ""), "once");
    there.spec!.volumes!.push(gce("d"));
    wanted.spec!.volumes!.push(gce("d"));
    expect(await outcomes(two, [there], wanted, objects)).toEqual([taken, inUse]);
  });

  test("the claim of a pod of another namespace is another", async () => {
    const there = mounting(bound("b", "", "n1"), "once");
    there.metadata!.namespace = "other";
    expect(await outcomes(two, [there], mounting(pod("p", ""), "once"), objects)).toEqual([F, F]);
  });

  test("preempting the user of the claim helps on its node", async () => {
    const there = mounting(bound("b", "", "n1"), "once");
    const wanted = mounting(pod("p", "", { priority: 10 }), "once");
    const { message } = await place({ nodes: two, bound: [there], pod: wanted, objects });
    expect(message).toBe(`0/2 nodes are available: 2 ${inUse.slice("VolumeRestrictions: ".length)}.`);
  });

  test("a claim that is missing refuses the pod here", async () => {
    const { explanation, message } = await place({ nodes: two, pod: mounting(pod("p", ""), "gone") });
    expect(refusalsOf(explanation)[0]).toBe('VolumeRestrictions: persistentvolumeclaim "gone" not found');
    expect(message).toBe('0/2 nodes are available: persistentvolumeclaim "gone" not found. not found');
  });
});

describe("NodeVolumeLimits", () => {
  const full = "NodeVolumeLimits: node(s) exceed max volume count";
  const driver = "csi.example.com";
  const csi = (handle: string) => ({ csi: { driver, volumeHandle: handle } });
  // Volumes v1.. are bound to claims c1..; w1.. are claims that wait.
  const known = [
    storageClass("wait", driver),
    ...[1, 2, 3, 4].flatMap((i) => [
      volume(`v${i}`, "10 wait", csi(`h${i}`)),
      claim(`c${i}`, `5 wait v${i}`),
      claim(`w${i}`, `${i} wait`),
    ]),
  ];
  const one = two.slice(0, 1);
  const users = (...claims: string[]) =>
    claims.map((name, i) => mounting(bound(`b${i}`, "", "n1"), ...name.split(" ")));
  const attached = (...volumes: string[]) =>
    volumes.map((name) => attachment(`a-${name}`, driver, "n1", name));
  const two2 = csiNode("n1", `${driver}=2`);
  const four = csiNode("n1", `${driver}=4`);
  test.each([
    { name: "45 two are attached of two", objects: [two2, ...attached("v1", "v2")], there: [], is: full },
    { name: "45 one is", objects: [two2, ...attached("v1")], there: [], is: F },
    { name: "46 three are used of four", objects: [four], there: users("c1 c2", "c3"), is: F },
    { name: "46 four are", objects: [four], there: users("c1 c2", "c3", "w1"), is: full },
    {
      name: "46 two pods share a claim that waits",
      objects: [four],
      there: users("w1", "w1", "c1", "c2"),
      is: F,
    },
    { name: "46 two are used of two", objects: [two2], there: users("c1", "c2"), is: full },
    {
      name: "46 the driver has no limit",
      objects: [csiNode("n1", `${driver}=`)],
      there: users("c1", "c2"),
      is: F,
    },
    { name: "46 there is no CSINode", objects: [], there: users("c1", "c2"), is: F },
    { name: "another driver's limit", objects: [csiNode("n1", "other=0")], there: users("c1", "c2"), is: F },
    {
      name: "what is used and attached counts once",
      objects: [two2, ...attached("v1")],
      there: users("c1"),
      is: F,
    },
    {
      name: "what is attached on another node does not count",
      objects: [two2, attachment("a1", driver, "n2", "v1"), attachment("a2", driver, "n2", "v2")],
      there: [],
      is: F,
    },
    { name: "the missing claim of a pod that is there", objects: [two2], there: users("gone", "c1"), is: F },
    { name: "the volume of the pod is there already", objects: [two2], there: users("c4", "c1"), is: F },
    {
      name: "a volume that is only attached counts on both sides",
      objects: [two2, ...attached("v4", "v1")],
      there: [],
      is: full,
    },
    { name: "a limit of 0", objects: [csiNode("n1", `${driver}=0`)], there: [], is: full },
  ])("$name", async ({ objects, there, is }) => {
    const wanted = mounting(pod("p", ""), "c4");
    expect(await outcomes(one, there, wanted, [...known, ...objects])).toEqual([is]);
  });

  test("a claim that waits counts through its class", async () => {
    const wanted = mounting(pod("p", ""), "w1", "w2");
    const most = (count: number) =>
      outcomes(one, [], wanted, [...known, csiNode("n1", `${driver}=${count}`)]);
    expect([await most(1), await most(2)]).toEqual([[full], [F]]);
  });

  test("in-tree disks are their CSI driver's", async () => {
    const disk = (pdName: string) => ({
      volumes: [{ name: "v", gcePersistentDisk: { pdName, readOnly: true } }],
    });
    const limit = csiNode("n1", "pd.csi.storage.gke.io=1");
    const there = bound("b", "", "n1", disk("d1"));
    expect(await outcomes(one, [there], pod("p", "", disk("d2")), [limit])).toEqual([full]);
    expect(await outcomes(one, [there], pod("p", "", disk("d1")), [limit])).toEqual([F]);
  });
});

describe("VolumeZone", () => {
  const no = "VolumeZone: node(s) had no available volume zone";
  const [ZONE, REGION] = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];
  const [BETA_ZONE, BETA_REGION] = [
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
  ];
  test.each([
    {
      name: "47 the node lacks the region",
      volume: { [ZONE]: "us-west1-a", [REGION]: "us-west1" },
      node: { [ZONE]: "us-west1-a" },
      is: no,
    },
    {
      name: "47 a beta label of the volume, a GA one of the node",
      volume: { [BETA_ZONE]: "a" },
      node: { [ZONE]: "a" },
      is: F,
    },
    { name: "47 and it has to be equal", volume: { [BETA_ZONE]: "a" }, node: { [ZONE]: "b" }, is: no },
    {
      name: "47 a GA label of the volume, a beta one of the node",
      volume: { [ZONE]: "a" },
      node: { [BETA_ZONE]: "a" },
      is: no,
    },
    { name: "47 a node without labels", volume: { [ZONE]: "a" }, node: {}, is: F },
    {
      name: "47 one of several",
      volume: { [ZONE]: "us-west1-c__us-west1-a" },
      node: { [ZONE]: "us-west1-a" },
      is: F,
    },
    { name: "none of several", volume: { [ZONE]: "c__a" }, node: { [ZONE]: "b" }, is: no },
    {
      name: "the node's own beta label comes first",
      volume: { [BETA_ZONE]: "a" },
      node: { [BETA_ZONE]: "b", [ZONE]: "a" },
      is: no,
    },
    { name: "a beta region, a GA region", volume: { [BETA_REGION]: "r" }, node: { [REGION]: "r" }, is: F },
    { name: "other labels", volume: { zone: "a" }, node: { zone: "b", [ZONE]: "b" }, is: F },
  ])("$name", async ({ volume: labels, node: nodeLabels, is }) => {
    const objects = [volume("pv", "10 local", {}, { labels }), claim("c", "5 local pv")];
    const nodes = [node("n", "8/8Gi", nodeLabels)];
    expect(await outcomes(nodes, [], mounting(pod("p", ""), "c"), objects)).toEqual([is]);
  });

  test("a bound claim whose volume is missing refuses the pod here", async () => {
    const objects = [claim("c", "5 local gone")];
    const { message } = await place({ nodes: two, pod: mounting(pod("p", ""), "c"), objects });
    expect(message).toBe('0/2 nodes are available: persistentvolume "gone" not found. not found');
  });
});
