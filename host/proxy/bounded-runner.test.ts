import { expect, test } from "vitest";
import { sleep, VirtualClock } from "../apimachinery/clock.ts";
import { BoundedRunner } from "./bounded-runner.ts";

/** Runs take 2 s; at least 10 s lie between them, at most 100 s. */
function runner(results: readonly boolean[] = []) {
  const clock = new VirtualClock(0);
  const starts: number[] = [];
  const bounded = new BoundedRunner({
    clock,
    minIntervalMs: 10_000,
    maxIntervalMs: 100_000,
    firstRetryMs: 20_000,
    maxRetryMs: 50_000,
    run: async () => {
      starts.push(clock.nowMs() / 1_000);
      const result = results[starts.length - 1] ?? true;
      await sleep(clock, 2_000);
      return result;
    },
  });
  return { clock, starts, bounded };
}

test("requests that come together, while it runs or too soon are met by one run", async () => {
  const { clock, starts, bounded } = runner();
  void bounded.start();
  for (let i = 0; i < 40; i++) {
    bounded.request();
    await clock.advance(500);
  }
  // From the end of one at 2 s, 14 s: 10 s later.
  expect(starts).toEqual([0, 12]);
  await clock.advance(10_000);
  expect(starts).toEqual([0, 12, 24]);
  await bounded.stop();
});

test("without a request it runs after the longest interval", async () => {
  const { clock, starts, bounded } = runner();
  void bounded.start();
  await clock.advance(250_000);
  expect(starts).toEqual([0, 102, 204]);
  bounded.request();
  await clock.advance(1);
  expect(starts).toEqual([0, 102, 204, 250]);
});

test("after a failure it comes again, later each time, and as soon as may be when asked", async () => {
  const { clock, starts, bounded } = runner([false, false, false, false]);
  void bounded.start();
  await clock.advance(170_000);
  expect(starts).toEqual([0, 22, 64, 116, 168]);
  const asked = runner([false]);
  void asked.bounded.start();
  await asked.clock.advance(3_000);
  asked.bounded.request();
  await asked.clock.advance(30_000);
  expect(asked.starts).toEqual([0, 12]);
});

test("stopped, it runs no more", async () => {
  const { clock, starts, bounded } = runner();
  void bounded.start();
  bounded.request();
  const stopped = bounded.stop();
  await clock.advance(500_000);
  await stopped;
  bounded.request();
  await clock.advance(500_000);
  expect(starts).toEqual([0]);
});
