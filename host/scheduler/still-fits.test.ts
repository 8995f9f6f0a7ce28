import { afterEach, beforeEach, expect, test } from "vitest";
import type { V1Pod } from "../api/generated/types.ts";
import type { DecidingScheduler } from "./deciding-scheduler.ts";
import { createDecidingScheduler } from "./library.ts";

/** Whether a pod that was placed on n1 (2 cpu, 1 GiB, 3 pods) may still be bound after others came there. */
let core: DecidingScheduler;

beforeEach(async () => {
  const plugins = { multiPoint: { disabled: [{ name: "NodeResourcesFit" }] } };
  const config = {
    apiVersion: "kubescheduler.config.k8s.io/v1",
    kind: "KubeSchedulerConfiguration",
    profiles: [{ schedulerName: "default-scheduler" }, { schedulerName: "careless", plugins }],
  };
  core = await createDecidingScheduler({ thread: "caller", config });
  core.addNode({ metadata: { name: "n1" }, status: { allocatable: { cpu: "2", memory: "1Gi", pods: "3" } } });
});
afterEach(() => core.close());

/** `1 100Mi` */
function pod(name: string, asks: string, more: Partial<V1Pod["spec"]> = {}): V1Pod {
  const [cpu = "", memory = ""] = asks.split(" ");
  const requests = { ...(cpu && { cpu }), ...(memory && { memory }) };
  return {
    metadata: { name, namespace: "default", uid: name },
    spec: { containers: [{ name: "c", resources: { requests } }], ...more },
  };
}

test.each<{ name: string; asks: string; others: string[]; fits: boolean; profile?: string }>([
  { name: "alone", asks: "2 1Gi", others: [], fits: true },
  { name: "beside one that leaves enough", asks: "1 512Mi", others: ["1 512Mi"], fits: true },
  { name: "cpu is short", asks: "1 512Mi", others: ["1001m"], fits: false },
  { name: "memory is short", asks: "1 513Mi", others: ["0 512Mi"], fits: false },
  { name: "what it does not ask for does not matter", asks: "", others: ["3 2Gi"], fits: true },
  { name: "one pod too many", asks: "", others: ["", "", ""], fits: false },
  { name: "a profile that does not look", asks: "1", others: ["2"], fits: true, profile: "careless" },
])("$name", async ({ asks, others, fits, profile }) => {
  const ours = pod("ours", asks, profile === undefined ? {} : { schedulerName: profile });
  expect(await core.decide([ours])).toMatchObject([{ node: "n1" }]);
  others.forEach((other, i) => {
    core.addPod(pod(`other-${i}`, other, { nodeName: "n1" }));
  });
  expect(core.stillFits(ours)).toBe(fits);
});

test("a node that shrinks, one that is gone, and a pod that was never placed", async () => {
  const ours = pod("ours", "1");
  expect(core.stillFits(ours)).toBe(true);
  await core.decide([ours]);
  core.updateNode({ metadata: { name: "n1" }, status: { allocatable: { cpu: "500m", pods: "3" } } });
  expect(core.stillFits(ours)).toBe(false);
  core.removeNode("n1");
  expect(core.stillFits(ours)).toBe(true);
});
