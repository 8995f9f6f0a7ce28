import { beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { V1Pod, V1PodDisruptionBudget } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { Node, Pod, PodDisruptionBudget, ServiceAccount } from "../../api/registry.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import type { Client } from "../../client/client.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { type ApiCore, createApiCore } from "../core.ts";

let core: ApiCore;
let client: Client;
const namespace = "default";

beforeEach(async () => {
  const clock = new VirtualClock();
  const store = createMemoryStore({ clock });
  core = await createApiCore({ store, clock, random: seededRandom(7), log: silentLogger });
  client = core.client("test");
  await client.create(ServiceAccount, { metadata: { namespace, name: "default" } });
  await client.create(Node, { metadata: { name: "n1" } });
});

/** A pod on n1: "Running ready", "Running unready", "Pending", "Succeeded" */
async function pod(
  state: string,
  name = "a",
  labels: Record<string, string> = { app: "web" },
): Promise<V1Pod> {
  const [phase = "", ready] = state.split(" ");
  await client.create(Pod, {
    metadata: { namespace, name, labels },
    spec: { nodeName: "n1", containers: [{ name: "c", image: "nginx" }] },
  });
  const conditions = ready ? [{ type: "Ready", status: ready === "ready" ? "True" : "False" }] : [];
  const body = { status: { phase, conditions } };
  return client.patch(Pod, { namespace, name }, { type: "strategic", body }, { subresource: "status" });
}

async function budget(status: string, spec = "minAvailable: 1", name = "b"): Promise<void> {
  const made = await client.create(PodDisruptionBudget, {
    metadata: { namespace, name },
    spec: { selector: { matchLabels: { app: "web" } }, ...(parse(spec) as object) },
  });
  const known = { observedGeneration: 1, ...(parse(status) as V1PodDisruptionBudget["status"]) };
  await client.update(PodDisruptionBudget, { ...made, status: known }, { subresource: "status" });
}

const statusOf = async () => (await client.get(PodDisruptionBudget, { namespace, name: "b" })).status;

/** "evicted", or code, message and cause of the refusal. */
async function evict(body: object = {}, by = client, name = "a"): Promise<string> {
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { namespace, name }, ...body };
  try {
    await by.createSubresource(Pod as unknown as Kind, { namespace, name }, "eviction", eviction);
    return "evicted";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { causes, retryAfterSeconds: after } = error.status.details ?? {};
    const cause = causes?.[0] === undefined ? "" : ` | ${causes[0].reason}: ${causes[0].message}`;
    return `${error.code} ${error.message}${cause}${after === undefined ? "" : ` | after ${after}`}`;
  }
}

const VIOLATES = "429 Cannot evict pod as it would violate the pod's disruption budget. | DisruptionBudget:";
const failed = (reason: string) =>
  `conditions: [{type: DisruptionAllowed, status: "False", reason: ${reason}, message: hoge, lastTransitionTime: "2026-01-01T00:00:00Z"}]`;

test.each([
  ["Running ready", "{disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1}", "evicted"],
  [
    "Running ready",
    "{disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1}",
    `${VIOLATES} The disruption budget b needs 1 healthy pods and has 1 currently`,
  ],
  [
    "Running ready",
    "{observedGeneration: 0, disruptionsAllowed: 1}",
    `${VIOLATES} The disruption budget b is still being processed by the server. | after 10`,
  ],
  [
    "Running ready",
    `{disruptionsAllowed: 0, ${failed("SyncFailed")}}`,
    `${VIOLATES} The disruption budget b does not allow evicting pods currently because it failed sync: hoge`,
  ],
  [
    "Running ready",
    `{disruptionsAllowed: 0, currentHealthy: 4, desiredHealthy: 3, ${failed("Bar")}}`,
    `${VIOLATES} The disruption budget b does not allow evicting pods currently (Bar): hoge`,
  ],
  [
    "Running ready",
    "{disruptionsAllowed: -1}",
    '403 poddisruptionbudget.policy "b" is forbidden: pdb disruptions allowed is negative | DisruptionBudget: The disruption budget b does not allow evicting pods currently: pdb disruptions allowed is negative',
  ],
  // What is no disruption needs no budget.
  ["Pending", "{disruptionsAllowed: 0}", "evicted"],
  ["Succeeded", "{disruptionsAllowed: 0}", "evicted"],
  ["Failed", "{disruptionsAllowed: 0}", "evicted"],
  // A pod that is not ready may go while enough others are.
  ["Running unready", "{disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1}", "evicted"],
  [
    "Running unready",
    "{disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 1}",
    `${VIOLATES} The disruption budget b needs 1 healthy pods and has 0 currently`,
  ],
  [
    "Running unready",
    "{disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0}",
    `${VIOLATES} The disruption budget b needs 0 healthy pods and has 0 currently`,
  ],
])("%s, %s: %s", async (state, status, wants) => {
  await pod(state);
  await budget(status);
  expect(await evict()).toBe(wants);
});

