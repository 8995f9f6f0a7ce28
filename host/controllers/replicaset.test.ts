import { describe, expect, test } from "vitest";
import type { V1Pod, V1ReplicaSet } from "../api/generated/types.ts";
import { formatTime } from "../apimachinery/clock.ts";
import type { Change, Failure } from "./change.ts";
import { inDeletionOrder } from "./deletion-order.ts";
import { reconcileReplicaSet } from "./replicaset.ts";
import { inWords } from "./words.ts";

const NOW = Date.UTC(2026, 0, 2);
const HOUR = 3600;

/**
 * "name phase node age": enough to say why one goes before another. Age in hours; `+` behind the phase: ready for as
 * long. Then, in any order: `cost=5`, `restarts=2`, `of=other` (another owner), `orphan`, `app=x`, `leaving`.
 */
function pod(text: string): V1Pod {
  const [name = "", phase = "", node = "-", age = "1", ...more] = text.split(" ");
  const facts = new Map(more.map((word) => word.split("=") as [string, string]));
  const at = formatTime(NOW - Number(age) * HOUR * 1000);
  const owner = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    name: "web",
    uid: facts.get("of") ?? "web",
    controller: true,
  };
  return {
    metadata: {
      namespace: "w",
      name,
      uid: name,
      creationTimestamp: at,
      labels: { app: facts.get("app") ?? "web" },
      ...(facts.has("orphan") ? {} : { ownerReferences: [owner] }),
      ...(facts.has("cost")
        ? { annotations: { "controller.kubernetes.io/pod-deletion-cost": facts.get("cost")! } }
        : {}),
      ...(facts.has("leaving") ? { deletionTimestamp: formatTime(NOW) } : {}),
    },
    spec: { containers: [], ...(node === "-" ? {} : { nodeName: node }) },
    status: {
      phase: phase.replace("+", ""),
      ...(phase.endsWith("+")
        ? { conditions: [{ type: "Ready", status: "True", lastTransitionTime: at }] }
        : {}),
      containerStatuses: [
        { name: "c", image: "i", imageID: "", ready: true, restartCount: Number(facts.get("restarts") ?? 0) },
      ],
    },
  };
}

function replicaSet(
  replicas: number,
  more: Partial<V1ReplicaSet["spec"]> = {},
  status?: V1ReplicaSet["status"],
): V1ReplicaSet {
  return {
    metadata: { namespace: "w", name: "web", uid: "web", generation: 2 },
    spec: {
      replicas,
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [] } },
      ...more,
    },
    status,
  };
}

/** The changes but the status. */
const steps = (changes: readonly Change[]) => changes.filter((one) => one.do !== "status").map(inWords);

test.each([
  {
    name: "creates what is missing",
    replicas: 2,
    pods: [],
    wants: ["slow start: create Pod web-, create Pod web-"],
  },
  { name: "does nothing when all are there", replicas: 1, pods: ["a Running n1"], wants: [] },
  {
    name: "does not count a failed pod",
    replicas: 1,
    pods: ["a Failed n1"],
    wants: ["slow start: create Pod web-"],
  },
  {
    name: "replaces a pod as soon as it is leaving",
    replicas: 1,
    pods: ["a Running n1 9 leaving"],
    wants: ["slow start: create Pod web-"],
  },
  { name: "counts a pod of unknown state", replicas: 1, pods: ["a Unknown n1"], wants: [] },
  {
    name: "deletes an unscheduled pod first",
    replicas: 1,
    pods: ["a Running n1 1", "b Pending - 9"],
    wants: ["together: delete Pod b"],
  },
  {
    name: "then the newest",
    replicas: 1,
    pods: ["old Running n1 9", "new Running n2 1"],
    wants: ["together: delete Pod new"],
  },
  {
    name: "adopts an orphan that matches",
    replicas: 1,
    pods: ["a Running n1 1 orphan"],
    wants: ["patch Pod a"],
  },
  {
    name: "adopts before it deletes by rank",
    replicas: 1,
    pods: ["a Running n1 9 orphan", "b Running n1 1"],
    wants: ["patch Pod a", "together: delete Pod b"],
  },
  {
    name: "leaves another's pod alone",
    replicas: 1,
    pods: ["a Running n1 1 of=other"],
    wants: ["slow start: create Pod web-"],
  },
  {
    name: "releases a pod that no longer matches",
    replicas: 1,
    pods: ["a Running n1 1 app=x"],
    wants: ["patch Pod a", "slow start: create Pod web-"],
  },
  {
    name: "does not adopt an orphan that is leaving",
    replicas: 0,
    pods: ["a Running n1 1 orphan leaving"],
    wants: [],
  },
])("ReplicaSet $name", ({ replicas, pods, wants }) => {
  const changes = reconcileReplicaSet(
    { replicaSet: replicaSet(replicas), pods: pods.map(pod), related: () => [] },
    NOW,
  );
  expect(steps(changes)).toEqual(wants);
});

