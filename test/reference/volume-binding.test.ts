import { describe, expect, test } from "vitest";
import type { V1Pod } from "../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import type { SchedulerOptions } from "../../host/scheduler/library.ts";
import { play, type Step } from "./session.ts";
import { bound, node, place, pod, refusalsOf } from "./shorthand.ts";
import { capacity, claim, csiDriver, inZone, mounting, storageClass, volume } from "./storage-shorthand.ts";

/** VolumeBinding: shared/spec/scheduling.md 2.9 and tricky cases 48 and 70. */
const F = "fits";
const NONE = "VolumeBinding: node(s) didn't find available persistent volumes to bind";
const ELSEWHERE = "VolumeBinding: node(s) didn't match PersistentVolume's node affinity";
const NO_ROOM = "VolumeBinding: node(s) did not have enough free storage";

const NODES = [node("n1", "8/8Gi", { zone: "a" }), node("n2", "8/8Gi", { zone: "b" })];
const LOCAL = storageClass("local", "kubernetes.io/no-provisioner");
const WAIT = storageClass("wait", "csi.example.com");
const NOW = storageClass("now", "csi.example.com", { volumeBindingMode: "Immediate" });
const wanted = mounting(pod("p", ""), "c");

async function outcomes(objects: readonly KubernetesObject[], one: V1Pod = wanted): Promise<string[]> {
  const all = [LOCAL, WAIT, NOW, ...objects];
  const { explanation } = await place({ nodes: NODES, pod: one, objects: all });
  return refusalsOf(explanation);
}

describe("the whole pod is refused", () => {
  const ephemeral = pod("p", "", { volumes: [{ name: "v", ephemeral: {} }] });
  const gone = { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } };
  test.each([
    {
      name: "48 a claim that lost its volume",
      objects: [claim("c", "5 local pv-x", {}, { status: { phase: "Lost" } })],
      is: 'persistentvolumeclaim "c" bound to non-existent persistentvolume "pv-x"',
    },
    {
      name: "a claim that is being deleted",
      objects: [claim("c", "5 local", {}, gone)],
      is: 'persistentvolumeclaim "c" is being deleted',
    },
    {
      name: "an ephemeral volume without its claim",
      pod: ephemeral,
      objects: [],
      is: 'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-v"',
    },
    {
      name: "an ephemeral volume with another's claim",
      pod: ephemeral,
      objects: [claim("p-v", "5 wait")],
      is: "PVC default/p-v was not created for pod default/p (pod is not owner)",
    },
    {
      name: "70 an immediate claim that is not bound",
      objects: [claim("c", "5 now")],
      is: "pod has unbound immediate PersistentVolumeClaims",
    },
    {
      name: "a class that is not known is immediate",
      objects: [claim("c", "5 unknown")],
      is: "pod has unbound immediate PersistentVolumeClaims",
    },
    {
      name: "no class is immediate",
      objects: [claim("c", "5 -")],
      is: "pod has unbound immediate PersistentVolumeClaims",
    },
    {
      name: "a volume without bind-completed",
      objects: [claim("c", "5 wait", { volumeName: "pv" }), volume("pv", "10 wait")],
      is: "pod has unbound immediate PersistentVolumeClaims",
    },
  ])("$name", async ({ objects, pod: one = wanted, is }) => {
    const all = [LOCAL, WAIT, NOW, ...objects];
    const { explanation, message } = await place({ nodes: NODES.slice(0, 1), pod: one, objects: all });
    expect(refusalsOf(explanation)).toEqual([`VolumeBinding: ${is}`]);
    expect(message).toBe(`0/1 nodes are available: ${is}. not found`);
  });
});

