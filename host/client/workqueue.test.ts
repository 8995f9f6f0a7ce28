import { expect, test } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { Workqueue } from "./workqueue.ts";

async function take(queue: Workqueue, count: number): Promise<(string | undefined)[]> {
  const taken = [];
  for (let i = 0; i < count; i++) taken.push(await queue.get());
  return taken;
}

test("a key waits once, in order of arrival", async () => {
  const queue = new Workqueue({ clock: new VirtualClock() });
  for (const key of ["a", "b", "a", "c"]) queue.add(key);
  expect(queue.length).toBe(3);
  expect(await take(queue, 3)).toEqual(["a", "b", "c"]);
});

test("a key in work is handed out again only when it is done", async () => {
  const queue = new Workqueue({ clock: new VirtualClock() });
  queue.add("a");
  await queue.get();
  queue.add("a");
  expect(queue.length).toBe(0);
  queue.done("a");
  expect(await take(queue, 1)).toEqual(["a"]);
  queue.done("a");
  expect(queue.length).toBe(0);
});

test("a worker that waits is given the next key", async () => {
  const queue = new Workqueue({ clock: new VirtualClock() });
  const taken = queue.get();
  queue.add("a");
  expect(await taken).toBe("a");
});

test("of two delays the earlier holds", async () => {
  const clock = new VirtualClock();
  const queue = new Workqueue({ clock });
  queue.addAfter("late then early", 100);
  queue.addAfter("late then early", 10);
  queue.addAfter("early then late", 10);
  queue.addAfter("early then late", 100);
  await clock.advance(9);
  expect(queue.length).toBe(0);
  await clock.advance(1);
  expect(queue.length).toBe(2);
  expect(await take(queue, 2)).toEqual(["late then early", "early then late"]);
  queue.done("early then late");
  queue.done("late then early");
  await clock.advance(200);
  expect(queue.length).toBe(0);
});

test("rate limited: 5 ms doubling to 1000 s, until forgotten", async () => {
  const clock = new VirtualClock();
  const queue = new Workqueue({ clock });
  const delays: number[] = [];
  for (let i = 0; i < 20; i++) {
    const startMs = clock.nowMs();
    queue.addRateLimited("a");
    await clock.advanceUntil(() => queue.length > 0, 2_000_000);
    delays.push(clock.nowMs() - startMs);
    await queue.get();
    queue.done("a");
  }
  expect(delays.slice(0, 4)).toEqual([5, 10, 20, 40]);
  expect(delays.at(-1)).toBe(1_000_000);
  queue.forget("a");
  expect(queue.failures("a")).toBe(0);
});

test("a full queue refuses new keys, not those it knows", () => {
  const queue = new Workqueue({ clock: new VirtualClock(), capacity: 2 });
  expect([
    queue.add("a"),
    queue.addAfter("b", 5),
    queue.add("c"),
    queue.add("a"),
    queue.addAfter("c", 5),
  ]).toEqual([true, true, false, true, false]);
});

test("closing answers waiting workers with undefined and forgets timers", async () => {
  const clock = new VirtualClock();
  const queue = new Workqueue({ clock });
  const taken = queue.get();
  queue.addAfter("a", 5);
  queue.close();
  expect(await taken).toBeUndefined();
  await clock.advance(10);
  expect([queue.length, queue.add("b")]).toEqual([0, false]);
});
