import { deepEqual } from "../apimachinery/copy.ts";
import { type FieldError, forbiddenField, invalid } from "../apimachinery/field-error.ts";
import type { V1Container, V1Pod, V1PodSpec, V1ResourceRequirements } from "./generated/types.ts";
import { qualityOfService } from "./pod-spec/quality-of-service.ts";

const MIRROR = "kubernetes.io/config.mirror";
/** What a running container can be given more or less of. */
const RESIZABLE = ["cpu", "memory"];

/** The pod with the resources that `wanted` says; whatever else it says is left aside (dropNonResizeUpdates). */
export function resized(pod: V1Pod, wanted: V1Pod): V1Pod {
  const { spec } = pod;
  if (spec === undefined) return pod;
  const sized = (containers: readonly V1Container[], said: readonly V1Container[] = []) =>
    containers.map((one) => {
      const next = said.find(({ name }) => name === one.name);
      return next === undefined ? one : withResources(one, next.resources);
    });
  const next: V1PodSpec = {
    ...withResources(spec, wanted.spec?.resources),
    containers: sized(spec.containers, wanted.spec?.containers),
    ...(spec.initContainers === undefined
      ? {}
      : { initContainers: sized(spec.initContainers, wanted.spec?.initContainers) }),
  };
  const { generation = 0 } = pod.metadata ?? {};
  const isSame = deepEqual(next, spec);
  const metadata = { ...pod.metadata, generation: isSame ? generation : generation + 1 };
  return { ...pod, metadata, spec: next };
}

function withResources<T extends { resources?: V1ResourceRequirements }>(
  { resources: _, ...rest }: T,
  resources: V1ResourceRequirements | undefined,
): T {
  return (resources === undefined ? rest : { ...rest, resources }) as T;
}

/** What is wrong with a resize. Source: api-policy 6.4 (ValidatePodResize). */
export function validatePodResize(pod: V1Pod, old: V1Pod): FieldError[] {
  if (old.metadata?.annotations?.[MIRROR] !== undefined)
    return [forbiddenField("", "static pods cannot be resized")];
  const [next, before] = [pod.spec, old.spec];
  if (next === undefined || before === undefined) return [];
  if (before.os?.name === "windows") return [forbiddenField("", "windows pods cannot be resized")];
  const errors: FieldError[] = [];
  if (qualityOfService(next) !== qualityOfService(before)) {
    const why = "Pod QOS Class may not change as a result of resizing";
    errors.push(invalid("spec", old.status?.qosClass ?? qualityOfService(before), why));
  }
  if (!isSupported(old))
    errors.push(forbiddenField("spec", "Pod running on node without support for resize"));
  for (const list of ["initContainers", "containers"] as const) {
    for (const [index, one] of (next[list] ?? []).entries())
      errors.push(
        ...removals(`spec.${list}[${index}].resources`, one.resources, before[list]?.[index]?.resources),
      );
  }
  errors.push(...removals("spec.resources", next.resources, before.resources));
  if (!deepEqual(fixed(next), fixed(before)))
    errors.push(forbiddenField("spec", "only cpu and memory resources are mutable\n"));
  return errors;
}

/** A node shows that it can by reporting what its running containers have. */
function isSupported({ status }: V1Pod): boolean {
  const running = status?.containerStatuses?.find(({ state }) => state?.running !== undefined);
  return running === undefined || running.resources !== undefined;
}

function removals(
  field: string,
  next: V1ResourceRequirements | undefined,
  old: V1ResourceRequirements | undefined,
): FieldError[] {
  return (["requests", "limits"] as const).flatMap((side) => {
    const isRemoved = Object.keys(old?.[side] ?? {}).some((name) => !Object.hasOwn(next?.[side] ?? {}, name));
    return isRemoved ? [forbiddenField(`${field}.${side}`, `resource ${side} cannot be removed`)] : [];
  });
}

/** What a resize may not touch. */
function fixed(spec: V1PodSpec): unknown {
  const without = (amounts: Readonly<Record<string, string>> | undefined) =>
    Object.fromEntries(Object.entries(amounts ?? {}).filter(([name]) => !RESIZABLE.includes(name)));
  const rest = (resources: V1ResourceRequirements | undefined) => ({
    claims: resources?.claims ?? [],
    limits: without(resources?.limits),
    requests: without(resources?.requests),
  });
  const all = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  return [rest(spec.resources), ...all.map(({ resources }) => rest(resources))];
}
