import type { V1Node, V1Pod, V1PriorityClass } from "../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import type { Asked } from "../apiserver/wire.ts";
import type { Shape } from "./shapes.ts";

/** The objects of a shape as a client posts them to an API server: what admission would refuse is said in its way. */

/** A node whose kubelet says that it is well: else it is tainted, and takes no pods. */
export function apiNode({ metadata, spec, status }: V1Node): V1Node {
  const conditions = [readyNow()];
  return { metadata, spec, status: { ...status, capacity: status?.allocatable, conditions } };
}

/** What a kubelet would say again every few minutes. */
export function readyNow() {
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  return {
    type: "Ready",
    status: "True",
    reason: "KubeletReady",
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
}

/** A priority is given by the name of its class; the number alone is refused. */
export function apiPod({ metadata, spec }: V1Pod): V1Pod {
  const { priority, preemptionPolicy: _, ...others } = spec!;
  const priorityClassName = priority === undefined ? {} : { priorityClassName: priorityName(priority) };
  return { metadata, spec: { ...others, ...priorityClassName } };
}

/** The classes of the priorities that these pods have. */
export function priorityClasses(pods: readonly V1Pod[]): V1PriorityClass[] {
  const values = new Set(pods.flatMap(({ spec }) => spec?.priority ?? []));
  return [...values].map((value) => ({ metadata: { name: priorityName(value) }, value }));
}

function priorityName(value: number): string {
  return `priority-${value}`;
}

/** All that a shape needs besides nodes and pods. */
export function surroundings(shape: Shape, pods: readonly V1Pod[]) {
  const objects = (shape.objects ?? []).filter(({ kind }) => kind === "Namespace");
  const named = new Set(objects.map(({ metadata }) => metadata?.name));
  const others = new Set(pods.map(({ metadata }) => metadata!.namespace!));
  const plain = [...others].filter((name) => name !== "default" && !named.has(name));
  const churning = shape.churn === undefined ? [] : [shape.churn.pod(0)];
  return {
    namespaces: [...objects, ...plain.map((name): KubernetesObject => ({ metadata: { name } }))],
    priorities: priorityClasses([...pods, ...churning]),
  };
}

export function posting(path: string, object: KubernetesObject): Asked {
  return { method: "POST", path, type: "application/json", body: JSON.stringify(object) };
}

export function postingPod(pod: V1Pod): Asked {
  return posting(`/api/v1/namespaces/${pod.metadata?.namespace}/pods`, apiPod(pod));
}

export const deleting = (path: string): Asked => ({ method: "DELETE", path });
