import { expect, test } from "vitest";
import { VirtualClock } from "../../host/apimachinery/clock.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { startCluster } from "../../host/main.ts";
import { churn } from "./run.ts";

/** The short form of `npm run soak:churn`: a whole cluster in this process, minutes of its time in seconds of ours. */
test("no node is overcommitted, no rule broken and no pod lost in two minutes of churn", {
  timeout: 180_000,
}, async () => {
  const clock = new VirtualClock();
  const cluster = await startCluster({ nodes: 9, store: "memory", port: 0, seed: 3, clock });
  try {
    const summary = await churn({
      client: cluster.client,
      clock,
      random: seededRandom(11),
      seconds: 120,
      pods: 60,
      turnMs: 500,
      wait: (ms) => clock.advance(ms),
    });
    expect(summary.faults).toEqual([]);
    expect(summary.bindings).toBeGreaterThan(100);
    expect(summary.flaps).toBeGreaterThan(5);
  } finally {
    await cluster.stop();
  }
});
