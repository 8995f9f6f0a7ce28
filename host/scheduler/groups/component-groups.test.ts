import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startVirtualApi, type VirtualApi, watchWrites } from "../../../test/virtual-api.ts";
import { PodGroup } from "../../api/alpha-kinds.ts";
import type { CoreV1Event, V1alpha2PodGroup, V1Node, V1Pod } from "../../api/generated/types.ts";
import { Event, Node, Pod, PriorityClass } from "../../api/registry.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { type FeatureGates, parseFeatureGates } from "../../apimachinery/feature-gates.ts";
import { startScheduler } from "../component.ts";

/** The scheduler with groups, over the real API server and the real core, under virtual time. */
const BOTH = "GenericWorkload=true,GangScheduling=true";
let api: VirtualApi;
let scheduler: { stop(): Promise<void> } | undefined;
let bindingFault: ((pod: string) => Error | undefined) | undefined;

beforeEach(async () => {
  api = await startVirtualApi(1, {
    runtimeConfig: new Set(["scheduling.k8s.io/v1alpha2"]),
    featureGates: parseFeatureGates(BOTH),
  });
  bindingFault = undefined;
});
afterEach(async () => {
  await scheduler?.stop();
  scheduler = undefined;
});

const start = async (featureGates: FeatureGates = parseFeatureGates(BOTH)) => {
  const client = watchWrites(api.client, (write, name = "") =>
    write === "createSubresource Pod" ? bindingFault?.(name) : undefined,
  );
  scheduler = await startScheduler({ ...api.parts, client, featureGates, thread: "caller" });
};
const wait = (seconds: number) => api.clock.advance(seconds * 1_000);

/** `node("n1", 4)`: room for four pods. */
const node = (name: string, pods: number) => {
  const room = { cpu: `${pods}`, memory: "64Gi", pods: "110" };
  return api.client.create<V1Node>(Node, {
    metadata: { name, labels: { "kubernetes.io/hostname": name } },
    status: { capacity: room, allocatable: room },
  });
};
/** A gang of so many; 0: the basic policy. */
const group = (name: string, minCount: number) =>
  api.client.create<V1alpha2PodGroup>(PodGroup, {
    metadata: { name, namespace: "default" },
    spec: { schedulingPolicy: minCount === 0 ? { basic: {} } : { gang: { minCount } } },
  });
/** Pods of one core each, `pods("ring", "a b c")`; without a group: "". */
const pods = async (ofGroup: string, names: string, more: Partial<V1Pod["spec"]> = {}) => {
  for (const name of names.split(" ")) {
    await api.client.create<V1Pod>(Pod, {
      metadata: { name, namespace: "default" },
      spec: {
        containers: [{ name: "c", image: "i", resources: { requests: { cpu: "1" } } }],
        ...(ofGroup === "" ? {} : { schedulingGroup: { podGroupName: ofGroup } }),
        ...more,
      },
    });
  }
};
const all = async () => (await api.client.list<V1Pod>(Pod, { namespace: "default" })).items;
/** Names of the pods that have a node. */
const bound = async () =>
  (await all())
    .filter(({ spec }) => spec?.nodeName)
    .map(({ metadata }) => metadata?.name)
    .join(" ");
/** Names of those that are being deleted. */
const leaving = async () =>
  (await all())
    .filter(({ metadata }) => metadata?.deletionTimestamp)
    .map(({ metadata }) => metadata?.name)
    .join(" ");
const why = async (name: string) => {
  const found = (await all()).find(({ metadata }) => metadata?.name === name);
  const condition = found?.status?.conditions?.find(({ type }) => type === "PodScheduled");
  return condition === undefined ? "nothing" : `${condition.reason}: ${condition.message}`;
};
const groupSays = async (name: string) => {
  const { status } = await api.client.get<V1alpha2PodGroup>(PodGroup, { namespace: "default", name });
  return (status?.conditions ?? []).map((one) => `${one.type}=${one.status} ${one.reason}: ${one.message}`);
};
const eventsOf = async (name: string) =>
  (await api.client.list<CoreV1Event>(Event, { namespace: "default" })).items
    .filter((event) => event.involvedObject.name === name)
    .map(({ reason }) => reason);
const remove = (name: string) =>
  api.client.delete(Pod, { namespace: "default", name }, { gracePeriodSeconds: 0 });
/** As the protection controller would, once nobody is left. */
const removeGroup = async (name: string) => {
  const reference = { namespace: "default", name };
  await api.client.delete(PodGroup, reference);
  await api.client.patch(PodGroup, reference, { type: "merge", body: { metadata: { finalizers: null } } });
};

const TOO_FEW =
  "Unschedulable: pod group is unschedulable, waiting for minCount pods from a gang to be scheduled";
const FULL = (nodes: number) =>
  `Unschedulable: 0/${nodes} nodes are available: ${nodes} Insufficient cpu. no new claims to deallocate, ` +
  `preemption: 0/${nodes} nodes are available: ${nodes} No preemption victims found for incoming pod.`;
