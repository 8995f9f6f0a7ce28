import { describe, expect, test } from "vitest";
import { createScheduler } from "../../host/scheduler/library.ts";
import { node, place, refusals } from "./shorthand.ts";
import { boundClaim, capacity, claim, claiming, csiDriver, storageClass, volume } from "./volume-objects.ts";

const n1 = node("n1", "4/8Gi", { zone: "a" });
const n2 = node("n2", "4/8Gi", { zone: "b" });

describe("VolumeBinding of claims that wait for their first pod", () => {
  const none = "VolumeBinding: node(s) didn't find available persistent volumes to bind";
  const small = "VolumeBinding: node(s) did not have enough free storage";
  const local = { storageClassName: "local" };
  const wait = storageClass("local");
  const want = (parts: Parameters<typeof claim>[1] = {}) =>
    claim("x", { class: "local", size: "5Gi", ...parts });
  const fitting = volume("pv", "10Gi", local);
  test.each([
    { name: "a volume of the class", objects: [want(), fitting], says: "fits" },
    { name: "none at all", objects: [want()], says: none },
    {
      name: "of another class",
      objects: [want(), volume("pv", "10Gi", { storageClassName: "b" })],
      says: none,
    },
    { name: "too small", objects: [want(), volume("pv", "4Gi", local)], says: none },
    { name: "just large enough", objects: [want(), volume("pv", "5Gi", local)], says: "fits" },
    { name: "not available", objects: [want(), { ...fitting, status: { phase: "Released" } }], says: none },
    {
      name: "being deleted",
      objects: [want(), { ...fitting, metadata: { name: "pv", deletionTimestamp: "t" } }],
      says: none,
    },
    { name: "of another mode", objects: [want({ spec: { volumeMode: "Block" } }), fitting], says: none },
    {
      name: "of another attributes class",
      objects: [want({ spec: { volumeAttributesClassName: "gold" } }), fitting],
      says: none,
    },
    { name: "without the access mode", objects: [want({ modes: ["ReadWriteMany"] }), fitting], says: none },
    {
      name: "not selected",
      objects: [want({ spec: { selector: { matchLabels: { a: "b" } } } }), fitting],
      says: none,
    },
    {
      name: "selected",
      objects: [
        want({ spec: { selector: { matchLabels: { a: "b" } } } }),
        volume("pv", "10Gi", local, undefined, { a: "b" }),
      ],
      says: "fits",
    },
    { name: "elsewhere", objects: [want(), volume("pv", "10Gi", local, "zone=b")], says: none },
    { name: "here", objects: [want(), volume("pv", "10Gi", local, "zone=a")], says: "fits" },
    {
      name: "somebody else's",
      objects: [want(), volume("pv", "10Gi", { ...local, claimRef: { namespace: "default", name: "y" } })],
      says: none,
    },
    {
      name: "its own beforehand, whatever its phase",
      objects: [
        want(),
        {
          ...volume("pv", "10Gi", { ...local, claimRef: { namespace: "default", name: "x", uid: "uid-x" } }),
          status: { phase: "Pending" },
        },
      ],
      says: "fits",
    },
    {
      name: "of an earlier claim of that name",
      objects: [
        want(),
        volume("pv", "10Gi", { ...local, claimRef: { namespace: "default", name: "x", uid: "old" } }),
      ],
      says: none,
    },
    {
      name: "its own beforehand, elsewhere: another here does not help",
      objects: [
        want(),
        fitting,
        volume("own", "10Gi", { ...local, claimRef: { namespace: "default", name: "x" } }, "zone=b"),
      ],
      says: none,
    },
    {
      name: "promised to another node",
      objects: [want({ annotations: { "volume.kubernetes.io/selected-node": "n2" } }), fitting],
      says: none,
    },
  ])("$name", async ({ objects, says }) => {
    expect(await refusals({ nodes: [n1], objects: [wait, ...objects], pod: claiming("p", "x") })).toEqual({
      n1: says,
    });
  });

  const provisioner = "csi.example.com";
  const made = storageClass("local", { provisioner });
  const inZone = (...values: string[]) => ({
    allowedTopologies: [{ matchLabelExpressions: [{ key: "zone", values }] }],
  });
  const tracked = csiDriver(provisioner, true);
  test.each([
    { name: "is provisioned", objects: [made, want()], says: "fits" },
    {
      name: "not by a class without provisioner",
      objects: [storageClass("local", { provisioner: "" }), want()],
      says: none,
    },
    { name: "in an allowed topology", objects: [{ ...made, ...inZone("a", "b") }, want()], says: "fits" },
    { name: "not outside", objects: [{ ...made, ...inZone("b") }, want()], says: none },
    { name: "not for an empty term", objects: [{ ...made, allowedTopologies: [{}] }, want()], says: none },
    {
      name: "promised to this node",
      objects: [made, want({ annotations: { "volume.kubernetes.io/selected-node": "n1" } })],
      says: "fits",
    },
    {
      name: "promised to another",
      objects: [made, want({ annotations: { "volume.kubernetes.io/selected-node": "n2" } })],
      says: none,
    },
    { name: "no capacity known", objects: [made, tracked, want()], says: small },
    { name: "capacity is not tracked", objects: [made, csiDriver(provisioner, false), want()], says: "fits" },
    {
      name: "the claim asks for no amount",
      objects: [made, tracked, claim("x", { class: "local" })],
      says: "fits",
    },
    {
      name: "capacity enough",
      objects: [made, tracked, want(), capacity("s", "local", { capacity: "5Gi", zone: "a" })],
      says: "fits",
    },
    {
      name: "too little",
      objects: [made, tracked, want(), capacity("s", "local", { capacity: "4Gi", zone: "a" })],
      says: small,
    },
    {
      name: "elsewhere",
      objects: [made, tracked, want(), capacity("s", "local", { capacity: "5Gi", zone: "b" })],
      says: small,
    },
    {
      name: "of another class",
      objects: [made, tracked, want(), capacity("s", "b", { capacity: "5Gi", zone: "a" })],
      says: small,
    },
    {
      name: "without topology is nowhere",
      objects: [made, tracked, want(), capacity("s", "local", { capacity: "5Gi" })],
      says: small,
    },
    {
      name: "the maximum counts, not the capacity",
      objects: [
        made,
        tracked,
        want(),
        capacity("s", "local", { capacity: "9Gi", maximumVolumeSize: "4Gi", zone: "a" }),
      ],
      says: small,
    },
  ])("provisioning: $name", async ({ objects, says }) => {
    expect(await refusals({ nodes: [n1], objects, pod: claiming("p", "x") })).toEqual({ n1: says });
  });

  test("reasons of one node stand in kube-scheduler's order", async () => {
    const objects = [wait, want(), boundClaim("y", "far"), volume("far", "1Gi", {}, "zone=b")];
    const { message } = await place({ nodes: [n1], objects, pod: claiming("p", "x", "y") });
    expect(message).toContain(
      "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind, 1 node(s) didn't match PersistentVolume's node affinity. ",
    );
    expect(await refusals({ nodes: [n1], objects, pod: claiming("p", "x", "y") })).toEqual({
      n1: `VolumeBinding: node(s) didn't match PersistentVolume's node affinity, ${none.replace("VolumeBinding: ", "")}`,
    });
  });

  const scheduled = async (objects: Parameters<typeof place>[0]["objects"], ...names: string[][]) => {
    const scheduler = await createScheduler({ thread: "caller", flavour: "debug" });
    for (const one of [n1, n2]) scheduler.addNode(one);
    for (const one of objects ?? []) scheduler.addObject(one);
    const pods = names.map((claims, i) => claiming(`p${i}`, ...claims));
    const decisions = await scheduler.schedule(pods);
    return { scheduler, decisions, pods };
  };
  const inWords = (decision: {
    node: string | null;
    claims?: readonly { claim: string; volume: string | null }[];
  }) =>
    [decision.node, ...(decision.claims ?? []).map(({ claim: of, volume: pv }) => `${of}=${pv}`)].join(" ");

  test("the smallest volume is chosen, and each only once", async () => {
    const sizes = [volume("big", "20Gi", local), volume("mid", "10Gi", local), volume("low", "5Gi", local)];
    const claims = ["a", "b", "c", "d"].map((name) => claim(name, { class: "local", size: "5Gi" }));
    const { scheduler, decisions, pods } = await scheduled(
      [wait, ...sizes, ...claims],
      ["a"],
      ["b"],
      ["c"],
      ["d"],
    );
    expect(decisions.map(inWords)).toEqual(["n1 default/a=low", "n1 default/b=mid", "n1 default/c=big", ""]);
    scheduler.removePod("default", "p1");
    expect((await scheduler.schedule([pods[3]!])).map(inWords)).toEqual(["n1 default/d=mid"]);
    await scheduler.close();
  });

  test("the claims of one pod choose one after the other, the smaller first", async () => {
    const objects = [
      wait,
      volume("low", "5Gi", local),
      volume("high", "9Gi", local),
      claim("large", { class: "local", size: "5Gi" }),
      claim("little", { class: "local", size: "1Gi" }),
    ];
    const { scheduler, decisions } = await scheduled(objects, ["large", "little"]);
    expect(decisions.map(inWords)).toEqual(["n1 default/little=low default/large=high"]);
    await scheduler.close();
  });

  test("two claims and one volume: the second is left without", async () => {
    const objects = [wait, volume("only", "5Gi", local), want(), claim("y", { class: "local", size: "5Gi" })];
    const { scheduler, decisions } = await scheduled(objects, ["x", "y"]);
    expect(decisions[0]!.node).toBe(null);
    await scheduler.close();
  });

  test("local volumes: each node has its own choice", async () => {
    const objects = [
      wait,
      want(),
      volume("on-b", "5Gi", local, "zone=b"),
      volume("on-a", "6Gi", local, "zone=a"),
      claim("y", { class: "local", size: "5Gi" }),
    ];
    const { scheduler, decisions } = await scheduled(objects, ["x"], ["y"]);
    expect(decisions.map(inWords)).toEqual(["n1 default/x=on-a", "n2 default/y=on-b"]);
    await scheduler.close();
  });

  test("a claim that is provisioned for one pod's node holds the next pod there", async () => {
    const { scheduler, decisions, pods } = await scheduled([made, want()], ["x"], ["x"]);
    expect(decisions.map(inWords)).toEqual(["n1 default/x=null", "n1 default/x=null"]);
    scheduler.updateNode({ ...n1, spec: { unschedulable: true } });
    expect((await scheduler.schedule([claiming("p2", "x")])).map(inWords)).toEqual([""]);
    // Forgetting one pod takes the promise back, though another shares it: kube-scheduler does the same.
    scheduler.removePod("default", "p1");
    expect((await scheduler.schedule([pods[1]!])).map(inWords)).toEqual(["n2 default/x=null"]);
    await scheduler.close();
  });

  test("a volume promised to a claim stays the claim's for its next pod", async () => {
    const objects = [
      wait,
      want(),
      volume("on-b", "5Gi", local, "zone=b"),
      volume("low", "5Gi", local, "zone=b"),
    ];
    const { scheduler, decisions } = await scheduled(objects, ["x"], ["x"]);
    expect(decisions.map(inWords)).toEqual(["n2 default/x=low", "n2 default/x=low"]);
    await scheduler.close();
  });
});
