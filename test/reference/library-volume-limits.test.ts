import { describe, expect, test } from "vitest";
import { createScheduler } from "../../host/scheduler/library.ts";
import { bound, node, pod, refusalOf, refusals } from "./shorthand.ts";
import {
  attachment,
  boundClaim,
  claim,
  claiming,
  claimingOn,
  csiNode,
  csiVolume,
  storageClass,
  volume,
  withVolumes,
} from "./volume-objects.ts";

const n1 = node("n1", "4/8Gi", { zone: "a" });
const n2 = node("n2", "4/8Gi", { zone: "b" });
const one = pod("p", "1m/1");

describe("NodeVolumeLimits", () => {
  const driver = "csi.example.com";
  const full = "NodeVolumeLimits: node(s) exceed max volume count";
  const pvs = ["1", "2", "3", "4", "5"].map((i) => csiVolume(`pv-${i}`, driver, `vol-${i}`));
  const claims = ["1", "2", "3", "4", "5"].map((i) => boundClaim(`c${i}`, `pv-${i}`));
  const storage = [...pvs, ...claims];
  const attached = (i: number) => attachment(`pv-${i}`, "n1", driver);
  const late = [storageClass("late", { provisioner: driver }), claim("new", { class: "late" })];
  test.each([
    { name: "no CSINode: no limit", objects: [], bound: [claimingOn("n1", "a", "c1")], says: "fits" },
    { name: "46: no count: no limit", objects: [csiNode("n1", { [driver]: undefined })], says: "fits" },
    {
      name: "45: two attached of two",
      objects: [csiNode("n1", { [driver]: 2 }), attached(1), attached(2)],
      says: full,
    },
    { name: "45: one attached of two", objects: [csiNode("n1", { [driver]: 2 }), attached(1)], says: "fits" },
    {
      name: "46: three in use of four",
      objects: [csiNode("n1", { [driver]: 4 })],
      bound: [claimingOn("n1", "a", "c1", "c2"), claimingOn("n1", "b", "c3")],
      says: "fits",
    },
    {
      name: "46: three in use of three",
      objects: [csiNode("n1", { [driver]: 3 })],
      bound: [claimingOn("n1", "a", "c1", "c2"), claimingOn("n1", "b", "c3")],
      says: full,
    },
    {
      name: "a volume of two pods counts once",
      objects: [csiNode("n1", { [driver]: 2 })],
      bound: [claimingOn("n1", "a", "c1"), claimingOn("n1", "b", "c1")],
      says: "fits",
    },
    {
      name: "46: a claim that waits counts once, too",
      objects: [csiNode("n1", { [driver]: 2 }), ...late],
      bound: [claimingOn("n1", "a", "new"), claimingOn("n1", "b", "new")],
      says: "fits",
    },
    {
      name: "and it does count",
      objects: [csiNode("n1", { [driver]: 1 }), ...late],
      bound: [claimingOn("n1", "a", "new")],
      says: full,
    },
    {
      name: "in use and attached counts once",
      objects: [csiNode("n1", { [driver]: 2 }), attached(1)],
      bound: [claimingOn("n1", "a", "c1")],
      says: "fits",
    },
    {
      name: "a volume that the node's pods use is not new",
      objects: [csiNode("n1", { [driver]: 1 })],
      bound: [claimingOn("n1", "a", "c5")],
      says: "fits",
    },
    {
      name: "one that is only attached counts on both sides",
      objects: [csiNode("n1", { [driver]: 1 }), attached(5)],
      says: full,
    },
    { name: "a limit of another driver", objects: [csiNode("n1", { other: 0 })], says: "fits" },
    { name: "a limit of nothing", objects: [csiNode("n1", { [driver]: 0 })], says: full },
    {
      name: "an attachment to another node",
      objects: [csiNode("n1", { [driver]: 1 }), attachment("pv-1", "n2", driver)],
      says: "fits",
    },
    {
      name: "an attachment of a volume that is gone",
      objects: [csiNode("n1", { [driver]: 1 }), attachment("pv-9", "n1", driver)],
      says: "fits",
    },
    {
      name: "a claim of an existing pod that is gone",
      objects: [csiNode("n1", { [driver]: 1 })],
      bound: [claimingOn("n1", "a", "gone")],
      says: "fits",
    },
  ])("$name", async ({ objects, bound: there = [], says }) => {
    const all = [...storage, ...objects];
    expect(await refusals({ nodes: [n1], objects: all, bound: there, pod: claiming("p", "c5") })).toEqual({
      n1: says,
    });
    // The same facts in another order: pods first, then what their claims are, then the node.
    const scheduler = await createScheduler({ thread: "caller", flavour: "debug" });
    for (const pod of there) scheduler.addPod(pod);
    for (const object of [...all].reverse()) scheduler.addObject(object);
    scheduler.addNode(n1);
    expect(refusalOf(await scheduler.explain(claiming("p", "c5")))).toBe(says);
    await scheduler.close();
  });

  test("volumes assumed in a batch fill the node", async () => {
    const scheduler = await createScheduler({ thread: "caller", flavour: "debug" });
    for (const one of [n1, n2]) scheduler.addNode(one);
    for (const one of [...storage, csiNode("n1", { [driver]: 1 }), csiNode("n2", { [driver]: 2 })])
      scheduler.addObject(one);
    const pods = ["c1", "c2", "c3", "c4"].map((name) => claiming(`p-${name}`, name));
    const decisions = await scheduler.schedule(pods);
    expect(decisions.map(({ node: name }) => name)).toEqual(["n1", "n2", "n2", null]);
    // A pod that is forgotten takes its volume along.
    scheduler.removePod("default", "p-c1");
    expect((await scheduler.schedule([pods[3]!])).map(({ node: name }) => name)).toEqual(["n1"]);
    await scheduler.close();
  });

  const aws = (volumeID: string) => ({ awsElasticBlockStore: { volumeID } });
  const gce = { gcePersistentDisk: { pdName: "pd" } };
  test.each([
    { name: "an inline disk counts for the driver that has taken over", limit: 0, says: full },
    { name: "within its limit", limit: 1, says: "fits" },
    { name: "with another in use", limit: 1, inUse: [aws("vol-y")], says: full },
    { name: "with one of another plugin in use", limit: 1, inUse: [gce], says: "fits" },
  ])("in-tree plugins: $name", async ({ limit, inUse = [], says }) => {
    const objects = [csiNode("n1", { "ebs.csi.aws.com": limit })];
    const there = [withVolumes(bound("b", "1m/1", "n1"), ...inUse)];
    const wanted = withVolumes(one, aws("vol-x"));
    expect(await refusals({ nodes: [n1], objects, bound: there, pod: wanted })).toEqual({ n1: says });
  });

  test("a disk behind a claim and the same disk in a pod are one volume", async () => {
    const objects = [
      csiNode("n1", { "ebs.csi.aws.com": 1 }),
      volume("pv", "1Gi", aws("vol-x")),
      boundClaim("x", "pv"),
    ];
    const there = [claimingOn("n1", "b", "x")];
    const wanted = withVolumes(one, aws("vol-x"));
    expect(await refusals({ nodes: [n1], objects, bound: there, pod: wanted })).toEqual({ n1: "fits" });
  });
});
