import type { V1Node, V1Pod } from "../host/api/generated/types.ts";
import type { KubernetesObject } from "../host/apimachinery/object.ts";
import type { ClusterEvent, EventAction, EventResource } from "../host/scheduler/cluster-events.ts";

/** What a pod and the objects of an event say beyond their names; a row is the plugin that rejected the pod, and the event. */
type Spec = Partial<NonNullable<V1Pod["spec"]>>;
export const waiting = (spec: Spec = {}, labels = {}): V1Pod => ({
  metadata: { name: "web", namespace: "default", uid: "u", labels },
  spec: { containers: [{ name: "c", resources: { requests: { cpu: "2" } } }], ...spec },
});
export const placed = (spec: Spec = {}, labels = {}, namespace = "default"): V1Pod => ({
  metadata: { name: "other", namespace, labels },
  spec: { nodeName: "n1", containers: [{ name: "c" }], ...spec },
});
export const node = (spec: V1Node["spec"] = {}, labels: Record<string, string> = {}, cpu = "4"): V1Node => ({
  metadata: { name: "n1", labels },
  spec,
  status: { allocatable: { cpu, memory: "8Gi", pods: "10" } },
});
export const declaring = (feature: string): V1Node => ({
  ...node(),
  status: { declaredFeatures: [feature] },
});
export const happened = (name: string, object?: KubernetesObject, old?: KubernetesObject): ClusterEvent => {
  const [, resource, action] = /^([A-Za-z]+?)(Add|Delete|Update\w*)$/.exec(name)!;
  return { resource: resource as EventResource, action: action as EventAction, object, old };
};

export const taint = { taints: [{ key: "k", effect: "NoSchedule" }] };
export const port = (hostPort: number): Spec => ({
  containers: [{ name: "c", ports: [{ containerPort: 1, hostPort }] }],
});
export const asks = (cpu: string): Spec => ({
  containers: [{ name: "c", resources: { requests: { cpu } } }],
});
export const claim = (claimName: string): Spec => ({
  containers: [{ name: "c" }],
  volumes: [{ name: "v", persistentVolumeClaim: { claimName } }],
});
export const red = { matchLabels: { color: "red" } };
export const spread = (more = {}): Spec => ({
  containers: [{ name: "c" }],
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", labelSelector: red, ...more },
  ],
});
export const near = (kind: "podAffinity" | "podAntiAffinity", term = {}): Spec => ({
  containers: [{ name: "c" }],
  affinity: {
    [kind]: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "zone", labelSelector: red, ...term }],
    },
  },
});
export const named = (name: string, namespace = "default"): KubernetesObject => ({
  metadata: { name, namespace },
});
export const csiNode = (count: number) => ({
  ...named("n1"),
  spec: { drivers: [{ name: "d", nodeID: "n1", allocatable: { count } }] },
});

/** A line of a table of hints: the plugin that rejected a pod, what happens, and whether that brings the pod back. */
export type HintRow = readonly [
  plugin: string,
  why: string,
  pod: V1Pod,
  event: ClusterEvent,
  helped: boolean,
];