test("makes at most 500 at a time", () => {
  const [change] = reconcileReplicaSet({ replicaSet: replicaSet(1200), pods: [], related: () => [] }, NOW);
  expect(change?.do === "slow start" && change.changes.length).toBe(500);
});

test("neither makes nor deletes, adopts nor releases while it is being deleted", () => {
  const leaving = replicaSet(3);
  leaving.metadata!.deletionTimestamp = formatTime(NOW);
  const pods = ["a Running n1", "b Running n1 1 orphan", "c Running n1 1 app=x"].map(pod);
  expect(steps(reconcileReplicaSet({ replicaSet: leaving, pods, related: () => [] }, NOW))).toEqual([]);
});

test("looks again when a ready pod becomes available", () => {
  const pods = ["a Running+ n1 1", "b Running+ n1 2"].map(pod);
  const set = replicaSet(2, { minReadySeconds: 3 * HOUR });
  expect(steps(reconcileReplicaSet({ replicaSet: set, pods, related: () => [] }, NOW))).toEqual([
    `again in ${HOUR * 1000} ms`,
  ]);
});

describe("pods to delete first", () => {
  test.each([
    { name: "unassigned", pods: ["a Running+ n1 1", "b Running - 9"], first: "b" },
    {
      name: "pending, then unknown, then running",
      pods: ["a Running n1 1", "b Unknown n1 9", "c Pending n1 9"],
      first: "c b a",
    },
    {
      name: "not ready, whatever its cost",
      pods: ["a Running+ n1 1", "b Running n1 9 cost=100"],
      first: "b",
    },
    {
      name: "cheaper",
      pods: ["a Running+ n1 1 cost=10", "b Running+ n1 9 cost=-5", "c Running+ n1 1"],
      first: "b c a",
    },
    {
      name: "costs that cannot be read count as 0",
      pods: ["a Running+ n1 9 cost=+5", "b Running+ n2 9 cost=-1", "c Running+ n3 9 cost=05"],
      first: "b",
    },
    {
      name: "on the fuller node",
      pods: ["a Running+ n1 1", "b Running+ n2 9", "c Running+ n2 9"],
      first: "b",
    },
    { name: "ready for less", pods: ["a Running+ n1 9", "b Running+ n2 1"], first: "b" },
    {
      name: "5 and 8 hours are the same age: the UID decides",
      pods: ["b Running+ n1 5", "a Running+ n2 8"],
      first: "a",
    },
    { name: "restarted more often", pods: ["a Running n1 1", "b Running n2 9 restarts=3"], first: "b" },
  ])("$name", ({ pods, first }) => {
    const all = pods.map(pod);
    const order = inDeletionOrder(all, all, NOW).map((one) => one.metadata?.name);
    expect(order.slice(0, first.split(" ").length).join(" ")).toBe(first);
  });
});

describe("status", () => {
  const statusOf = (set: V1ReplicaSet, pods: readonly V1Pod[], failure?: Failure) => {
    const change = reconcileReplicaSet({ replicaSet: set, pods, related: () => [] }, NOW).find(
      (one) => one.do === "status",
    );
    return change?.do === "status" ? (change.object(failure) as V1ReplicaSet | undefined)?.status : undefined;
  };
  const refusal = { change: { do: "retry", why: "" }, error: new Error("exceeded quota") } as const;

  test("counts what was there before the pass", () => {
    const pods = ["a Running+ n1", "b Running n1", "c Running n1 1 leaving"].map(pod);
    expect(statusOf(replicaSet(5), pods)).toEqual({
      replicas: 2,
      fullyLabeledReplicas: 2,
      readyReplicas: 1,
      availableReplicas: 1,
      terminatingReplicas: 1,
      observedGeneration: 2,
      conditions: undefined,
    });
  });

  test("is not written when it is so already", () => {
    const status = { replicas: 0, terminatingReplicas: 0, observedGeneration: 2 };
    expect(statusOf(replicaSet(0, {}, status), [])).toBeUndefined();
  });

  test("a refusal is said once, keeps its words, and goes with the first pass that works", () => {
    const failed = statusOf(replicaSet(1), [], refusal);
    const condition = {
      type: "ReplicaFailure",
      status: "True",
      lastTransitionTime: formatTime(NOW),
      reason: "FailedCreate",
      message: "exceeded quota",
    };
    expect(failed?.conditions).toEqual([condition]);
    const other = { ...refusal, error: new Error("other words") };
    expect(statusOf(replicaSet(1, {}, failed), [], other)).toBeUndefined();
    expect(statusOf(replicaSet(1, {}, failed), [])?.conditions).toBeUndefined();
  });
});
