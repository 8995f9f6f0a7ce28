import { compareQuantity, parseQuantity, quantityOf } from "../../apimachinery/quantity.ts";
import type { V1PodSpec, V1ResourceRequirements } from "../generated/types.ts";

export type QualityOfService = "Guaranteed" | "Burstable" | "BestEffort";

/** The resources that decide the class. */
const COUNTED = ["cpu", "memory"] as const;

/**
 * Guaranteed: every container limits CPU and memory and asks for just that. BestEffort: nobody asks for anything.
 * A zero counts as nothing. Source: k8s.io/kubernetes/pkg/apis/core/helper/qos.ComputePodQOS.
 */
export function qualityOfService(spec: V1PodSpec): QualityOfService {
  const all = spec.resources
    ? [spec.resources]
    : [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((one) => one.resources ?? {});
  const classes = all.map(classOf);
  if (classes.every((one) => one === "BestEffort")) return "BestEffort";
  return classes.every((one) => one === "Guaranteed") ? "Guaranteed" : "Burstable";
}

function classOf({ requests, limits }: V1ResourceRequirements): QualityOfService {
  const some = COUNTED.some((name) => isPositive(requests?.[name]) || isPositive(limits?.[name]));
  if (!some) return "BestEffort";
  const guaranteed = COUNTED.every((name) => {
    const limit = limits?.[name];
    if (limit === undefined || !isPositive(limit)) return false;
    const request = requests?.[name] ?? limit;
    return compareQuantity(parseQuantity(request), parseQuantity(limit)) === 0;
  });
  return guaranteed ? "Guaranteed" : "Burstable";
}

function isPositive(quantity: string | undefined): boolean {
  return quantity !== undefined && compareQuantity(parseQuantity(quantity), quantityOf(0)) > 0;
}
