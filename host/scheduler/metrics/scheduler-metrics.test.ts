import { afterEach, beforeEach, expect, test } from "vitest";
import { startVirtualApi, type VirtualApi, watchWrites } from "../../../test/virtual-api.ts";
import { Node, Pod, PriorityClass } from "../../api/registry.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { MetricsRegistry } from "../../apimachinery/metrics/registry.ts";
import { startScheduler } from "../component.ts";
import { SchedulerMetrics } from "./scheduler-metrics.ts";

/** The scheduler over the real API server and the real core, under virtual time. */
let api: VirtualApi;
let registry: MetricsRegistry;
let metrics: SchedulerMetrics;
let scheduler: { stop(): Promise<void> };
let fault: ApiError | undefined;

const start = () =>
  startScheduler({
    ...api.parts,
    client: watchWrites(api.client, (write) => (write === "createSubresource Pod" ? fault : undefined)),
    thread: "caller",
    metrics,
  });

beforeEach(async () => {
  api = await startVirtualApi();
  fault = undefined;
  registry = new MetricsRegistry();
  metrics = new SchedulerMetrics(registry, api.clock);
  scheduler = await start();
});
afterEach(() => scheduler.stop());

const node = (name: string, cpu: string) => {
  const room = { cpu, memory: "1Gi", pods: "10" };
  return api.client.create(Node, { metadata: { name }, status: { capacity: room, allocatable: room } });
};
const pod = (name: string, cpu: string, more: object = {}) =>
  api.client.create(Pod, {
    metadata: { name, namespace: "default" },
    spec: { containers: [{ name: "web", image: "nginx", resources: { requests: { cpu } } }], ...more },
  });

/** What the page says, without help, types and buckets, of metrics whose name matches; nothing that is 0. */
function said(names: RegExp): string[] {
  return registry
    .expose()
    .split("\n")
    .filter((line) => !line.startsWith("#") && !line.includes("_bucket") && !/ 0$/.test(line))
    .filter((line) => names.test(line))
    .map((line) => line.replace("scheduler_", ""));
}

test("attempts, by what came of them", async () => {
  await pod("early", "100m"); // no node at all
  await api.clock.advance(100);
  await node("n1", "1");
  await api.clock.advance(3_000);
  fault = new ApiError("InternalError", "no");
  await pod("unlucky", "100m");
  await api.clock.advance(100);
  await pod("large", "2");
  await api.clock.advance(100);
  expect(said(/^scheduler_schedule_attempts_total/)).toEqual([
    'schedule_attempts_total{result="scheduled",profile="default-scheduler"} 1',
    'schedule_attempts_total{result="unschedulable",profile="default-scheduler"} 2',
    'schedule_attempts_total{result="error",profile="default-scheduler"} 1',
  ]);
  expect(said(/attempt_duration_seconds_count|_sli_.*count|attempts_(sum|count)/)).toEqual([
    "pod_scheduling_attempts_sum 2",
    "pod_scheduling_attempts_count 1",
    'pod_scheduling_sli_duration_seconds_count{attempts="2"} 1',
    'scheduling_attempt_duration_seconds_count{result="scheduled",profile="default-scheduler"} 1',
    'scheduling_attempt_duration_seconds_count{result="unschedulable",profile="default-scheduler"} 2',
    'scheduling_attempt_duration_seconds_count{result="error",profile="default-scheduler"} 1',
  ]);
  // From when it was first ready, through its backoff of a second, counted in whole ones.
  expect(registry.expose()).toMatch(/sli_duration_seconds_sum\{attempts="2"\} [12](\.\d+)?\n/);
  expect(said(/extension_point.*count/)).toEqual([
    'framework_extension_point_duration_seconds_count{extension_point="Bind",status="Success",profile="default-scheduler"} 1',
    'framework_extension_point_duration_seconds_count{extension_point="Bind",status="Error",profile="default-scheduler"} 1',
  ]);
});

test("who waits where, why it came there, and what the cache holds", async () => {
  await node("n1", "1");
  await pod("placed", "500m");
  await pod("large", "2");
  await pod("gated", "100m", { schedulingGates: [{ name: "g" }] });
  await api.clock.advance(100);
  expect(said(/pending_pods|cache_size|unschedulable_pods|incoming/)).toEqual([
    'cache_size{type="nodes"} 1',
    'cache_size{type="pods"} 1',
    'pending_pods{queue="unschedulable"} 1',
    'pending_pods{queue="gated"} 1',
    'queue_incoming_pods_total{queue="active",event="UnschedulablePodAdd"} 2',
    'queue_incoming_pods_total{queue="unschedulable",event="ScheduleAttemptFailure"} 1',
    'unschedulable_pods{plugin="NodeResourcesFit",profile="default-scheduler"} 1',
  ]);
  await node("n2", "4");
  await api.clock.advance(3_000);
  expect(said(/pending_pods|cache_size|unschedulable_pods|incoming.*NodeAdd/)).toEqual([
    'cache_size{type="nodes"} 2',
    'cache_size{type="pods"} 2',
    'pending_pods{queue="gated"} 1',
    'queue_incoming_pods_total{queue="backoff",event="NodeAdd"} 1',
  ]);
});

test("a pod on its way is assumed until the API shows it", async () => {
  await node("n1", "1");
  fault = new ApiError("InternalError", "no");
  await pod("a", "500m");
  await api.clock.advance(100);
  expect(said(/cache_size/)).toEqual(['cache_size{type="nodes"} 1']);
  fault = undefined;
  await api.clock.advance(5_000);
  expect(said(/cache_size/)).toEqual(['cache_size{type="nodes"} 1', 'cache_size{type="pods"} 1']);
});

test("preemption: asked by every pod that fits nowhere, and whom it removed", async () => {
  await node("n1", "1");
  await api.client.create(PriorityClass, { metadata: { name: "high" }, value: 10 });
  await pod("low", "800m");
  await api.clock.advance(100);
  await pod("high", "800m", { priorityClassName: "high" });
  await pod("large", "3");
  await api.clock.advance(100);
  expect(said(/preemption/).filter((line) => !line.includes("duration_seconds_sum"))).toEqual([
    "preemption_attempts_total 2",
    'preemption_goroutines_duration_seconds_count{result="success"} 1',
    'preemption_goroutines_execution_total{result="success"} 1',
    "preemption_victims_sum 1",
    "preemption_victims_count 1",
  ]);
});

test("what was counted goes on when another scheduler takes its turn in the process", async () => {
  await node("n1", "1");
  await pod("a", "100m");
  await api.clock.advance(100);
  await scheduler.stop();
  scheduler = await start();
  await pod("b", "100m");
  await api.clock.advance(100);
  expect(said(/schedule_attempts_total|cache_size\{type="pods/)).toEqual([
    'cache_size{type="pods"} 2',
    'schedule_attempts_total{result="scheduled",profile="default-scheduler"} 2',
  ]);
});
