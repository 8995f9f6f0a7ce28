import { describe, expect, test } from "vitest";
import type { V1Node, V1Pod } from "../api/generated/types.ts";
import { concernsDecisions, eventLabel, nodeEvents, podEvents, takesOtherRoom } from "./cluster-events.ts";

const actions = (events: readonly { action: string }[]) => events.map(({ action }) => action);

describe("what changed of a node", () => {
  const before: V1Node = {
    metadata: { name: "n1", labels: { zone: "a" } },
    spec: {},
    status: { allocatable: { cpu: "1" } },
  };
  const ready = (message: string) => [{ type: "Ready", status: "True", message }];
  test.each([
    { name: "a heartbeat", after: before, wants: [], counts: false },
    {
      name: "what a condition says",
      old: { ...before, status: { ...before.status, conditions: ready("a") } },
      after: { ...before, status: { ...before.status, conditions: ready("b") } },
      wants: [],
      counts: false,
    },
    {
      name: "a condition",
      after: { ...before, status: { ...before.status, conditions: ready("") } },
      wants: ["UpdateNodeCondition"],
      counts: false,
    },
    {
      name: "its room",
      after: { ...before, status: { allocatable: { cpu: "2" } } },
      wants: ["UpdateNodeAllocatable"],
      counts: true,
    },
    {
      name: "its labels",
      after: { ...before, metadata: { name: "n1", labels: {} } },
      wants: ["UpdateNodeLabel"],
      counts: true,
    },
    // Nobody can be helped by it, but decisions have to know.
    { name: "cordoned", after: { ...before, spec: { unschedulable: true } }, wants: [], counts: true },
    {
      name: "uncordoned",
      old: { ...before, spec: { unschedulable: true } },
      after: before,
      wants: ["UpdateNodeTaint"],
      counts: true,
    },
    {
      name: "unschedulable: false is the same as nothing",
      after: { ...before, spec: { unschedulable: false } },
      wants: [],
      counts: false,
    },
    {
      name: "tainted",
      after: { ...before, spec: { taints: [{ key: "k", effect: "NoSchedule" }] } },
      wants: ["UpdateNodeTaint"],
      counts: true,
    },
  ])("$name", ({ old = before, after, wants, counts }) => {
    expect(actions(nodeEvents(old, after))).toEqual(wants);
    expect(concernsDecisions(old, after)).toBe(counts);
  });
});

describe("what changed of a pod", () => {
  const pod = (cpu: string, more: Partial<V1Pod> = {}): V1Pod => ({
    metadata: { name: "a", labels: {} },
    spec: { nodeName: "n1", containers: [{ name: "c", resources: { requests: { cpu } } }] },
    ...more,
  });
  const gated = (...names: string[]) =>
    pod("1", { spec: { containers: [], schedulingGates: names.map((name) => ({ name })) } });
  test.each([
    {
      name: "its status",
      old: pod("1"),
      after: pod("1", { status: { phase: "Running" } }),
      wants: ["Update"],
    },
    {
      name: "its labels",
      old: pod("1"),
      after: pod("1", { metadata: { name: "a", labels: { a: "b" } } }),
      wants: ["UpdatePodLabel"],
    },
    { name: "it asks for less", old: pod("1"), after: pod("500m"), wants: ["UpdatePodScaleDown"] },
    { name: "it asks for more", old: pod("1"), after: pod("2"), wants: ["Update"] },
    { name: "one of two gates is gone", old: gated("a", "b"), after: gated("a"), wants: ["Update"] },
    {
      name: "the last is gone",
      old: gated("a"),
      after: gated(),
      wants: ["UpdatePodSchedulingGatesEliminated"],
    },
  ])("$name", ({ old, after, wants }) => {
    expect(actions(podEvents("AssignedPod", old, after))).toEqual(wants);
  });

  test("more or less of anything is other room", () => {
    expect([takesOtherRoom(pod("1"), pod("2")), takesOtherRoom(pod("1"), pod("1"))]).toEqual([true, false]);
  });
});

test("events have kube-scheduler's names", () => {
  expect([
    eventLabel({ resource: "Node", action: "UpdateNodeTaint" }),
    eventLabel({ resource: "CSINode", action: "Update" }),
  ]).toEqual(["NodeUpdateNodeTaint", "storage.k8s.io/CSINodeUpdate"]);
});
