import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { V1Pod, V1PodDisruptionBudget } from "../../api/generated/types.ts";
import type { Change } from "../change.ts";
import { inWords } from "../words.ts";
import { reconcileBudget } from "./budget.ts";
import type { Expected } from "./expected-pods.ts";
import { reconcileTarget } from "./stale-targets.ts";

const NOW = Date.parse("2026-01-01T00:10:00Z");

/** "a", "b unready", "c going" */
function pod(text: string): V1Pod {
  const [name = "", state = "ready"] = text.split(" ");
  return {
    metadata: {
      name,
      namespace: "ns",
      ...(state === "going" ? { deletionTimestamp: "2026-01-01T00:09:00Z" } : {}),
    },
    status: { conditions: [{ type: "Ready", status: state === "unready" ? "False" : "True" }] },
  };
}

function budget(spec: string, status = "{}"): V1PodDisruptionBudget {
  return {
    metadata: { name: "b", namespace: "ns", generation: 2 },
    spec: parse(spec) as V1PodDisruptionBudget["spec"],
    status: parse(status) as V1PodDisruptionBudget["status"],
  };
}

function written(changes: readonly Change[]): V1PodDisruptionBudget["status"] {
  const status = changes.find((change) => change.do === "status");
  return status && (status.object(undefined) as V1PodDisruptionBudget).status;
}

const count = (wanted: number): Expected => ({ count: wanted, unmanaged: [] });

// "allowed of healthy, needs desired, expects pods"
test.each([
  ["minAvailable: 1", ["a", "b"], 0, "1 of 2, needs 1, expects 2"],
  ["minAvailable: 2", ["a", "b"], 0, "0 of 2, needs 2, expects 2"],
  ["minAvailable: 3", ["a", "b"], 0, "0 of 2, needs 3, expects 2"],
  ["minAvailable: 0", ["a", "b"], 0, "2 of 2, needs 0, expects 2"],
  ["minAvailable: 0", [], 0, "0 of 0, needs 0, expects 0"],
  ["minAvailable: 1", ["a", "b unready"], 0, "0 of 1, needs 1, expects 2"],
  ["minAvailable: 1", ["a", "b going"], 0, "0 of 1, needs 1, expects 2"],
  ["minAvailable: 34%", ["a", "b", "c"], 3, "1 of 3, needs 2, expects 3"],
  ["minAvailable: 100%", ["a", "b", "c"], 3, "0 of 3, needs 3, expects 3"],
  ["maxUnavailable: 30%", ["a", "b", "c", "d", "e", "f", "g"], 7, "3 of 7, needs 4, expects 7"],
  ["maxUnavailable: 30%", ["a", "b", "c"], 3, "1 of 3, needs 2, expects 3"],
  ["maxUnavailable: 1", ["a", "b"], 3, "0 of 2, needs 2, expects 3"],
  ["maxUnavailable: 5", ["a", "b"], 3, "2 of 2, needs 0, expects 3"],
  ["maxUnavailable: 1", ["a", "b"], 0, "0 of 2, needs 0, expects 0"],
  ["{}", ["a", "b"], 0, "0 of 2, needs 0, expects 0"],
])("%s over %j of %d wanted: %s", (spec, pods, wanted, wants) => {
  const observed = { budget: budget(spec), pods: pods.map(pod), expected: count(wanted), contested: [] };
  const status = written(reconcileBudget(observed, NOW))!;
  const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = status;
  expect(`${disruptionsAllowed} of ${currentHealthy}, needs ${desiredHealthy}, expects ${expectedPods}`).toBe(
    wants,
  );
  const isAllowed = (disruptionsAllowed ?? 0) > 0;
  expect(status.conditions).toEqual([
    {
      type: "DisruptionAllowed",
      status: isAllowed ? "True" : "False",
      observedGeneration: 2,
      lastTransitionTime: "2026-01-01T00:10:00Z",
      reason: isAllowed ? "SufficientPods" : "InsufficientPods",
      message: "",
    },
  ]);
  expect(status.observedGeneration).toBe(2);
  // Looked at again, nothing is left to write.
  const again = { ...observed, budget: { ...observed.budget, status } };
  expect(written(reconcileBudget(again, NOW + 5000))).toBeUndefined();
});

