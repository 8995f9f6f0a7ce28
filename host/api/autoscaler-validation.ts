import { type FieldError, forbiddenField, invalid, required } from "../apimachinery/field-error.ts";
import { oneOf, present } from "./field-checks.ts";
import type {
  V2HorizontalPodAutoscaler,
  V2HPAScalingRules,
  V2MetricSpec,
  V2MetricTarget,
} from "./generated/types.ts";

const METRIC_TYPES = ["ContainerResource", "External", "Object", "Pods", "Resource"];
const MAX_WINDOW_SECONDS = 3600;
const MAX_PERIOD_SECONDS = 1800;

/** Source: api-policy 6.5 (k8s.io/kubernetes/pkg/apis/autoscaling/validation). */
export function validateAutoscaler({ spec }: V2HorizontalPodAutoscaler): FieldError[] {
  const { minReplicas = 1, maxReplicas = 0, scaleTargetRef, metrics = [], behavior } = spec ?? {};
  const errors: FieldError[] = [];
  if (minReplicas < 1)
    errors.push(invalid("spec.minReplicas", minReplicas, "must be greater than or equal to 1"));
  if (maxReplicas < 1) errors.push(required("spec.maxReplicas", "must be set and greater than 0"));
  if (maxReplicas < minReplicas)
    errors.push(invalid("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`"));
  errors.push(
    ...present("spec.scaleTargetRef.kind", scaleTargetRef?.kind),
    ...present("spec.scaleTargetRef.name", scaleTargetRef?.name),
    ...metrics.flatMap((metric, index) => validateMetric(`spec.metrics[${index}]`, metric)),
    ...validateScaling("spec.behavior.scaleUp", behavior?.scaleUp),
    ...validateScaling("spec.behavior.scaleDown", behavior?.scaleDown),
  );
  const { apiVersion, kind } = scaleTargetRef ?? {};
  if (!apiVersion && kind && kind !== "ReplicationController")
    errors.push(invalid("spec.scaleTargetRef.apiVersion", "", "apiVersion must specify API group"));
  if (minReplicas === 0 && !metrics.some(({ type }) => type === "Object" || type === "External"))
    errors.push(
      forbiddenField(
        "spec.metrics",
        "must specify at least one Object or External metric to support scaling to zero replicas",
      ),
    );
  return errors;
}

function validateMetric(field: string, metric: V2MetricSpec): FieldError[] {
  const unknown = oneOf(`${field}.type`, metric.type ?? "", METRIC_TYPES);
  if (unknown.length > 0) return unknown;
  const name = (metric.type[0]!.toLowerCase() + metric.type.slice(1)) as "resource" | "pods";
  const source = metric[name];
  if (source === undefined)
    return [required(`${field}.${name}`, "must populate information for the given metric source")];
  const path = `${field}.${name}`;
  const byName =
    "metric" in source || name === "pods"
      ? present(
          `${path}.metric.name`,
          (source as { metric?: { name: string } }).metric?.name,
          "must specify a metric name",
        )
      : present(`${path}.name`, (source as { name?: string }).name, "must specify a resource name");
  return [...byName, ...validateTarget(`${path}.target`, source.target ?? { type: "" }, metric.type)];
}

function validateTarget(field: string, target: V2MetricTarget, type: string): FieldError[] {
  const { averageUtilization, averageValue, value } = target;
  const errors = target.type
    ? oneOf(`${field}.type`, target.type, ["AverageValue", "Utilization", "Value"])
    : [required(`${field}.type`, "must specify a metric target type")];
  if (type === "Resource" || type === "ContainerResource") {
    if (averageUtilization !== undefined && averageUtilization < 1)
      errors.push(invalid(`${field}.averageUtilization`, averageUtilization, "must be greater than 0"));
    if (averageUtilization === undefined && averageValue === undefined)
      errors.push(
        required(`${field}.averageUtilization`, "must set either a target raw value or a target utilization"),
      );
    if (averageUtilization !== undefined && averageValue !== undefined)
      errors.push(
        forbiddenField(
          `${field}.averageValue`,
          "may not set both a target raw value and a target utilization",
        ),
      );
  } else if (type === "Pods" && averageValue === undefined)
    errors.push(required(`${field}.averageValue`, "must specify a positive target averageValue"));
  else if (type !== "Pods" && value === undefined && averageValue === undefined)
    errors.push(
      required(`${field}.averageValue`, "must set either a target value for metric or a per-pod target"),
    );
  return errors;
}

function validateScaling(field: string, rules: V2HPAScalingRules | undefined): FieldError[] {
  if (rules === undefined) return [];
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [] } = rules;
  const errors: FieldError[] = [];
  if (window !== undefined && window < 0)
    errors.push(
      invalid(`${field}.stabilizationWindowSeconds`, window, "must be greater than or equal to zero"),
    );
  if (window !== undefined && window > MAX_WINDOW_SECONDS) {
    const why = `must be less than or equal to ${MAX_WINDOW_SECONDS}`;
    errors.push(invalid(`${field}.stabilizationWindowSeconds`, window, why));
  }
  errors.push(...oneOf(`${field}.selectPolicy`, selectPolicy, ["Disabled", "Max", "Min"]));
  if (policies.length === 0) errors.push(required(`${field}.policies`, "must specify at least one Policy"));
  for (const [index, { type, value, periodSeconds }] of policies.entries()) {
    const path = `${field}.policies[${index}]`;
    errors.push(...oneOf(`${path}.type`, type ?? "", ["Percent", "Pods"]));
    if ((value ?? 0) <= 0) errors.push(invalid(`${path}.value`, value ?? 0, "must be greater than zero"));
    if ((periodSeconds ?? 0) <= 0)
      errors.push(invalid(`${path}.periodSeconds`, periodSeconds ?? 0, "must be greater than zero"));
    else if (periodSeconds > MAX_PERIOD_SECONDS) {
      const why = `must be less than or equal to ${MAX_PERIOD_SECONDS}`;
      errors.push(invalid(`${path}.periodSeconds`, periodSeconds, why));
    }
  }
  return errors;
}
