import { describe, expect, test } from "vitest";
import type { V1Pod } from "../api/generated/types.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { createLogger } from "../apimachinery/log.ts";
import { PendingPods } from "./pending-pods.ts";
import { SchedulingQueue } from "./queue.ts";
import { QueueHeap } from "./queue-heap.ts";
import { goesFirst, newEntry } from "./queued-pod.ts";

const spec = { containers: [{ name: "c", resources: { requests: { cpu: "1" } } }] };
const pod = (name: string): V1Pod => ({ metadata: { name, namespace: "default", uid: name }, spec });
/** `SOAK=1` fills the queue as far as it goes. */
const MANY = process.env["SOAK"] === "1" ? 1_000_000 : 20_000;

const deletion = {
  resource: "AssignedPod",
  action: "Delete",
  old: { ...pod("gone"), spec: { ...spec, nodeName: "n1" } },
} as const;
const labelled = { resource: "Node", action: "UpdateNodeLabel", old: {}, object: {} } as const;

describe("a full queue", () => {
  test("refuses what is new, and takes what it knows", () => {
    const queue = new SchedulingQueue({ capacity: 2 });
    expect(["a", "b", "c", "a"].map((name) => queue.put(pod(name), 0))).toEqual([true, true, false, true]);
    queue.remove("default/a");
    expect(queue.put(pod("c"), 0)).toBe(true);
  });

  test("is said once, and filled again when there is room: no pod is lost", () => {
    const lines: string[] = [];
    const cluster = new Map(Array.from({ length: 25 }, (_, i) => [`default/p${i}`, pod(`p${i}`)]));
    const queue = new SchedulingQueue({ capacity: 10 });
    const pending = new PendingPods({
      queue,
      clock: new VirtualClock(),
      log: createLogger((line) => lines.push(line), "info"),
      isOurs: () => true,
      waiting: () => cluster.values(),
    });
    for (const one of cluster.values()) pending.put(one);
    expect(queue.size).toBe(10);
    const bound: string[] = [];
    for (let batch = queue.pop(3, 0); batch.length > 0; batch = queue.pop(3, 0)) {
      for (const { key } of batch) {
        bound.push(key);
        cluster.delete(key);
        queue.remove(key);
      }
      pending.refill();
    }
    expect([...new Set(bound)]).toHaveLength(25);
    expect(bound).toHaveLength(25);
    // Each filling leaves some out again, and says so.
    expect(lines.filter((line) => line.includes("queue is full")).length).toBeLessThanOrEqual(8);
    expect(lines[0]).toContain("capacity");
  });

  test(`an event looks at kinds of pods, not at ${MANY} of them`, () => {
    const queue = new SchedulingQueue();
    for (let i = 0; i < MANY; i++) queue.put(pod(`p${i}`), 0);
    for (let batch = queue.pop(1000, 0); batch.length > 0; batch = queue.pop(1000, 0))
      for (const entry of batch) queue.rejected(entry, ["NodeResourcesFit"], 0);
    expect(queue.pending).toEqual({ active: 0, backoff: 0, unschedulable: MANY, gated: 0 });
    let asked = 0;
    const counting = new Proxy(labelled, {
      get: (target, field) => {
        if (field === "resource") asked++;
        return Reflect.get(target, field);
      },
    });
    queue.happened(counting, 0);
    expect(asked).toBeLessThan(20);
    queue.happened(deletion, 20_000);
    expect(queue.pending).toMatchObject({ active: MANY, unschedulable: 0 });
  });
});

describe("a heap", () => {
  test("forgets the seats of those that have moved on", () => {
    const heap = new QueueHeap(goesFirst);
    const first = newEntry(pod("first"), 0, 0);
    heap.push(first);
    for (let i = 1; i <= 5_000; i++) {
      const entry = newEntry(pod(`p${i}`), i, i);
      heap.push(entry);
      entry.ticket++;
      heap.left();
    }
    expect(heap.size).toBe(1);
    expect(heap.pop()).toBe(first);
    expect(heap.pop()).toBeUndefined();
  });

  test("keeps its order when a pod that moved on changes", () => {
    const heap = new QueueHeap(goesFirst);
    const entries = [0, 1, 2, 3].map((i) => newEntry(pod(`p${i}`), i, i));
    for (const entry of entries) heap.push(entry);
    const [, moved] = entries;
    moved!.ticket++;
    heap.left();
    moved!.timestampMs = 1_000;
    expect([heap.pop(), heap.pop(), heap.pop()].map((entry) => entry?.key)).toEqual([
      "default/p0",
      "default/p2",
      "default/p3",
    ]);
  });
});

test("events while pods are in flight are kept up to a bound; beyond it every pod comes back", () => {
  const queue = new SchedulingQueue();
  queue.put(pod("a"), 0);
  const [entry] = queue.pop(1, 0);
  for (let i = 0; i < 70_000; i++) queue.happened(labelled, 0);
  queue.rejected(entry!, ["NodeResourcesFit"], 0);
  expect(queue.placeOf("default/a")).toBe("backoff");
});