describe("what is said", () => {
  test("no pods", () => {
    const observed = { budget: budget("minAvailable: 1"), pods: [], expected: count(0), contested: [] };
    expect(reconcileBudget(observed, NOW).map(inWords)).toEqual([
      "Normal NoPods No matching pods found",
      "status PodDisruptionBudget",
    ]);
  });

  test("pods without an owner count as healthy, not as expected", () => {
    const selector =
      "{matchLabels: {app: web, tier: front}, matchExpressions: [{key: k, operator: In, values: [a, b]}]}";
    const observed = {
      budget: budget(`maxUnavailable: 1\nselector: ${selector}`),
      pods: [pod("a")],
      expected: { count: 0, unmanaged: ["a"] },
      contested: [],
    };
    expect(inWords(reconcileBudget(observed, NOW)[0]!)).toBe(
      "Warning UnmanagedPods Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:" +
        "map[string]string{app: web,tier: front,},MatchExpressions:[]LabelSelectorRequirement{" +
        "LabelSelectorRequirement{Key:k,Operator:In,Values:[a b],},},}) were found to be unmanaged. As a result, the " +
        "status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these " +
        'pods please set ".spec.minAvailable" field of the PDB to an integer value.',
    );
  });

  test("what cannot be worked out allows nothing and keeps the rest", () => {
    const problem = "daemonsets.apps does not implement the scale subresource";
    const before =
      "{observedGeneration: 1, disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2}";
    const observed = {
      budget: budget("maxUnavailable: 1", before),
      pods: [pod("a")],
      expected: { problem },
      contested: [],
    };
    const changes = reconcileBudget(observed, NOW);
    expect(inWords(changes[0]!)).toBe(
      `Warning CalculateExpectedPodCountFailed Failed to calculate the number of expected pods: ${problem}`,
    );
    expect(written(changes)).toEqual({
      observedGeneration: 1,
      disruptionsAllowed: 0,
      currentHealthy: 2,
      desiredHealthy: 1,
      expectedPods: 2,
      conditions: [
        {
          type: "DisruptionAllowed",
          status: "False",
          observedGeneration: 1,
          lastTransitionTime: "2026-01-01T00:10:00Z",
          reason: "SyncFailed",
          message: problem,
        },
      ],
    });
  });

  test("a pod of several budgets", () => {
    const observed = {
      budget: budget("minAvailable: 1"),
      pods: [pod("a")],
      expected: count(0),
      contested: [pod("a")],
    };
    expect(inWords(reconcileBudget(observed, NOW)[0]!)).toBe(
      'Warning MultiplePodDisruptionBudgets Pod "ns"/"a" matches multiple PodDisruptionBudgets.  Chose "b" arbitrarily.',
    );
  });
});

// A pod that was evicted does not count until it is gone, or two minutes have passed.
test.each([
  ["00:09:30", "a", { left: ["a"], healthy: 1, again: "again in 90001 ms" }],
  ["00:09:30", "a going", { left: [], healthy: 1, again: undefined }],
  ["00:07:59", "a", { left: [], healthy: 2, again: undefined }],
])("evicted at %s, %s", (at, text, wants) => {
  const status = `{disruptedPods: {a: "2026-01-01T${at}Z", gone: "2026-01-01T00:09:59Z"}}`;
  const observed = {
    budget: budget("minAvailable: 1", status),
    pods: [pod(text), pod("b")],
    expected: count(0),
    contested: [],
  };
  const changes = reconcileBudget(observed, NOW);
  const next = written(changes)!;
  expect(Object.keys(next.disruptedPods ?? {})).toEqual(wants.left);
  expect(next.currentHealthy).toBe(wants.healthy);
  expect(changes.map(inWords).find((one) => one.startsWith("again"))).toBe(wants.again);
  const late =
    at === "00:07:59" ? ["Warning NotDeleted Pod was expected by PDB ns/ns to be deleted but it wasn't"] : [];
  expect(changes.map(inWords).filter((one) => one.includes("NotDeleted"))).toEqual(late);
});

test.each([
  ["True EvictionByEvictionAPI 00:09:00", ["again in 60000 ms"]],
  ["True EvictionByEvictionAPI 00:08:00", ["status Pod"]],
  ["True TerminationByKubelet 00:01:00", []],
  ["False - 00:01:00", []],
])("DisruptionTarget %s", (text, wants) => {
  const [status = "", reason, at] = text.split(" ");
  const condition = { type: "DisruptionTarget", status, reason, lastTransitionTime: `2026-01-01T${at}Z` };
  const target: V1Pod = {
    metadata: { name: "a", generation: 3 },
    status: { observedGeneration: 3, conditions: [condition] },
  };
  const changes = reconcileTarget(target, NOW);
  expect(changes.map(inWords)).toEqual(wants);
  const written = changes[0]?.do === "status" ? (changes[0].object(undefined) as V1Pod) : undefined;
  if (written !== undefined) {
    expect(written.status?.conditions).toEqual([
      {
        type: "DisruptionTarget",
        status: "False",
        observedGeneration: 3,
        lastTransitionTime: "2026-01-01T00:10:00Z",
      },
    ]);
  }
  expect(
    reconcileTarget({ ...target, metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }, NOW),
  ).toEqual([]);
});
