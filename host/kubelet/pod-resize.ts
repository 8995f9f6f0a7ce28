import { findCondition, withCondition } from "../api/conditions.ts";
import type { V1Container, V1ContainerStatus, V1Pod, V1PodStatus } from "../api/generated/types.ts";
import { type Amounts, addAmounts, amountsOf, podAmounts } from "../api/pod-spec/amounts.ts";
import { formatTime } from "../apimachinery/clock.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import {
  compareQuantity,
  milliValue,
  parseQuantity,
  type Quantity,
  quantityOf,
  value,
} from "../apimachinery/quantity.ts";

/** What a kubelet says of a pod that is to have other resources than it has. Source: kubelet sheet 1.12. */
export interface ResizeVerdict {
  /** The pod as it runs from now on: what was admitted of its spec. */
  readonly pod: V1Pod;
  /** Why it has to wait, and how it is called; absent: it has what it asked for. */
  readonly refused?: { readonly reason: "Deferred" | "Infeasible"; readonly message: string };
  /** The refusal is news. */
  readonly isNew: boolean;
}

const PENDING = "PodResizePending";
const RESIZABLE = ["cpu", "memory"] as const;

/** Whether a running pod has other resources than its spec says. */
export function isResizing({ spec, status }: V1Pod): boolean {
  if (status?.phase !== "Running") return false;
  if (findCondition(status.conditions, PENDING) !== undefined) return true;
  return containersOf(spec).some((container) => {
    const has = statusOf(status, container.name);
    return has?.state?.running !== undefined && !deepEqual(has.resources ?? {}, resourcesOf(container));
  });
}

/** @param others  the other pods of its node; @param allocatable  what that node has */
export function judgeResize(
  pod: V1Pod,
  others: readonly V1Pod[],
  allocatable: Readonly<Record<string, string>>,
): ResizeVerdict {
  const wanted = podAmounts(pod, "requests");
  const used: Amounts = new Map();
  for (const other of others) if (!isOver(other)) addAmounts(used, podAmounts(asAdmitted(other), "requests"));
  const refused = infeasible(wanted, allocatable) ?? deferred(wanted, used, allocatable);
  if (refused === undefined) return { pod, isNew: false };
  const known = findCondition(pod.status?.conditions, PENDING);
  return { pod: asAdmitted(pod), refused, isNew: known?.reason !== refused.reason };
}

/** The status with what is said of the resize in it, or no longer. */
export function withVerdict(
  pod: V1Pod,
  status: V1PodStatus,
  { refused }: ResizeVerdict,
  nowMs: number,
): V1PodStatus {
  const conditions = status.conditions ?? [];
  if (refused === undefined)
    return { ...status, conditions: conditions.filter(({ type }) => type !== PENDING) };
  const observedGeneration = pod.metadata?.generation;
  const said = { type: PENDING, status: "True", ...refused, observedGeneration };
  return { ...status, conditions: withCondition(conditions, said, formatTime(nowMs)) };
}

/** What a resize's events show: the containers, and what they have or were to have. */
export function resizeText(pod: V1Pod, error?: string): string {
  const containers = containersOf(pod.spec).map(({ name, resources = {} }) => ({ name, resources }));
  const { generation } = pod.metadata ?? {};
  return JSON.stringify({ containers, generation, ...(error === undefined ? {} : { error }) });
}

/** The event of a refusal: `Pod resize OutOfcpu: {…}`. */
export function refusalText(pod: V1Pod, message: string): string {
  const resource = /: (\w+),/.exec(message)?.[1] ?? "";
  return `Pod resize OutOf${resource}: ${resizeText(pod, message)}`;
}

function infeasible(wanted: Amounts, allocatable: Readonly<Record<string, string>>) {
  for (const name of RESIZABLE) {
    const [asked, capacity] = [wanted.get(name), amount(allocatable, name)];
    if (asked === undefined || compareQuantity(asked, capacity) <= 0) continue;
    const message = `Node didn't have enough capacity: ${name}, requested: ${shown(name, asked)}, capacity: ${shown(name, capacity)}`;
    return { reason: "Infeasible", message } as const;
  }
  return undefined;
}

function deferred(wanted: Amounts, used: Amounts, allocatable: Readonly<Record<string, string>>) {
  for (const name of RESIZABLE) {
    const asked = wanted.get(name);
    if (asked === undefined) continue;
    const taken = used.get(name) ?? quantityOf(0);
    const capacity = amount(allocatable, name);
    const together: Amounts = new Map([[name, taken]]);
    addAmounts(together, new Map([[name, asked]]));
    if (compareQuantity(together.get(name)!, capacity) <= 0) continue;
    const numbers = `requested: ${shown(name, asked)}, used: ${shown(name, taken)}, capacity: ${shown(name, capacity)}`;
    return { reason: "Deferred", message: `Node didn't have enough resource: ${name}, ${numbers}` } as const;
  }
  return undefined;
}

function amount(allocatable: Readonly<Record<string, string>>, name: string): Quantity {
  return parseQuantity(allocatable[name] ?? "0");
}

/** CPU in thousandths of a core, memory in bytes. */
function shown(name: string, quantity: Quantity): string {
  return String(name === "cpu" ? milliValue(quantity) : value(quantity));
}

function isOver({ status }: V1Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** The pod with the resources that its running containers have. */
function asAdmitted(pod: V1Pod): V1Pod {
  const { spec, status } = pod;
  if (spec === undefined || status === undefined) return pod;
  const kept = (container: V1Container): V1Container => {
    const has = statusOf(status, container.name);
    return has?.resources === undefined ? container : { ...container, resources: has.resources };
  };
  return {
    ...pod,
    spec: {
      ...spec,
      containers: spec.containers.map(kept),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(kept) }),
    },
  };
}

function containersOf(spec: V1Pod["spec"]): readonly V1Container[] {
  return [
    ...(spec?.initContainers ?? []).filter((one) => one.restartPolicy === "Always"),
    ...(spec?.containers ?? []),
  ];
}

function statusOf(status: V1PodStatus | undefined, name: string): V1ContainerStatus | undefined {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return all.find((one) => one.name === name);
}

function resourcesOf({ resources }: V1Container): object {
  const { requests, limits } = resources ?? {};
  return { ...(limits === undefined ? {} : { limits }), ...(requests === undefined ? {} : { requests }) };
}

/** Whether a container has to be started again to get what it is to have (`resizePolicy: RestartContainer`). */
export function needsRestart(
  container: Pick<V1Container, "resources" | "resizePolicy">,
  previous: V1ContainerStatus,
): boolean {
  return (container.resizePolicy ?? []).some(({ resourceName, restartPolicy }) => {
    if (restartPolicy !== "RestartContainer" || previous.resources === undefined) return false;
    return (["requests", "limits"] as const).some((side) => {
      const [now, before] = [amountsOf(container.resources?.[side]), amountsOf(previous.resources?.[side])];
      const [a, b] = [now.get(resourceName), before.get(resourceName)];
      return a === undefined || b === undefined ? a !== b : compareQuantity(a, b) !== 0;
    });
  });
}
