import { describe, expect, test } from "vitest";
import type { V1Pod } from "../api/generated/types.ts";
import type { ClusterEvent, EventAction, EventResource } from "./cluster-events.ts";
import { Heap } from "./heap.ts";
import { type QueuedPod, SchedulingQueue } from "./queue.ts";

/** A pod is written "name" or "name/priority". */
function pod(text: string, more: Partial<V1Pod["spec"]> = {}): V1Pod {
  const [name = "", priority = "0"] = text.split("/");
  return {
    metadata: { name, uid: `uid-${name}` },
    spec: {
      priority: Number(priority),
      containers: [{ name: "c", ports: [{ containerPort: 80, hostPort: 80 }] }],
      nodeSelector: { disk: "ssd" },
      ...more,
    },
  };
}

/**
 * Plays a script, one step a word; what each `pop` takes is the result.
 *
 *   +a/5        put pod a of priority 5          -a            remove it
 *   pop, pop2   take up to 9, or 2               a!fit         what was popped is rejected by a plugin
 *   a!error     something went wrong with it     NodeAdd       the event happens
 *   @12.5       the clock shows 12.5 s and ticks
 */
function play(script: string, queue = new SchedulingQueue()): string[] {
  const popped = new Map<string, QueuedPod>();
  const taken: string[] = [];
  let nowMs = 0;
  for (const step of script.split(/\s+/)) {
    const [, name = "", how = ""] = /^(\w+)!(\w+)$/.exec(step) ?? [];
    if (step.startsWith("+")) queue.put(pod(step.slice(1)), nowMs);
    else if (step.startsWith("-")) queue.remove(step.slice(1));
    else if (step.startsWith("@")) {
      nowMs = Number(step.slice(1)) * 1000;
      queue.tick(nowMs);
    } else if (step.startsWith("pop")) {
      const batch = queue.pop(Number(step.slice(3)) || 9, nowMs);
      for (const entry of batch) popped.set(entry.key, entry);
      taken.push(batch.map((entry) => entry.key).join(" "));
    } else if (how === "error") queue.failed(popped.get(name)!, nowMs);
    else if (how !== "") queue.rejected(popped.get(name)!, PLUGINS[how]!, nowMs);
    else queue.happened(event(step), nowMs);
  }
  return taken;
}

const PLUGINS: Record<string, readonly string[]> = {
  fit: ["NodeResourcesFit"],
  ports: ["NodePorts"],
  label: ["NodeAffinity"],
  taint: ["TaintToleration"],
  both: ["NodeAffinity", "NodeResourcesFit"],
  other: ["Extender"],
};

/** `NodeAdd`, `AssignedPodDelete`: with objects that help whoever listens to such an event. */
function event(name: string): ClusterEvent {
  const [, resource = "", action = ""] = /^(Node|AssignedPod)(.*)$/.exec(name) ?? [];
  const node = (disk: string, cpu: string) => ({
    metadata: { name: "n1", labels: { disk } },
    status: { allocatable: { cpu, memory: "8Gi", pods: "110" } },
  });
  const gone = pod("gone", {
    nodeName: "n1",
    containers: [{ name: "c", ports: [{ containerPort: 80, hostPort: 80 }] }],
  });
  const isNode = resource === "Node";
  return {
    resource: resource as EventResource,
    action: action as EventAction,
    old: action === "Add" ? undefined : isNode ? node("hdd", "1") : gone,
    object: action === "Delete" ? undefined : isNode ? node("ssd", "8") : gone,
  };
}

describe("order", () => {
  test.each([
    { name: "higher priority first", script: "+a/1 +b/5 +c/3 pop", wants: ["b c a"] },
    { name: "then the earlier", script: "+a @1 +b @0.5 +c pop", wants: ["a c b"] },
    { name: "then the order of arrival", script: "+z +a +m pop", wants: ["z a m"] },
    { name: "a batch ends at its bound", script: "+a +b +c pop2 pop", wants: ["a b", "c"] },
    { name: "a pod that was removed is not taken", script: "+a +b -a pop", wants: ["b"] },
    { name: "a pod in flight is not taken twice", script: "+a pop pop", wants: ["a", ""] },
    { name: "a change does not queue it twice", script: "+a +a pop pop", wants: ["a", ""] },
    {
      name: "a retried pod goes behind those that came meanwhile",
      script: "+a pop +b a!fit NodeAdd @9 pop",
      wants: ["a", "b a"],
    },
  ])("$name", ({ script, wants }) => {
    expect(play(script)).toEqual(wants);
  });
});

