import type { KubernetesObject } from "../apimachinery/object.ts";
import { validateAutoscaler } from "./autoscaler-validation.ts";
import { ageColumn, column, firstOf, integerColumn, nameColumn, UNSET } from "./columns.ts";
import type {
  V1HorizontalPodAutoscaler,
  V2HorizontalPodAutoscaler,
  V2HPAScalingRules,
  V2MetricSpec,
  V2MetricStatus,
  V2MetricTarget,
  V2MetricValueStatus,
} from "./generated/types.ts";
import type { Column, KindRules } from "./kind.ts";

/**
 * Autoscalers are stored as v2. v1 knows one metric, the CPU utilisation; what it cannot say travels in annotations, so
 * that a client which reads and writes v1 loses nothing. Kubernetes spells the metrics in those annotations in an older
 * shape; here they are v2's own, since only this conversion reads them back.
 * Source: k8s.io/kubernetes/pkg/apis/autoscaling/v1/conversion.go.
 */
export const autoscalerConversion = {
  toStored: (object: KubernetesObject): KubernetesObject => toV2(object as V1HorizontalPodAutoscaler),
  fromStored: (object: KubernetesObject): KubernetesObject => toV1(object as V2HorizontalPodAutoscaler),
};

const METRICS = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior";
const CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions";
const CURRENT_METRICS = "autoscaling.alpha.kubernetes.io/current-metrics";

function isCpuUtilization(metric: V2MetricSpec): boolean {
  return metric.resource?.name === "cpu" && metric.resource.target.averageUtilization !== undefined;
}

function isCurrentCpuUtilization(metric: V2MetricStatus): boolean {
  return metric.resource?.name === "cpu" && metric.resource.current.averageUtilization !== undefined;
}

function toV1({ metadata, spec, status }: V2HorizontalPodAutoscaler): V1HorizontalPodAutoscaler {
  const { metrics = [], behavior, ...same } = spec;
  const cpu = metrics.find(isCpuUtilization);
  const others = metrics.filter((metric) => metric !== cpu);
  const annotations = { ...metadata?.annotations };
  if (others.length > 0) annotations[METRICS] = JSON.stringify(others);
  if (behavior !== undefined) annotations[BEHAVIOR] = JSON.stringify(behavior);
  const { conditions = [], currentMetrics = [], ...sameStatus } = status ?? { desiredReplicas: 0 };
  if (conditions.length > 0) annotations[CONDITIONS] = JSON.stringify(conditions);
  const currentCpu = currentMetrics.find(isCurrentCpuUtilization);
  const otherCurrent = currentMetrics.filter((metric) => metric !== currentCpu);
  if (otherCurrent.length > 0) annotations[CURRENT_METRICS] = JSON.stringify(otherCurrent);
  return {
    kind: "HorizontalPodAutoscaler",
    apiVersion: "autoscaling/v1",
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: {
      ...same,
      ...(cpu ? { targetCPUUtilizationPercentage: cpu.resource!.target.averageUtilization! } : {}),
    },
    status: {
      currentReplicas: 0,
      ...sameStatus,
      ...(currentCpu
        ? { currentCPUUtilizationPercentage: currentCpu.resource!.current.averageUtilization! }
        : {}),
    },
  };
}

