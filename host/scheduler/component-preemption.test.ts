import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startVirtualApi, type VirtualApi, watchWrites } from "../../test/virtual-api.ts";
import type { CoreV1Event, V1Node, V1Pod } from "../api/generated/types.ts";
import { Event, Node, Pod, PodDisruptionBudget, PriorityClass } from "../api/registry.ts";
import { ApiError } from "../apimachinery/errors.ts";
import { startScheduler } from "./component.ts";

/** Preemption over the real API server and the real core, under virtual time. Nobody deletes terminating pods but the test. */
let api: VirtualApi;
let scheduler: { stop(): Promise<void> };
let fault: (write: string, name: string | undefined) => Error | undefined;
let writes: string[];

beforeEach(async () => {
  api = await startVirtualApi();
  fault = () => undefined;
  writes = [];
  for (const [name, value] of [
    ["low", 1],
    ["mid", 100],
    ["high", 1000],
  ] as const)
    await api.client.create(PriorityClass, { metadata: { name }, value });
  await api.client.create(PriorityClass, {
    metadata: { name: "polite" },
    value: 1000,
    preemptionPolicy: "Never",
  });
});
afterEach(() => scheduler.stop());

const start = async () => {
  const client = watchWrites(api.client, (write, name) => {
    writes.push(`${write} ${name}`);
    return fault(write, name);
  });
  scheduler = await startScheduler({ ...api.parts, client, thread: "caller" });
};
const node = (name: string, cpu = "1") => {
  const room = { cpu, memory: "1Gi", pods: "10" };
  return api.client.create<V1Node>(Node, {
    metadata: { name },
    status: { capacity: room, allocatable: room },
  });
};
/** `low 500m on n1`: a pod of this class that asks for so much, bound or not. */
const pod = async (name: string, what: string, more: Partial<V1Pod["spec"]> = {}, labels = {}) => {
  const [, priorityClassName, cpu = "", nodeName] = /^(\w+) (\w+)(?: on (\w+))?$/.exec(what) ?? [];
  return api.client.create<V1Pod>(Pod, {
    metadata: { name, namespace: "default", labels },
    spec: {
      priorityClassName,
      containers: [{ name: "c", image: "nginx", resources: { requests: { cpu } } }],
      ...(nodeName === undefined ? {} : { nodeName }),
      ...more,
    },
  });
};
const get = (name: string) => api.client.get<V1Pod>(Pod, { namespace: "default", name });
const advance = (ms: number) => api.clock.advance(ms);
const conditionOf = (one: V1Pod, type: string) => one.status?.conditions?.find((each) => each.type === type);
const events = async (name: string) =>
  (await api.client.list<CoreV1Event>(Event, { namespace: "default" })).items.filter(
    (event) => event.involvedObject.name === name,
  );
const isLeaving = async (name: string) => (await get(name)).metadata?.deletionTimestamp !== undefined;
/** The kubelet's part: the containers have ended. */
const end = (name: string) =>
  api.client.delete(Pod, { namespace: "default", name }, { gracePeriodSeconds: 0 });