const SCHEDULED = ["PodGroupScheduled=True Scheduled: "];
const NOT_SCHEDULED = ["PodGroupScheduled=False Unschedulable: pod group is unschedulable"];

describe("held back", () => {
  test("pods wait for their group, then for each other, and are not looked at meanwhile", async () => {
    await node("n1", 8);
    await start();
    await pods("ring", "a b");
    await wait(600);
    await group("ring", 3);
    await wait(600);
    expect([await bound(), await why("a"), await eventsOf("a")]).toEqual(["", "nothing", []]);
    expect(await groupSays("ring")).toEqual([]);
    await pods("ring", "c");
    await wait(1);
    expect(await bound()).toBe("a b c");
    expect(await groupSays("ring")).toEqual(SCHEDULED);
  });

  test("a pod of its own is not held up", async () => {
    await node("n1", 8);
    await start();
    await group("ring", 3);
    await pods("ring", "a b");
    await pods("", "lone");
    await wait(1);
    expect(await bound()).toBe("lone");
  });

  test("a member that goes makes the others wait again; another of its name counts", async () => {
    await node("n1", 2);
    await start();
    await group("ring", 3);
    await pods("ring", "a b c");
    await wait(1);
    await remove("c");
    await node("n2", 8);
    await wait(60);
    expect(await bound()).toBe("");
    await pods("ring", "c");
    await wait(12);
    expect(await bound()).toBe("a b c");
  });

  test("scheduling gates hold back one, and with it all", async () => {
    await node("n1", 8);
    await start();
    await group("ring", 2);
    await pods("ring", "a");
    await pods("ring", "b", { schedulingGates: [{ name: "later" }] });
    await wait(60);
    expect([await bound(), await why("a")]).toEqual(["", TOO_FEW]);
    const body = { spec: { schedulingGates: null } };
    await api.client.patch(Pod, { namespace: "default", name: "b" }, { type: "merge", body });
    await wait(12);
    expect(await bound()).toBe("a b");
  });

  test("the pods of a group that is deleted wait until there is one of that name again", async () => {
    await node("n1", 1);
    await start();
    await group("ring", 2);
    await pods("ring", "a b");
    await wait(1);
    await removeGroup("ring");
    await node("n2", 8);
    await wait(60);
    expect(await bound()).toBe("");
    await group("ring", 2);
    await wait(12);
    expect(await bound()).toBe("a b");
  });
});

describe("all or none", () => {
  test("eight pods in room for five get nothing, and all of it when there is more", async () => {
    await node("n1", 5);
    await start();
    await group("ring", 8);
    await pods("ring", "a b c d e f g h");
    await wait(120);
    expect(await bound()).toBe("");
    expect([await why("a"), await why("e")]).toEqual([TOO_FEW, TOO_FEW]);
    expect([await why("f"), await why("h")]).toEqual([FULL(1), FULL(1)]);
    expect(await groupSays("ring")).toEqual(NOT_SCHEDULED);
    // Nothing is kept for it meanwhile.
    await pods("", "lone");
    await wait(1);
    expect(await bound()).toBe("lone");
    await node("n2", 4);
    await wait(12);
    expect(await bound()).toBe("a b c d e f g h lone");
    expect(await groupSays("ring")).toEqual(SCHEDULED);
  });

  test("members above minCount take what is left, and what comes later is said of themselves alone", async () => {
    await node("n1", 3);
    await start();
    await group("ring", 2);
    await pods("ring", "a b c d e");
    await wait(1);
    expect([await bound(), await why("d")]).toEqual(["a b c", FULL(1)]);
    expect(await groupSays("ring")).toEqual(SCHEDULED);
    await wait(60);
    expect(await groupSays("ring")).toEqual(SCHEDULED);
    await node("n2", 1);
    await wait(12);
    expect([await bound(), await groupSays("ring")]).toEqual(["a b c d", SCHEDULED]);
  });

  test("a replacement counts with those that run", async () => {
    await node("n1", 3);
    await start();
    await group("ring", 3);
    await pods("ring", "a b c");
    await wait(1);
    await remove("b");
    await pods("ring", "d");
    await wait(1);
    expect(await bound()).toBe("a c d");
  });

  test("two gangs that want the same room get it one after the other", async () => {
    await node("n1", 2);
    await node("n2", 2);
    await start();
    await group("red", 3);
    await group("blue", 3);
    await Promise.all(
      ["a", "b", "c"].map((one) => Promise.all([pods("red", `red-${one}`), pods("blue", `blue-${one}`)])),
    );
    await wait(30);
    const first = (await bound()).split("-")[0]!;
    expect(await bound()).toBe(`${first}-a ${first}-b ${first}-c`);
    for (const one of ["a", "b", "c"]) await remove(`${first}-${one}`);
    await wait(12);
    const second = first === "red" ? "blue" : "red";
    expect(await bound()).toBe(`${second}-a ${second}-b ${second}-c`);
  });

  test("the pods of a basic group come and go on their own", async () => {
    await node("n1", 2);
    await start();
    await group("loose", 0);
    await pods("loose", "a b c");
    await wait(1);
    expect([await bound(), await why("c")]).toEqual(["a b", FULL(1)]);
    expect(await groupSays("loose")).toEqual(SCHEDULED);
  });

  test("no nodes at all", async () => {
    await start();
    await group("ring", 2);
    await pods("ring", "a b");
    await wait(1);
    expect(await why("a")).toBe("Unschedulable: no nodes available to schedule pods");
    expect(await groupSays("ring")).toEqual(NOT_SCHEDULED);
    await node("n1", 2);
    await wait(12);
    expect(await bound()).toBe("a b");
  });

  test("pods of several schedulers are no group", async () => {
    await node("n1", 8);
    const gates = parseFeatureGates(BOTH);
    const profiles = [{ schedulerName: "A" }, { schedulerName: "B" }];
    const config = {
      apiVersion: "kubescheduler.config.k8s.io/v1",
      kind: "KubeSchedulerConfiguration",
      profiles,
    };
    scheduler = await startScheduler({
      ...api.parts,
      client: api.client,
      featureGates: gates,
      config: config as never,
      thread: "caller",
    });
    await group("ring", 2);
    await pods("ring", "a", { schedulerName: "A" });
    await pods("ring", "b", { schedulerName: "B" });
    await wait(1);
    const text =
      'SchedulerError: all pods in a single pod group should have the same .spec.schedulerName set, got: "B" and "A"';
    expect([await bound(), await why("a"), await why("b")]).toEqual(["", text, text]);
  });
});

