import { expect, test } from "vitest";
import * as kinds from "../../host/api/registry.ts";
import { VirtualClock } from "../../host/apimachinery/clock.ts";
import { createLogger } from "../../host/apimachinery/log.ts";
import { startCluster } from "../../host/main.ts";

/** ARCHITECTURE.md, "One Pod, from POST to Running": each step leaves a line with the pod's uid and a growing revision. */
test("one Pod can be followed through the log", async () => {
  const lines: string[] = [];
  const clock = new VirtualClock();
  const log = createLogger((line) => lines.push(line), "debug");
  const cluster = await startCluster({ nodes: 2, seed: 1, clock, log });
  try {
    const pod = await cluster.client.create(kinds.Pod, {
      metadata: { name: "traced", namespace: "default" },
      spec: { containers: [{ name: "c", image: "nginx" }] },
    });
    await clock.advance(10_000);
    await cluster.client.delete(kinds.Pod, { namespace: "default", name: "traced" });
    await clock.advance(60_000);
    const told = lines.filter((line) => line.includes(`uid=${pod.metadata?.uid}`));
    const steps = told.map((line) =>
      line
        .split(" ")
        .slice(1, -1)
        .join(" ")
        .replace(/ (?:key|pod|uid)=.*/, ""),
    );
    // The kubelet speaks of a stage once it is written.
    expect(steps.filter((step, i) => step !== steps[i - 1])).toEqual([
      "apiserver created",
      "apiserver updated",
      "scheduler bound pod",
      "apiserver updated",
      "kubelet pod-start",
      "apiserver updated",
      "kubelet pod-ready",
      "apiserver updated",
      "kubelet pod-terminate",
      "apiserver updated",
      "kubelet pod-stop",
      "apiserver removed",
      "kubelet pod-delete",
    ]);
    const revisions = told.map((line) => Number(/revision=(\d+)/.exec(line)?.[1]));
    // The last line is about a Pod that is gone: it has no revision any more.
    expect(revisions.slice(0, -1).every((revision) => revision > 0)).toBe(true);
    const written = told
      .filter((line) => line.includes(" apiserver "))
      .map((line) => Number(/revision=(\d+)/.exec(line)?.[1]));
    expect(written).toEqual([...written].sort((a, b) => a - b));
  } finally {
    await cluster.stop();
  }
});