describe("a pod of higher priority", () => {
  test("is nominated, evicts, waits for the grace period, and gets the room", async () => {
    await node("n1");
    await pod("victim", "low 800m on n1", { terminationGracePeriodSeconds: 45 });
    await start();
    const preemptor = await pod("urgent", "high 800m");
    await advance(500);

    const waiting = await get("urgent");
    expect(waiting.status?.nominatedNodeName).toBe("n1");
    expect(conditionOf(waiting, "PodScheduled")).toMatchObject({
      status: "False",
      reason: "Unschedulable",
      message: "0/1 nodes are available: 1 Insufficient cpu.",
    });
    const victim = await get("victim");
    expect(victim.metadata?.deletionGracePeriodSeconds).toBe(45);
    expect(conditionOf(victim, "DisruptionTarget")).toMatchObject({
      status: "True",
      reason: "PreemptionByScheduler",
      message: "default-scheduler: preempting to accommodate a higher priority pod",
    });
    expect(await events("victim")).toMatchObject([
      {
        type: "Normal",
        reason: "Preempted",
        action: "Preempting",
        message: `Preempted by pod ${preemptor.metadata?.uid} on node n1`,
        related: { kind: "Pod", name: "urgent", uid: preemptor.metadata?.uid },
        reportingComponent: "default-scheduler",
      },
    ]);
    await advance(30_000);
    expect((await get("urgent")).spec?.nodeName).toBeUndefined();
    await end("victim");
    await advance(5_000);
    const bound = await get("urgent");
    expect([bound.spec?.nodeName, bound.status?.nominatedNodeName]).toEqual(["n1", undefined]);
  });

  test("that is looked at again meanwhile waits for its victims, and evicts nobody else", async () => {
    await node("n1");
    await pod("v1", "low 400m on n1");
    await pod("v2", "low 400m on n1");
    await pod("other", "low 100m on n1");
    await start();
    await pod("urgent", "high 800m");
    await advance(500);
    expect(await Promise.all(["v1", "v2", "other"].map(isLeaving))).toEqual([true, true, false]);
    await end("v1");
    await advance(5_000);
    expect(conditionOf(await get("urgent"), "PodScheduled")?.message).toBe(
      "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, " +
        "preemption: not eligible due to a terminating pod on the nominated node.",
    );
    expect(await isLeaving("other")).toBe(false);
    await end("v2");
    await advance(11_000);
    expect((await get("urgent")).spec?.nodeName).toBe("n1");
  });

  test("keeps its room from pods of lower priority, not from higher ones", async () => {
    await node("n1");
    await pod("victim", "low 600m on n1");
    await start();
    await pod("urgent", "mid 900m");
    await advance(500);
    // 400m are free now, and would be enough for it.
    await pod("late", "low 300m");
    await advance(500);
    expect((await get("late")).spec?.nodeName).toBeUndefined();
    await pod("later", "high 400m");
    await advance(500);
    expect((await get("later")).spec?.nodeName).toBe("n1");
  });

  test("takes a node from a less important one that is nominated to it", async () => {
    await node("n1");
    await pod("victim", "low 1000m on n1");
    await start();
    await pod("first", "mid 1000m");
    await advance(500);
    expect((await get("first")).status?.nominatedNodeName).toBe("n1");
    await pod("second", "high 1000m");
    await advance(500);
    const nodes = [await get("first"), await get("second")].map((one) => one.status?.nominatedNodeName);
    expect(nodes).toEqual([undefined, "n1"]);
    // The victim is on its way already: it is not told twice.
    expect(writes.filter((write) => write === "delete Pod victim")).toHaveLength(1);
    await end("victim");
    await advance(11_000);
    expect([(await get("first")).spec?.nodeName, (await get("second")).spec?.nodeName]).toEqual([
      undefined,
      "n1",
    ]);
  });

  test("that may not preempt says so", async () => {
    await node("n1");
    await pod("victim", "low 800m on n1");
    await start();
    await pod("kind", "polite 800m");
    await advance(500);
    expect(conditionOf(await get("kind"), "PodScheduled")?.message).toBe(
      "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, " +
        "preemption: not eligible due to preemptionPolicy=Never.",
    );
    expect(await isLeaving("victim")).toBe(false);
  });

  test("spares what a budget protects, if others will do", async () => {
    await node("n1");
    await node("n2");
    await pod("guarded", "low 800m on n1", {}, { app: "db" });
    await pod("plain", "mid 800m on n2", {}, { app: "web" });
    const budget = await api.client.create(PodDisruptionBudget, {
      metadata: { name: "db", namespace: "default" },
      spec: { selector: { matchLabels: { app: "db" } }, minAvailable: 1 },
    });
    const status = {
      disruptionsAllowed: 0,
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
      observedGeneration: 1,
    };
    await api.client.update(PodDisruptionBudget, { ...budget, status }, { subresource: "status" });
    await start();
    await pod("urgent", "high 800m");
    await advance(500);
    expect(await Promise.all(["guarded", "plain"].map(isLeaving))).toEqual([false, true]);
    expect((await get("urgent")).status?.nominatedNodeName).toBe("n2");
  });
});

describe("what goes wrong", () => {
  test("a victim that cannot be deleted: the pod is tried again, and evicts it then", async () => {
    await node("n1");
    await pod("victim", "low 800m on n1");
    await start();
    let left = 1;
    fault = (write) =>
      write === "delete Pod" && left-- > 0 ? new ApiError("InternalError", "no") : undefined;
    await pod("urgent", "high 800m");
    await advance(15_000);
    expect(await isLeaving("victim")).toBe(true);
    await end("victim");
    await advance(11_000);
    expect((await get("urgent")).spec?.nodeName).toBe("n1");
  });

  test("a victim that has gone by itself: the pod does not wait for it", async () => {
    await node("n1");
    await pod("victim", "low 800m on n1");
    await start();
    fault = (write, name) => {
      if (write === "patch Pod" && name === "victim") return new ApiError("NotFound", "gone");
      return undefined;
    };
    await pod("urgent", "high 800m");
    await advance(100);
    expect(await events("victim")).toEqual([]);
    await end("victim");
    await advance(11_000);
    expect((await get("urgent")).spec?.nodeName).toBe("n1");
  });

  test("a preemptor that is deleted leaves its room to others", async () => {
    await node("n1");
    await pod("victim", "low 800m on n1");
    await start();
    await pod("urgent", "high 800m");
    await advance(500);
    await pod("late", "low 800m");
    await end("victim");
    await end("urgent");
    await advance(12_000);
    expect((await get("late")).spec?.nodeName).toBe("n1");
  });

  test("a scheduler that starts anew keeps the room that the API says is promised", async () => {
    await node("n1");
    await pod("victim", "low 600m on n1", { terminationGracePeriodSeconds: 600 });
    await start();
    await pod("urgent", "high 900m");
    await advance(500);
    await scheduler.stop();
    await start();
    await pod("late", "low 300m");
    await advance(500);
    expect((await get("late")).spec?.nodeName).toBeUndefined();
    await end("victim");
    await advance(11_000);
    expect((await get("urgent")).spec?.nodeName).toBe("n1");
  });

  test("nobody is evicted where it does not help: nominations end", async () => {
    await node("n1");
    await pod("victim", "low 800m on n1");
    await start();
    await pod("huge", "high 2000m");
    await advance(500);
    expect(conditionOf(await get("huge"), "PodScheduled")?.message).toBe(
      "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, " +
        "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    );
    expect(writes.filter((write) => write.startsWith("delete"))).toEqual([]);
  });
});