describe("claims that are bound", () => {
  test("the volume's node affinity", async () => {
    const objects = [volume("pv", "10 local", inZone("b")), claim("c", "5 local pv")];
    expect(await outcomes(objects)).toEqual([ELSEWHERE, F]);
  });

  test("an ephemeral claim whose volume is missing", async () => {
    const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "uid-p", controller: true };
    const objects = [claim("p-v", "5 local gone", {}, { metadata: { ownerReferences: [owner] } })];
    const one = pod("p", "", { volumes: [{ name: "v", ephemeral: {} }] });
    one.metadata!.uid = "uid-p";
    const reason = "VolumeBinding: node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
    expect(await outcomes(objects, one)).toEqual([reason, reason]);
  });

  test("two claims, two reasons on one node", async () => {
    const bound = volume("pv", "10 local", {
      ...inZone("b"),
      claimRef: { namespace: "default", name: "c", uid: "uid-c" },
    });
    const objects = [bound, claim("c", "5 local pv"), claim("d", "5 local")];
    const both = mounting(pod("p", ""), "c", "d");
    const two = `${ELSEWHERE}, ${NONE.slice("VolumeBinding: ".length)}`;
    expect(await outcomes(objects, both)).toEqual([two, NONE]);
  });
});

describe("claims that wait: a volume is found", () => {
  const asks = claim("c", "5 local");
  test.each([
    { name: "large enough", objects: [asks, volume("pv", "5 local")], is: [F, F] },
    { name: "too small", objects: [asks, volume("pv", "4 local")], is: [NONE, NONE] },
    { name: "of another class", objects: [asks, volume("pv", "5 wait")], is: [NONE, NONE] },
    { name: "in a zone", objects: [asks, volume("pv", "5 local", inZone("b"))], is: [NONE, F] },
    {
      name: "with another mode",
      objects: [asks, volume("pv", "5 local", { accessModes: ["ReadOnlyMany"] })],
      is: [NONE, NONE],
    },
    {
      name: "with more modes",
      objects: [asks, volume("pv", "5 local", { accessModes: ["ReadOnlyMany", "ReadWriteOnce"] })],
      is: [F, F],
    },
    { name: "a block", objects: [asks, volume("pv", "5 local", { volumeMode: "Block" })], is: [NONE, NONE] },
    {
      name: "of other attributes",
      objects: [asks, volume("pv", "5 local", { volumeAttributesClassName: "gold" })],
      is: [NONE, NONE],
    },
    {
      name: "being deleted",
      objects: [asks, volume("pv", "5 local", {}, { deletionTimestamp: "2026-01-01T00:00:00Z" })],
      is: [NONE, NONE],
    },
    {
      name: "not available",
      objects: [asks, { ...volume("pv", "5 local"), status: { phase: "Released" } }],
      is: [NONE, NONE],
    },
    {
      name: "another's",
      objects: [asks, volume("pv", "5 local", { claimRef: { namespace: "default", name: "d" } })],
      is: [NONE, NONE],
    },
    {
      name: "kept for this claim",
      objects: [asks, volume("pv", "5 local", { claimRef: { namespace: "default", name: "c" } })],
      is: [F, F],
    },
    {
      name: "kept for an earlier claim of this name",
      objects: [
        asks,
        volume("pv", "5 local", { claimRef: { namespace: "default", name: "c", uid: "other" } }),
      ],
      is: [NONE, NONE],
    },
    {
      name: "a selector that matches",
      objects: [
        claim("c", "5 local", { selector: { matchLabels: { tier: "fast" } } }),
        volume("pv", "5 local", {}, { labels: { tier: "fast" } }),
      ],
      is: [F, F],
    },
    {
      name: "a selector that does not",
      objects: [
        claim("c", "5 local", { selector: { matchLabels: { tier: "fast" } } }),
        volume("pv", "5 local"),
      ],
      is: [NONE, NONE],
    },
  ])("$name", async ({ objects, is }) => expect(await outcomes(objects)).toEqual(is));

  test("the smallest that does is taken, the smaller claim chooses first", async () => {
    const both = mounting(pod("p", ""), "large", "small");
    const claims = [claim("large", "8 local"), claim("small", "3 local")];
    const far = volume("far", "9 local", inZone("b"));
    const near = volume("near", "4 local", inZone("b"));
    expect(await outcomes([...claims, far, near], both)).toEqual([NONE, F]);
    expect(await outcomes([...claims, far], both)).toEqual([NONE, NONE]);
  });
});