describe("a budget is spent", () => {
  test("by one, for this pod, and says when nothing is left", async () => {
    await pod("Running ready");
    await budget("{disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1}");
    expect(await evict()).toBe("evicted");
    const status = await statusOf();
    expect([status?.disruptionsAllowed, status?.disruptedPods]).toEqual([0, { a: "2026-01-01T00:00:00Z" }]);
    expect(status?.conditions?.map(({ reason }) => reason)).toEqual(["InsufficientPods"]);
    const { metadata, status: left } = await client.get(Pod, { namespace, name: "a" });
    expect(metadata?.deletionGracePeriodSeconds).toBe(30);
    expect(left?.conditions?.at(-1)).toEqual({
      type: "DisruptionTarget",
      status: "True",
      reason: "EvictionByEvictionAPI",
      message: "Eviction API: evicting",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    });
    // It is on its way: asking again costs nothing more.
    expect(await evict()).toBe("evicted");
  });

  test("not by a dry run, in either place", async () => {
    await pod("Running ready");
    await budget("{disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1}");
    expect(await evict({ deleteOptions: { dryRun: ["All"] } })).toBe("evicted");
    expect((await statusOf())?.disruptionsAllowed).toBe(1);
    const left = await client.get(Pod, { namespace, name: "a" });
    expect([left.metadata?.deletionTimestamp, left.status?.conditions?.length]).toEqual([undefined, 1]);
  });

  test("not for an unready pod where AlwaysAllow says so, whatever the budget", async () => {
    await pod("Running unready");
    await budget(
      "{disruptionsAllowed: 0, desiredHealthy: 1}",
      "{minAvailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow}",
    );
    expect(await evict()).toBe("evicted");
    expect((await statusOf())?.disruptedPods).toBeUndefined();
  });
});

test("two budgets for one pod are more than the eviction API can do", async () => {
  await pod("Running ready");
  await budget("{disruptionsAllowed: 1}");
  await budget("{disruptionsAllowed: 1}", "minAvailable: 1", "c");
  expect(await evict()).toBe(
    "500 This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
  );
});

test("an empty selector matches every pod that has labels; another namespace's budget none", async () => {
  await pod("Running ready");
  await pod("Running ready", "bare", {});
  await budget("{disruptionsAllowed: 0}", "{minAvailable: 1, selector: {}}");
  expect(await evict()).toContain("429 ");
  expect(await evict({}, client, "bare")).toBe("evicted");
});

test.each([
  [{ metadata: { name: "b" } }, "400 name in URL does not match name in Eviction object"],
  [{ apiVersion: "policy/v1beta1" }, "evicted"],
  [{ deleteOptions: { gracePeriodSeconds: 0 } }, "evicted"],
  [
    { deleteOptions: { preconditions: { uid: "other" } } },
    /^409 Operation cannot be fulfilled on Pod "a": the UID in the precondition \(other\) does not match the UID in record/,
  ],
  [
    { deleteOptions: { preconditions: { resourceVersion: "1" } } },
    /^409 Operation cannot be fulfilled on Pod "a": the ResourceVersion in the precondition \(1\) does not match/,
  ],
])("%j: %s", async (body, wants) => {
  await pod("Running ready");
  expect(await evict(body)).toEqual(typeof wants === "string" ? wants : expect.stringMatching(wants));
});

test("a precondition on the pod's revision holds through the mark on the pod", async () => {
  const { metadata } = await pod("Running ready");
  const { resourceVersion } = metadata!;
  expect(await evict({ deleteOptions: { gracePeriodSeconds: 0, preconditions: { resourceVersion } } })).toBe(
    "evicted",
  );
  expect((await client.list(Pod, { namespace })).items).toEqual([]);
});

test("a node evicts its own pods only", async () => {
  await pod("Running ready");
  expect(await evict({}, core.client("system:node:n2", ["system:nodes"]))).toBe(
    '403 pods "a" is forbidden: node n2 can only evict pods with spec.nodeName set to itself',
  );
  expect(await evict({}, core.client("system:node:n1", ["system:nodes"]))).toBe("evicted");
});
