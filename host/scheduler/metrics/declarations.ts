import { exponentialBuckets } from "../../apimachinery/metrics/metrics.ts";
import type { MetricsRegistry } from "../../apimachinery/metrics/registry.ts";

const name = (text: string) => `scheduler_${text}`;
const ATTEMPT_BUCKETS = exponentialBuckets(0.001, 2, 15);

/** kube-scheduler's names, help, labels and buckets of what is counted here. Source: scheduling sheet 8.3. */
export function declareMetrics(registry: MetricsRegistry) {
  return {
    attempts: registry.counter({
      name: name("schedule_attempts_total"),
      help: "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while 'error' means an internal scheduler problem.",
      labels: ["result", "profile"],
    }),
    attempt: registry.histogram({
      name: name("scheduling_attempt_duration_seconds"),
      help: "Scheduling attempt latency in seconds (scheduling algorithm + binding)",
      labels: ["result", "profile"],
      buckets: ATTEMPT_BUCKETS,
    }),
    algorithm: registry.histogram({
      name: name("scheduling_algorithm_duration_seconds"),
      help: "Scheduling algorithm latency in seconds",
      buckets: ATTEMPT_BUCKETS,
    }),
    sli: registry.histogram({
      name: name("pod_scheduling_sli_duration_seconds"),
      help: "E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might involve multiple scheduling attempts.",
      labels: ["attempts"],
      buckets: exponentialBuckets(0.01, 2, 20),
    }),
    podAttempts: registry.histogram({
      name: name("pod_scheduling_attempts"),
      help: "Number of attempts to successfully schedule a pod.",
      buckets: exponentialBuckets(1, 2, 5),
    }),
    afterFlush: registry.counter({
      name: name("pod_scheduled_after_flush_total"),
      help: "Number of pods that were successfully scheduled after being flushed from unschedulablePods due to timeout.",
    }),
    groupAttempts: registry.counter({
      name: name("podgroup_schedule_attempts_total"),
      help: "Number of attempts to schedule pod groups, by the result.",
      labels: ["result", "profile"],
    }),
    groupAttempt: registry.histogram({
      name: name("podgroup_scheduling_attempt_duration_seconds"),
      help: "Pod group scheduling attempt latency in seconds",
      labels: ["result", "profile"],
      buckets: ATTEMPT_BUCKETS,
    }),
    groupAlgorithm: registry.histogram({
      name: name("podgroup_scheduling_algorithm_duration_seconds"),
      help: "Pod group scheduling algorithm latency in seconds",
      buckets: ATTEMPT_BUCKETS,
    }),
    pending: registry.gauge({
      name: name("pending_pods"),
      help: "Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never attempted to schedule because they are gated.",
      labels: ["queue"],
    }),
    incoming: registry.counter({
      name: name("queue_incoming_pods_total"),
      help: "Number of pods added to scheduling queues by event and queue type.",
      labels: ["queue", "event"],
    }),
    preemptionAttempts: registry.counter({
      name: name("preemption_attempts_total"),
      help: "Total preemption attempts in the cluster till now",
    }),
    preemptionVictims: registry.histogram({
      name: name("preemption_victims"),
      help: "Number of selected preemption victims",
      buckets: exponentialBuckets(1, 2, 7),
    }),
    evictions: registry.counter({
      name: name("preemption_goroutines_execution_total"),
      help: "Number of preemption goroutines executed.",
      labels: ["result"],
    }),
    evictionSeconds: registry.histogram({
      name: name("preemption_goroutines_duration_seconds"),
      help: "Duration in seconds for running goroutines for the preemption.",
      labels: ["result"],
      buckets: exponentialBuckets(0.01, 2, 20),
    }),
    point: registry.histogram({
      name: name("framework_extension_point_duration_seconds"),
      help: "Latency for running all plugins of a specific extension point.",
      labels: ["extension_point", "status", "profile"],
      buckets: exponentialBuckets(0.0001, 2, 12),
    }),
    unschedulable: registry.gauge({
      name: name("unschedulable_pods"),
      help: "The number of unschedulable pods broken down by plugin name. A pod will increment the gauge for all plugins that caused it to not schedule and so this metric have meaning only when broken down by plugin.",
      labels: ["plugin", "profile"],
    }),
    cache: registry.gauge({
      name: name("cache_size"),
      help: "Number of nodes, pods, and assumed (bound) pods in the scheduler cache.",
      labels: ["type"],
    }),
  };
}
