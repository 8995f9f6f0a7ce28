import { afterEach, expect, test } from "vitest";
import type { V1Node, V1Pod } from "../../api/generated/types.ts";
import { SystemClock, sleep } from "../../apimachinery/clock.ts";
import { createScheduler, type Decision, type Scheduler } from "../library.ts";

let scheduler: Scheduler | undefined;
afterEach(() => scheduler?.close());

/** `"n1:3 n2:1"`: nodes with so many cores. */
async function open(nodes: string): Promise<Scheduler> {
  scheduler = await createScheduler({ thread: "caller", flavour: "debug" });
  for (const [name, cpu] of nodes.split(" ").map((one) => one.split(":"))) {
    const allocatable = { cpu: cpu!, memory: "8Gi", pods: "110" };
    scheduler.addNode({ metadata: { name: name! }, status: { allocatable } } as V1Node);
  }
  return scheduler;
}

/** `"a b"`: pods of one core; `"a:9"` of priority 9, `"a!"` of a spec that cannot be read. */
const pods = (text: string): V1Pod[] =>
  text.split(" ").map((one) => {
    const [, name, priority, broken] = /^(\w+)(?::(\d+))?(!)?$/.exec(one)!;
    const cpu = broken ? "much" : "1";
    return {
      metadata: { name: name!, namespace: "default" },
      spec: {
        priority: Number(priority ?? 0),
        containers: [{ name: "c", resources: { requests: { cpu } } }],
      },
    };
  });
/** `a-n1 b-`: who got which node. */
const inWords = (decisions: readonly Decision[]) =>
  decisions.map(({ pod, node }) => `${pod.replace("default/", "")}-${node ?? ""}`).join(" ");
const messages = (decisions: readonly Decision[]) =>
  decisions.map((one) => (one.node === null ? one.message.split(" no new claims")[0] : "placed"));

const TOO_FEW = "pod group is unschedulable, waiting for minCount pods from a gang to be scheduled";
const FULL = "0/1 nodes are available: 1 Insufficient cpu.";

test.each([
  { name: "all fit", nodes: "n1:3", gang: "a b c", minCount: 3, wants: "a-n1 b-n1 c-n1" },
  { name: "too few fit", nodes: "n1:2", gang: "a b c", minCount: 3, wants: "a- b- c-" },
  { name: "enough fit, some do not", nodes: "n1:2", gang: "a b c", minCount: 2, wants: "a-n1 b-n1 c-" },
  { name: "others run already", nodes: "n1:1", gang: "a", minCount: 3, placed: 2, wants: "a-n1" },
  { name: "too few run already", nodes: "n1:1", gang: "a", minCount: 3, placed: 1, wants: "a-" },
  { name: "no node at all", nodes: "n1:0", gang: "a b", minCount: 1, wants: "a- b-" },
  { name: "one cannot be read", nodes: "n1:9", gang: "a b! c", minCount: 1, wants: "a- b- c-" },
])("$name", async ({ nodes, gang, minCount, placed, wants }) => {
  const one = await open(nodes);
  const before = placed === undefined ? {} : { placed };
  expect(inWords(await one.scheduleGroup(pods(gang), { minCount, ...before }))).toBe(wants);
});

test("says why, and keeps nothing of a gang that is not placed", async () => {
  const one = await open("n1:2");
  expect(messages(await one.scheduleGroup(pods("a b c"), { minCount: 3 }))).toEqual([TOO_FEW, TOO_FEW, FULL]);
  expect(inWords(await one.schedule(pods("x y z")))).toBe("x-n1 y-n1 z-");
});

test("what went wrong with one is what the others are told", async () => {
  const one = await open("n1:9");
  const [a, b] = messages(await one.scheduleGroup(pods("a b!"), { minCount: 1 }));
  expect(a).toBe(`failed to schedule other pod from a pod group: ${b}`);
  expect(inWords(await one.schedule(pods("x")))).toBe("x-n1");
});

test("two gangs asked for at once do not share the room", async () => {
  const one = await open("n1:2 n2:2");
  const gangs = await Promise.all([
    one.scheduleGroup(pods("a b c"), { minCount: 3 }),
    one.scheduleGroup(pods("x y z"), { minCount: 3 }),
  ]);
  expect(gangs.map((gang) => gang.filter(({ node }) => node !== null).length)).toEqual([3, 0]);
});

test("a gang for which others would have to go waits whole, and is nominated to its nodes", async () => {
  const one = await open("n1:3");
  one.addPod({ ...pods("low")[0]!, spec: { ...pods("low")[0]!.spec!, nodeName: "n1" } });
  const waiting = "pod group is unschedulable, pod group is waiting for preemption to complete";
  const decisions = await one.scheduleGroup(pods("a:9 b:9 c:9"), { minCount: 3 });
  expect(messages(decisions)).toEqual([waiting, waiting, FULL]);
  expect(decisions[2]).toMatchObject({ preemption: { node: "n1", victims: ["default/low"] } });
  // The room is kept.
  expect(inWords(await one.schedule(pods("other")))).toBe("other-");
  one.removePod("default", "low");
  expect(inWords(await one.scheduleGroup(pods("a:9 b:9 c:9"), { minCount: 3 }))).toBe("a-n1 b-n1 c-n1");
});

test("a gang that would not fit even so asks for nobody, and keeps no room", async () => {
  const one = await open("n1:3");
  one.addPod({ ...pods("low")[0]!, spec: { ...pods("low")[0]!.spec!, nodeName: "n1" } });
  const decisions = await one.scheduleGroup(pods("a:9 b:9 c:9 d:9"), { minCount: 4 });
  expect(decisions.filter((decision) => "preemption" in decision)).toEqual([]);
  expect(inWords(await one.schedule(pods("x y z")))).toBe("x-n1 y-n1 z-");
});

test("one that is closed at once, with a gang's placements still being taken back in its worker", async () => {
  for (let tries = 0; tries < 3; tries++) {
    const one = await createScheduler();
    const allocatable = { cpu: "2999", memory: "64Gi", pods: "9999" };
    one.addNode({ metadata: { name: "n1" }, status: { allocatable } } as V1Node);
    const names = Array.from({ length: 3_000 }, (_, i) => `p${i}`).join(" ");
    const decisions = await one.scheduleGroup(pods(names), { minCount: 3_000 });
    expect(decisions.filter(({ node }) => node !== null)).toEqual([]);
    await one.close();
  }
  // What the worker still says would end this process.
  await sleep(new SystemClock(), 50);
});