function toV2({ metadata, spec, status }: V1HorizontalPodAutoscaler): V2HorizontalPodAutoscaler {
  const {
    [METRICS]: metricsText,
    [BEHAVIOR]: behaviorText,
    [CONDITIONS]: conditionsText,
    [CURRENT_METRICS]: currentText,
    ...annotations
  } = metadata?.annotations ?? {};
  const { targetCPUUtilizationPercentage, ...same } = spec ?? {
    scaleTargetRef: { kind: "", name: "" },
    maxReplicas: 0,
  };
  const { currentCPUUtilizationPercentage, ...sameStatus } = status ?? {
    currentReplicas: 0,
    desiredReplicas: 0,
  };
  const metrics: V2MetricSpec[] = readAnnotation<V2MetricSpec[]>(metricsText) ?? [];
  if (targetCPUUtilizationPercentage !== undefined) {
    const target = { type: "Utilization", averageUtilization: targetCPUUtilizationPercentage };
    metrics.push({ type: "Resource", resource: { name: "cpu", target } });
  }
  const currentMetrics: V2MetricStatus[] = readAnnotation<V2MetricStatus[]>(currentText) ?? [];
  if (currentCPUUtilizationPercentage !== undefined) {
    const current = { averageUtilization: currentCPUUtilizationPercentage };
    currentMetrics.push({ type: "Resource", resource: { name: "cpu", current } });
  }
  const behavior = readAnnotation<V2HorizontalPodAutoscaler["spec"]["behavior"]>(behaviorText);
  const conditions =
    readAnnotation<NonNullable<V2HorizontalPodAutoscaler["status"]>["conditions"]>(conditionsText);
  const { annotations: _all, ...restMetadata } = metadata ?? {};
  return {
    kind: "HorizontalPodAutoscaler",
    apiVersion: "autoscaling/v2",
    metadata: { ...restMetadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: {
      ...same,
      ...(metrics.length > 0 ? { metrics } : {}),
      ...(behavior === undefined ? {} : { behavior }),
    },
    status: {
      ...sameStatus,
      ...(currentMetrics.length > 0 ? { currentMetrics } : {}),
      ...(conditions === undefined ? {} : { conditions }),
    },
  };
}

/** A text that is not JSON says nothing, as in Kubernetes, where such an annotation is dropped. */
function readAnnotation<T>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

const UNKNOWN = "<unknown>";

/** How many metrics the Targets cell lists. */
const SHOWN = 2;

function formatMetric(metric: V2MetricSpec, current: V2MetricStatus | undefined): string {
  switch (metric.type) {
    case "Resource": {
      const { name, target } = metric.resource!;
      return `${name}: ${formatShare(target, current?.resource?.current)}`;
    }
    case "ContainerResource": {
      const { name, target } = metric.containerResource!;
      return `${name}: ${formatShare(target, current?.containerResource?.current)}`;
    }
    case "Pods":
      return `${current?.pods?.current.averageValue ?? UNKNOWN}/${metric.pods!.target.averageValue ?? ""}`;
    case "Object":
      return formatAmount(metric.object!.target, current?.object?.current);
    case "External":
      return formatAmount(metric.external!.target, current?.external?.current);
    default:
      return "<unknown type>";
  }
}

/** `40%/80%`, or amounts when the target is an amount. */
function formatShare(target: V2MetricTarget, current: V2MetricValueStatus | undefined): string {
  if (target.averageValue !== undefined) return `${current?.averageValue ?? UNKNOWN}/${target.averageValue}`;
  const share = current?.averageUtilization === undefined ? UNKNOWN : `${current.averageUtilization}%`;
  return `${share}/${target.averageUtilization === undefined ? "<auto>" : `${target.averageUtilization}%`}`;
}

function formatAmount(target: V2MetricTarget, current: V2MetricValueStatus | undefined): string {
  if (target.averageValue !== undefined)
    return `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`;
  return `${current?.value ?? UNKNOWN}/${target.value ?? ""}`;
}

const columns: readonly Column<V2HorizontalPodAutoscaler>[] = [
  nameColumn,
  column("Reference", ({ spec: { scaleTargetRef } }) => `${scaleTargetRef.kind}/${scaleTargetRef.name}`),
  column("Targets", ({ spec, status }) => {
    const texts = (spec.metrics ?? []).map((one, index) =>
      formatMetric(one, status?.currentMetrics?.[index]),
    );
    return firstOf(texts, SHOWN, ", ") || "<none>";
  }),
  column("MinPods", ({ spec }) => (spec.minReplicas === undefined ? UNSET : `${spec.minReplicas}`)),
  integerColumn("MaxPods", ({ spec }) => spec.maxReplicas),
  integerColumn("Replicas", ({ status }) => status?.currentReplicas),
  ageColumn,
];

/** Half a behavior is filled up with the usual rules. */
function defaultRules(
  rules: V2HPAScalingRules | undefined,
  usual: Partial<V2HPAScalingRules>,
): V2HPAScalingRules {
  const filled: V2HPAScalingRules = { ...usual, ...rules };
  filled.selectPolicy ??= "Max";
  return filled;
}

const EVERY_15_SECONDS = { periodSeconds: 15 };
const DOUBLE = { type: "Percent", value: 100, ...EVERY_15_SECONDS };
const FOUR_MORE = { type: "Pods", value: 4, ...EVERY_15_SECONDS };

/** Source: api-policy 5.4, 6.5; api-wire 13. */
export const autoscalerRules: KindRules<V2HorizontalPodAutoscaler> = {
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length) {
      const target = { type: "Utilization", averageUtilization: 80 };
      spec.metrics = [{ type: "Resource", resource: { name: "cpu", target } }];
    }
    if (spec.behavior !== undefined) {
      const { scaleUp, scaleDown } = spec.behavior;
      spec.behavior.scaleUp = defaultRules(scaleUp, {
        stabilizationWindowSeconds: 0,
        policies: [FOUR_MORE, DOUBLE],
      });
      spec.behavior.scaleDown = defaultRules(scaleDown, { policies: [DOUBLE] });
    }
  },
  validate: validateAutoscaler,
  columns,
};

/** The rules of v1 look at an object through its stored form. */
export const autoscalerV1Rules: KindRules<V1HorizontalPodAutoscaler> = {
  defaults({ spec }) {
    if (spec !== undefined) spec.minReplicas ??= 1;
  },
  columns: columns.map((one) => ({ ...one, cell: (object, nowMs) => one.cell(toV2(object), nowMs) })),
};