describe("coming back", () => {
  test.each([
    { name: "a rejected pod waits", script: "+a pop a!fit @60 pop", wants: ["a", ""] },
    { name: "until something helps", script: "+a pop a!fit @60 NodeAdd pop", wants: ["a", "a"] },
    {
      name: "not for what cannot help",
      script: "+a pop a!fit @60 NodeUpdateNodeLabel AssignedPodAdd pop",
      wants: ["a", ""],
    },
    {
      name: "a label helps who asked for one",
      script: "+a pop a!label @60 NodeUpdateNodeLabel pop",
      wants: ["a", "a"],
    },
    {
      name: "one of two plugins is enough",
      script: "+a pop a!both @60 NodeUpdateNodeLabel pop",
      wants: ["a", "a"],
    },
    {
      name: "an end of a pod frees ports",
      script: "+a pop a!ports @60 AssignedPodDelete pop",
      wants: ["a", "a"],
    },
    {
      name: "an end of a pod frees no taint",
      script: "+a pop a!taint @60 AssignedPodDelete pop",
      wants: ["a", ""],
    },
    {
      name: "whatever happens helps an unknown reason",
      script: "+a pop a!other @60 NodeUpdateNodeAnnotation pop",
      wants: ["a", "a"],
    },
    {
      name: "an event while it was in flight counts",
      script: "+a pop NodeAdd a!fit @60 pop",
      wants: ["a", "a"],
    },
    {
      name: "an event before it was taken does not",
      script: "+a NodeAdd pop a!fit @60 pop",
      wants: ["a", ""],
    },
    { name: "by itself after five minutes", script: "+a pop a!fit @300 pop @330 pop", wants: ["a", "", "a"] },
    {
      name: "a pod removed in flight does not come back",
      script: "+a pop -a a!fit NodeAdd @60 pop",
      wants: ["a", ""],
    },
    {
      name: "an idle queue cuts the backoff of a rejected pod short",
      script: "+a pop a!fit NodeAdd pop",
      wants: ["a", "a"],
    },
    { name: "a busy one does not", script: "+a pop a!fit NodeAdd +b pop pop", wants: ["a", "b", "a"] },
  ])("$name", ({ script, wants }) => {
    expect(play(script)).toEqual(wants);
  });
});

describe("backoff after errors", () => {
  test.each([
    { name: "is served in full", script: "+a pop a!error @0.9 pop @1 pop @2 pop", wants: ["a", "", "", "a"] },
    { name: "doubles", script: "+a pop a!error @2 pop a!error @4 pop @5 pop", wants: ["a", "a", "", "a"] },
    {
      name: "ends at 10 s",
      script:
        "+a pop a!error @100 pop a!error @200 pop a!error @300 pop a!error @400 pop a!error @500 pop a!error @510 pop @511 pop",
      wants: ["a", "a", "a", "a", "a", "a", "", "a"],
    },
    {
      name: "starts again after a rejection",
      script: "+a pop a!error @100 pop a!fit NodeAdd @101 pop a!error @103 pop",
      wants: ["a", "a", "a", "a"],
    },
    { name: "is not cut short by events", script: "+a pop a!error NodeAdd pop", wants: ["a", ""] },
  ])("$name", ({ script, wants }) => {
    expect(play(script)).toEqual(wants);
  });
});

describe("changes of a waiting pod", () => {
  const gate = { schedulingGates: [{ name: "g" }] };
  test("a gated pod is not taken before its gates are gone", () => {
    const queue = new SchedulingQueue();
    queue.put(pod("a", gate), 0);
    queue.happened(event("NodeAdd"), 0);
    expect([queue.placeOf("a"), queue.pop(9, 0)]).toEqual(["gated", []]);
    queue.put(pod("a"), 0);
    expect(queue.pop(9, 0)[0]?.attempts).toBe(1);
  });

  test.each([
    { name: "its tolerations", changed: pod("a", { tolerations: [{ key: "k" }] }), wants: "backoff" },
    { name: "its status", changed: { ...pod("a"), status: { phase: "Pending" } }, wants: "unschedulable" },
  ])("$name: $wants", ({ changed, wants }) => {
    const queue = new SchedulingQueue();
    queue.put(pod("a"), 0);
    queue.rejected(queue.pop(1, 0)[0]!, ["TaintToleration"], 0);
    queue.put(changed, 0);
    expect(queue.placeOf("a")).toBe(wants);
  });

  test("another pod of that name starts anew, and voids the one in flight", () => {
    const queue = new SchedulingQueue();
    queue.put(pod("a"), 0);
    const [first] = queue.pop(1, 0);
    queue.put({ ...pod("a"), metadata: { name: "a", uid: "second" } }, 0);
    queue.failed(first!, 0);
    expect(first?.place).toBe("gone");
    expect(queue.pop(9, 0).map((entry) => entry.uid)).toEqual(["second"]);
  });
});

test("it says when it next has something to do", () => {
  const queue = new SchedulingQueue();
  expect(queue.nextTickMs(0)).toBeUndefined();
  queue.put(pod("a"), 0);
  queue.failed(queue.pop(1, 0)[0]!, 250);
  expect(queue.nextTickMs(250)).toBe(750);
});

test("a heap gives back in order what it was given in any", () => {
  const heap = new Heap<number>((a, b) => a < b);
  const given = Array.from({ length: 100 }, (_, i) => (i * 37) % 101);
  for (const number of given) heap.push(number);
  const taken = Array.from({ length: 100 }, () => heap.pop());
  expect(taken).toEqual([...given].sort((a, b) => a - b));
  expect(heap.pop()).toBeUndefined();
});
