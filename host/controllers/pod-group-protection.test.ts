import { expect, test } from "vitest";
import type { V1alpha2PodGroup, V1Pod } from "../api/generated/types.ts";
import { reconcileGroup } from "./pod-group-protection.ts";

const FINALIZER = "scheduling.k8s.io/podgroup-protection";

// A group is "held" or "free", and "going" while it is being deleted; pods are written by their phases.
test.each([
  { name: "a group without its finalizer gets it", group: "free", pods: "", wants: [FINALIZER] },
  { name: "one that has it is left alone", group: "held", pods: "", wants: undefined },
  { name: "one that goes waits for pods", group: "held going", pods: "Running Succeeded", wants: undefined },
  { name: "pods that wait for a node, too", group: "held going", pods: "Pending", wants: undefined },
  { name: "but not for those that have ended", group: "held going", pods: "Succeeded Failed", wants: [] },
  { name: "nor for nobody", group: "held going", pods: "", wants: [] },
  { name: "it is not held again when it goes", group: "free going", pods: "Running", wants: undefined },
])("$name", ({ group, pods, wants }) => {
  const metadata = {
    name: "ring",
    namespace: "default",
    ...(group.includes("held") ? { finalizers: [FINALIZER] } : {}),
    ...(group.includes("going") ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
  };
  const observed = {
    group: { metadata, spec: { schedulingPolicy: { basic: {} } } } as V1alpha2PodGroup,
    members: pods
      .split(" ")
      .filter(Boolean)
      .map((phase): V1Pod => ({ status: { phase } })),
  };
  const changes = reconcileGroup(observed) as readonly { object?: V1alpha2PodGroup }[];
  expect(changes.map(({ object }) => object?.metadata?.finalizers)).toEqual(
    wants === undefined ? [] : [wants],
  );
});
