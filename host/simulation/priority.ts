import type { V1Pod, V1PriorityClass } from "../api/generated/types.ts";
import { objectKey } from "../apimachinery/object.ts";
import { InputError } from "./input-error.ts";

/** Classes that every cluster has. */
const SYSTEM_CLASSES: readonly V1PriorityClass[] = [
  { metadata: { name: "system-cluster-critical" }, value: 2_000_000_000 },
  { metadata: { name: "system-node-critical" }, value: 2_000_001_000 },
];

/** The pod with the priority of its class, as the Priority admission plugin fills it in; a number that is given stands. */
export function resolvePriority(pod: V1Pod, given: readonly V1PriorityClass[], path: string): V1Pod {
  const spec = pod.spec!;
  if (spec.priority !== undefined) return pod;
  const named = spec.priorityClassName;
  const found = named
    ? [...given, ...SYSTEM_CLASSES].find((one) => one.metadata?.name === named)
    : lowestDefault(given);
  if (named && found === undefined)
    throw new InputError(
      `${path}: Pod "${objectKey(pod)}": spec.priorityClassName: no PriorityClass with name ${named} was found`,
    );
  if (found === undefined) return pod;
  const preemptionPolicy = spec.preemptionPolicy ?? found.preemptionPolicy;
  return { ...pod, spec: { ...spec, priority: found.value, preemptionPolicy } };
}

function lowestDefault(classes: readonly V1PriorityClass[]): V1PriorityClass | undefined {
  return classes
    .filter((one) => one.globalDefault === true)
    .sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
}