describe("claims that wait: a volume is to be made", () => {
  const asks = claim("c", "5 wait");
  const inA = { allowedTopologies: [{ matchLabelExpressions: [{ key: "zone", values: ["a"] }] }] };
  const selected = (name: string) =>
    claim("c", "5 wait", {}, { metadata: { annotations: { "volume.kubernetes.io/selected-node": name } } });
  test.each([
    { name: "by the class", objects: [asks], is: [F, F] },
    { name: "nobody makes them", objects: [claim("c", "5 local")], is: [NONE, NONE] },
    { name: "in a topology", objects: [asks, storageClass("wait", "csi.example.com", inA)], is: [F, NONE] },
    { name: "on the node that was selected", objects: [selected("n2")], is: [NONE, F] },
  ])("$name", async ({ objects, is }) => expect(await outcomes(objects)).toEqual(is));

  const room = csiDriver("csi.example.com", true);
  const zone = (value: string) => ({ nodeTopology: { matchLabels: { zone: value } } });
  test.each([
    {
      name: "enough in zone a",
      objects: [asks, room, capacity("x", "wait", { ...zone("a"), capacity: "5" })],
      is: [F, NO_ROOM],
    },
    {
      name: "too little",
      objects: [asks, room, capacity("x", "wait", { ...zone("a"), capacity: "4" })],
      is: [NO_ROOM, NO_ROOM],
    },
    {
      name: "maximumVolumeSize decides",
      objects: [asks, room, capacity("x", "wait", { ...zone("a"), capacity: "9", maximumVolumeSize: "4" })],
      is: [NO_ROOM, NO_ROOM],
    },
    {
      name: "without nodeTopology it is nowhere",
      objects: [asks, room, capacity("x", "wait", { capacity: "9" })],
      is: [NO_ROOM, NO_ROOM],
    },
    {
      name: "an empty nodeTopology is everywhere",
      objects: [asks, room, capacity("x", "wait", { nodeTopology: {}, capacity: "9" })],
      is: [F, F],
    },
    {
      name: "of another class",
      objects: [asks, room, capacity("x", "local", { nodeTopology: {}, capacity: "9" })],
      is: [NO_ROOM, NO_ROOM],
    },
    { name: "the driver does not say", objects: [asks, csiDriver("csi.example.com", false)], is: [F, F] },
    { name: "a claim that asks no size", objects: [claim("c", "- wait"), room], is: [F, F] },
  ])("storage capacity: $name", async ({ objects, is }) => expect(await outcomes(objects)).toEqual(is));
});

describe("what a placement takes", () => {
  const options: SchedulerOptions = { flavour: "debug" };
  const begin: Step[] = [
    ...NODES.map((one) => ({ node: one })),
    ...[LOCAL, WAIT, NOW].map((object) => ({ object })),
  ];
  const mounted = (name: string, claimName: string) => mounting(pod(name, ""), claimName);
  const histories: { name: string; steps: Step[] }[] = [
    {
      name: "a volume is taken, until its pod is forgotten",
      steps: [
        { object: volume("pv", "10 local") },
        { object: claim("c", "5 local") },
        { object: claim("d", "5 local") },
        { place: mounted("p", "c") },
        { place: mounted("q", "d") },
        { removePod: mounted("p", "c") },
        { place: mounted("q", "d") },
      ],
    },
    {
      name: "a claim to be provisioned stays on the node",
      steps: [
        { object: claim("c", "5 wait") },
        { place: mounted("p", "c") },
        { place: mounting(pod("q", "", { nodeSelector: { zone: "b" } }), "c") },
        { place: mounted("r", "c") },
      ],
    },
    {
      name: "a confirmed pod's volume stays taken when it goes",
      steps: [
        { object: volume("pv", "10 local") },
        { object: claim("c", "5 local") },
        { object: claim("d", "5 local") },
        { place: mounted("p", "c") },
        { bound: mounting(bound("p", "", "n1"), "c") },
        { removePod: mounted("p", "c") },
        { place: mounted("q", "d") },
        { object: volume("pv", "10 local") },
        { place: mounted("q", "d") },
      ],
    },
  ];
  test.each(histories)("$name", async ({ steps }) => {
    expect(await play({ steps: [...begin, ...steps] }, options)).toBeUndefined();
  });
});