describe("room that has to be made", () => {
  const low = { priorityClassName: "low" };
  const high = { priorityClassName: "high" };
  beforeEach(async () => {
    await api.client.create(PriorityClass, { metadata: { name: "low" }, value: 1 });
    await api.client.create(PriorityClass, { metadata: { name: "high" }, value: 1_000 });
    await start();
  });

  test("a gang that fits once others are gone has them go, and waits", async () => {
    await node("n1", 3);
    await pods("", "x y", low);
    await wait(1);
    await group("ring", 3);
    await pods("ring", "a b c", high);
    await wait(0);
    const waiting = "pod group is unschedulable, pod group is waiting for preemption to complete";
    expect(await groupSays("ring")).toEqual([`PodGroupScheduled=False Unschedulable: ${waiting}`]);
    expect(await why("a")).toBe(`Unschedulable: ${waiting}`);
    await wait(30);
    // Nobody but a kubelet ends the victims: until then all wait together.
    expect([await bound(), await leaving()]).toEqual(["x y", "x y"]);
    for (const victim of ["x", "y"]) await remove(victim);
    await wait(12);
    expect(await bound()).toBe("a b c");
    expect(await groupSays("ring")).toEqual(SCHEDULED);
  });

  test("a gang that would not fit even so has nobody go", async () => {
    await node("n1", 3);
    await pods("", "x y", low);
    await wait(1);
    await group("ring", 4);
    await pods("ring", "a b c d", high);
    await wait(60);
    expect([await bound(), await leaving()]).toEqual(["x y", ""]);
    expect(await groupSays("ring")).toEqual(NOT_SCHEDULED);
    expect([await why("a"), await why("b")]).toEqual([TOO_FEW, TOO_FEW]);
    expect((await all()).map(({ status }) => status?.nominatedNodeName).filter(Boolean)).toEqual([]);
  });
});

describe("what goes wrong", () => {
  test("an API server without the kinds is said to be one", async () => {
    api = await startVirtualApi();
    await expect(start()).rejects.toThrow(
      "the API server does not serve podgroups of scheduling.k8s.io/v1alpha2; start it with --runtime-config=",
    );
  });

  test("a binding that fails is that pod's own failure: the others stay, and it follows", async () => {
    await node("n1", 3);
    await start();
    let fails = 1;
    bindingFault = (name) => (name === "b" && fails-- > 0 ? new ApiError("InternalError", "no") : undefined);
    await group("ring", 3);
    await pods("ring", "a b c");
    await wait(0);
    expect([await bound(), await why("b")]).toEqual([
      "a c",
      'SchedulerError: running Bind plugin "DefaultBinder": no',
    ]);
    expect(await groupSays("ring")).toEqual(SCHEDULED);
    await wait(12);
    expect(await bound()).toBe("a b c");
  });

  test("a scheduler that starts anew counts what is bound", async () => {
    await node("n1", 2);
    await start();
    await group("ring", 2);
    await pods("ring", "a b");
    await wait(1);
    await scheduler?.stop();
    await remove("a");
    await pods("ring", "c");
    await start();
    await wait(1);
    expect(await bound()).toBe("b c");
  });

  test("without GangScheduling a group is a name and no more", async () => {
    await node("n1", 1);
    await start(parseFeatureGates("GenericWorkload=true"));
    await pods("ring", "a b");
    await wait(1);
    expect(await bound()).toBe("a");
  });

  test("without either gate nobody asks", async () => {
    await node("n1", 1);
    await start(parseFeatureGates(""));
    await pods("ring", "a b");
    await wait(1);
    expect([await bound(), await why("b")]).toEqual(["a", FULL(1)]);
  });
});
