import type { V1Container, V1ContainerStatus, V1Pod } from "../api/generated/types.ts";
import {
  type ContainerAmounts,
  type ContainerRole,
  containersTogether,
  initRole,
} from "../api/pod-spec/containers-together.ts";
import type { FieldError } from "../apimachinery/field-error.ts";
import { type Amounts, addAmounts, raiseAmounts, readResources } from "./resource-list.ts";

/** What a pod asks for, seen three ways. Source: k8s.io/component-helpers/resource, PodRequests. */
export interface PodRequests {
  /** What NodeResourcesFit checks and a node's usage counts. */
  readonly requests: Amounts;
  /** The same where a container that does not name cpu or memory counts with a default: a node's non-zero usage. */
  readonly nonZero: Amounts;
  /** What LeastAllocated adds for an incoming pod: defaults, and pod-level requests ignored (a quirk of 1.36). */
  readonly score: Amounts;
}

/** 100m and 200 MiB, for a container without the key. Source: scheduler/util/pod_resources.go. */
const DEFAULTS: Amounts = new Map([
  ["cpu", 100],
  ["memory", 200 * 1024 * 1024],
]);

type ContainerRequests = ContainerAmounts<number>;

/**
 * Reads what a pod asks for. Applies the API server's defaults first (a limit without a request is the request), so raw
 * manifests count like stored pods.
 *
 * @param source  "spec" for a pod to be placed; "status" for one that runs, whose containers may be resized in place
 */
export function readPodRequests(pod: V1Pod, source: "spec" | "status", errors: FieldError[]): PodRequests {
  const spec = pod.spec;
  const resize = source === "status" ? resizeState(pod) : undefined;
  const containers = readContainers(pod, resize, errors);
  const aggregated = aggregate(containers, undefined);
  const podLevel = readPodLevel(pod, resize, errors);
  const overhead = readResources(spec?.overhead, "spec.overhead", errors);

  const whole = (amounts: Amounts, level: Amounts | undefined): Amounts => {
    const total = new Map(amounts);
    for (const [name, amount] of level ?? []) total.set(name, amount);
    addAmounts(total, overhead);
    return total;
  };
  const requests = whole(aggregated, podLevel);
  // With pod-level requests a default stands in only for a resource that nobody names, at either level.
  const missing = podLevel === undefined ? DEFAULTS : absentFrom(requests);
  return {
    requests,
    nonZero: whole(aggregate(containers, missing), podLevel),
    score: whole(aggregate(containers, DEFAULTS), undefined),
  };
}

function absentFrom(requests: Amounts): Amounts {
  return new Map([...DEFAULTS].filter(([name]) => !requests.has(name)));
}

function aggregate(containers: readonly ContainerRequests[], defaults: Amounts | undefined): Amounts {
  const counted =
    defaults === undefined
      ? containers
      : containers.map(({ amounts, role }) => ({ amounts: new Map([...defaults, ...amounts]), role }));
  return containersTogether(counted, { add: addAmounts, raise: raiseAmounts });
}

function readContainers(
  pod: V1Pod,
  resize: ResizeState | undefined,
  errors: FieldError[],
): ContainerRequests[] {
  return [
    ...(pod.spec?.containers ?? []).map((container, i) =>
      readContainer(container, "main", `spec.containers[${i}]`, resize, errors),
    ),
    ...(pod.spec?.initContainers ?? []).map((container, i) =>
      readContainer(container, initRole(container), `spec.initContainers[${i}]`, resize, errors),
    ),
  ];
}

interface ResizeState {
  readonly infeasible: boolean;
  readonly statuses: ReadonlyMap<string, V1ContainerStatus>;
}

function resizeState(pod: V1Pod): ResizeState {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  return {
    infeasible: (pod.status?.conditions ?? []).some(
      ({ type, reason }) => type === "PodResizePending" && reason === "Infeasible",
    ),
    statuses: new Map(statuses.map((status) => [status.name, status])),
  };
}

function readContainer(
  container: V1Container,
  role: ContainerRole,
  field: string,
  resize: ResizeState | undefined,
  errors: FieldError[],
): ContainerRequests {
  const limits = readResources(container.resources?.limits, `${field}.resources.limits`, errors);
  const requests = readResources(container.resources?.requests, `${field}.resources.requests`, errors);
  const asked = new Map([...limits, ...requests]);
  const status = role === "init" ? undefined : resize?.statuses.get(container.name);
  if (resize === undefined || status?.resources === undefined) return { amounts: asked, role };
  const running = readResources(status.resources.requests, `status of ${field}.resources.requests`, errors);
  const allocated = readResources(status.allocatedResources, `status of ${field}.allocatedResources`, errors);
  return { amounts: inResize(asked, running, allocated, resize.infeasible), role };
}

/** While a resize is under way the larger of what is asked, runs and is allocated counts; asked not if it cannot be. */
function inResize(asked: Amounts, running: Amounts, allocated: Amounts, infeasible: boolean): Amounts {
  const amounts: Amounts = infeasible ? new Map() : new Map(asked);
  raiseAmounts(amounts, running);
  raiseAmounts(amounts, allocated);
  return amounts;
}

function readPodLevel(
  pod: V1Pod,
  resize: ResizeState | undefined,
  errors: FieldError[],
): Amounts | undefined {
  const resources = pod.spec?.resources;
  const asked = readResources(resources?.requests, "spec.resources.requests", errors);
  const limits = readResources(resources?.limits, "spec.resources.limits", errors);
  if (limits.size > 0) {
    // The API server's defaults come from the spec alone. Errors of the containers are reported by who reads them.
    const aggregated = aggregate(readContainers(pod, undefined, []), undefined);
    for (const name of ["cpu", "memory"])
      if (!asked.has(name) && aggregated.has(name)) asked.set(name, aggregated.get(name)!);
    for (const [name, limit] of limits) if (!asked.has(name)) asked.set(name, limit);
  }
  let amounts = asked;
  if (resize !== undefined && pod.status?.resources !== undefined) {
    const running = readResources(pod.status.resources.requests, "status.resources.requests", errors);
    const allocated = readResources(pod.status.allocatedResources, "status.allocatedResources", errors);
    amounts = inResize(asked, running, allocated, resize.infeasible);
  }
  const supported = new Map([...amounts].filter(([name]) => isPodLevelResource(name)));
  return supported.size === 0 ? undefined : supported;
}

function isPodLevelResource(name: string): boolean {
  return name === "cpu" || name === "memory" || name.startsWith("hugepages-");
}
