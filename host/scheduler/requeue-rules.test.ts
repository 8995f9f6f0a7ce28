import { describe, expect, test } from "vitest";
import type { V1Node, V1Pod } from "../api/generated/types.ts";
import { type ClusterEvent, helps, nodeEvents, podEvents, REJECTOR, rejectorsOf } from "./requeue-rules.ts";

const inWords = (bits: number) =>
  Object.entries(REJECTOR)
    .filter(([, bit]) => (bits & bit) !== 0)
    .map(([name]) => name)
    .join(" ");

test.each([
  { reasons: ["Insufficient cpu", "Insufficient example.com/gpu"], wants: "NodeResourcesFit" },
  { reasons: ["Too many pods"], wants: "NodeResourcesFit" },
  { reasons: ["node(s) were unschedulable"], wants: "NodeUnschedulable" },
  { reasons: ["node(s) didn't match the requested node name"], wants: "NodeName" },
  { reasons: ["node(s) had untolerated taint(s)"], wants: "TaintToleration" },
  { reasons: ["node(s) didn't match Pod's node affinity/selector"], wants: "NodeAffinity" },
  { reasons: ["node(s) didn't have free ports for the requested pod ports"], wants: "NodePorts" },
  { reasons: ["node(s) had no available disk"], wants: "VolumeRestrictions" },
  {
    reasons: [
      "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
    ],
    wants: "VolumeRestrictions",
  },
  { reasons: ["node(s) exceed max volume count"], wants: "NodeVolumeLimits" },
  { reasons: ["node(s) did not have enough free storage"], wants: "VolumeBinding" },
  { reasons: ["node(s) didn't match PersistentVolume's node affinity"], wants: "VolumeBinding" },
  { reasons: ["pod has unbound immediate PersistentVolumeClaims"], wants: "VolumeBinding" },
  { reasons: ['persistentvolumeclaim "x" not found'], wants: "VolumeRestrictions VolumeBinding" },
  { reasons: ['persistentvolume "x" not found'], wants: "VolumeZone" },
  { reasons: ["node(s) had no available volume zone"], wants: "VolumeZone" },
  { reasons: [], wants: "Other" },
])("$reasons: rejected by $wants", ({ reasons, wants }) => {
  const nodes = Object.fromEntries(reasons.map((reason, i) => [`n${i}`, [reason]]));
  expect(inWords(rejectorsOf({ pod: "a", node: null, message: "", nodes }))).toBe(wants);
});

test.each<{ event: ClusterEvent; helped: string }>([
  {
    event: "PersistentVolumeClaimAdd",
    helped: "VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone Other",
  },
  { event: "PersistentVolumeClaimUpdate", helped: "VolumeBinding VolumeZone Other" },
  { event: "PersistentVolumeUpdate", helped: "VolumeBinding VolumeZone Other" },
  { event: "StorageClassAdd", helped: "VolumeBinding VolumeZone Other" },
  { event: "StorageClassUpdate", helped: "VolumeBinding Other" },
  { event: "CSINodeAdd", helped: "NodeVolumeLimits VolumeBinding Other" },
  { event: "CSINodeUpdate", helped: "NodeVolumeLimits Other" },
  { event: "CSIStorageCapacityUpdate", helped: "VolumeBinding Other" },
  { event: "VolumeAttachmentDelete", helped: "NodeVolumeLimits Other" },
])("$event helps $helped", ({ event, helped }) => {
  const names = Object.entries(REJECTOR).filter(([, bit]) => helps(event, bit));
  expect(names.map(([name]) => name).join(" ")).toBe(helped);
});

describe("what changed of a node", () => {
  const before: V1Node = {
    metadata: { name: "n1", labels: { zone: "a" } },
    spec: {},
    status: { allocatable: { cpu: "1" } },
  };
  test.each([
    { name: "a heartbeat", after: { ...before, status: { ...before.status, conditions: [] } }, wants: [] },
    {
      name: "its room",
      after: { ...before, status: { allocatable: { cpu: "2" } } },
      wants: ["NodeUpdateAllocatable"],
    },
    {
      name: "its labels",
      after: { ...before, metadata: { name: "n1", labels: {} } },
      wants: ["NodeUpdateLabel"],
    },
    { name: "cordoned", after: { ...before, spec: { unschedulable: true } }, wants: ["NodeUpdateTaint"] },
    {
      name: "unschedulable: false is the same as nothing",
      after: { ...before, spec: { unschedulable: false } },
      wants: [],
    },
    {
      name: "tainted",
      after: { ...before, spec: { taints: [{ key: "k", effect: "NoSchedule" }] } },
      wants: ["NodeUpdateTaint"],
    },
  ])("$name", ({ after, wants }) => {
    expect(nodeEvents(before, after)).toEqual(wants);
  });
});

describe("what changed of a bound pod", () => {
  const running = (cpu: string, labels: Record<string, string>, phase: string): V1Pod => ({
    metadata: { name: "a", labels },
    spec: { nodeName: "n1", containers: [{ name: "c", resources: { requests: { cpu } } }] },
    status: { phase },
  });
  test.each([
    { name: "its status", after: running("1", {}, "Running"), wants: [] },
    { name: "its labels", after: running("1", { a: "b" }, "Pending"), wants: ["AssignedPodUpdateLabel"] },
    { name: "its requests", after: running("500m", {}, "Pending"), wants: ["AssignedPodScaleDown"] },
  ])("$name", ({ after, wants }) => {
    expect(podEvents(running("1", {}, "Pending"), after)).toEqual(wants);
  });
});
