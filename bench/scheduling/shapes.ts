import type {
  V1Affinity,
  V1Node,
  V1Pod,
  V1PodAffinityTerm,
  V1Service,
} from "../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";

/**
 * The clusters and pods of Kubernetes' scheduler_perf, by its names (shared/spec/bench-shapes.md). Everything is made when
 * it is asked for: a million nodes are not kept twice.
 */
export interface Shape {
  readonly name: string;
  /** Plugins that decide in this shape, beside the resources and attributes that always do. */
  readonly needs: readonly string[];
  readonly nodes: number;
  readonly pods: number;
  readonly onlyWhenNamed?: boolean;
  node(index: number): V1Node;
  /** Placed before the clock starts; `scale` is nodes asked for / nodes of the shape. */
  initial?(scale: number): Iterable<V1Pod>;
  pod(index: number): V1Pod;
  readonly objects?: readonly KubernetesObject[];
  readonly churn?: Churn;
}

/** Objects that come and go while the clock runs. */
export interface Churn {
  readonly everyMs: number;
  /** The pod that is tried, in vain. */
  pod(round: number): V1Pod;
  /** A node that comes, and goes with the next round, as the pod does then. */
  node?(round: number): V1Node;
  /** The same of a Service. */
  service?(round: number): V1Service;
}

const ZONE = "topology.kubernetes.io/zone";
const HOSTNAME = "kubernetes.io/hostname";
const NAMESPACES = ["sched-1", "sched-0"];

function node(index: number, zone?: string): V1Node {
  return nodeOf(`node-${index}`, { cpu: "4", memory: "32Gi", pods: "110" }, zone);
}

function nodeOf(name: string, allocatable: Record<string, string>, zone?: string): V1Node {
  const labels: Record<string, string> = { [HOSTNAME]: name };
  if (zone !== undefined) labels[ZONE] = zone;
  return { metadata: { name, labels }, status: { allocatable } };
}

const REQUESTS = { cpu: "100m", memory: "500Mi" };

interface PodParts {
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly requests?: Record<string, string>;
  readonly spec?: Partial<NonNullable<V1Pod["spec"]>>;
}

function pod(
  name: string,
  { namespace = "default", labels, requests = REQUESTS, spec = {} }: PodParts = {},
): V1Pod {
  const resources = { requests, limits: requests };
  const container = { name: "pause", image: "pause", ports: [{ containerPort: 80 }], resources };
  return { metadata: { name, namespace, labels }, spec: { ...spec, containers: [container] } };
}

/** `count` pods, scaled. */
function* many(count: number, scale: number, make: (index: number) => V1Pod): Iterable<V1Pod> {
  const wanted = Math.round(count * scale);
  for (let i = 0; i < wanted; i++) yield make(i);
}

const oneZone = (index: number) => node(index, "zone1");
const moon = (index: number) => node(index, `moon-${(index % 3) + 1}`);

const SPREAD = { DoNotSchedule: "TopologySpreading", ScheduleAnyway: "PreferredTopologySpreading" };

function spreading(whenUnsatisfiable: keyof typeof SPREAD): Shape {
  const labels = { color: "blue" };
  const constraint = {
    maxSkew: 5,
    topologyKey: ZONE,
    whenUnsatisfiable,
    labelSelector: { matchLabels: labels },
  };
  return {
    name: SPREAD[whenUnsatisfiable],
    needs: ["PodTopologySpread"],
    nodes: 5_000,
    pods: 5_000,
    node: moon,
    initial: (scale) => many(5_000, scale, (i) => pod(`initial-${i}`)),
    pod: (i) => pod(`spread-${i}`, { labels, spec: { topologySpreadConstraints: [constraint] } }),
  };
}

/** A pod with a term towards its own colour. */
function coloured(color: string, topologyKey: string, affinity: (term: V1PodAffinityTerm) => V1Affinity) {
  const labels = { color };
  const term = { topologyKey, labelSelector: { matchLabels: labels }, namespaces: NAMESPACES };
  const spec = { affinity: affinity(term) };
  return (name: string, namespace: string) => pod(name, { namespace, labels, spec });
}

const antiAffine = coloured("green", HOSTNAME, (term) => ({
  podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] },
}));
const affine = coloured("blue", ZONE, (term) => ({
  podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] },
}));
const preferring = coloured("red", HOSTNAME, (podAffinityTerm) => ({
  podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm }] },
}));
const avoiding = coloured("yellow", HOSTNAME, (podAffinityTerm) => ({
  podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm }] },
}));

function interPod(
  name: string,
  counts: { initial: number; pods: number },
  make: typeof affine,
  nodes: Shape["node"] = node,
): Shape {
  return {
    name,
    needs: ["InterPodAffinity"],
    nodes: 5_000,
    pods: counts.pods,
    node: nodes,
    initial: (scale) => many(counts.initial, scale, (i) => make(`initial-${i}`, "sched-0")),
    pod: (i) => make(`measured-${i}`, "sched-1"),
  };
}

const TEAM = { team: "devops" };
const teamNamespaces = Array.from({ length: 101 }, (_, i) => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: `team-${i}`, labels: TEAM },
}));

function teamPod(name: string, namespace: string): V1Pod {
  const labels = { color: "green" };
  const term = {
    topologyKey: HOSTNAME,
    labelSelector: { matchLabels: labels },
    namespaceSelector: { matchLabels: TEAM },
  };
  const podAntiAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
  return pod(name, { namespace, labels, spec: { affinity: { podAntiAffinity } } });
}

function* mixedInitial(scale: number): Iterable<V1Pod> {
  yield* many(2_000, scale, (i) => pod(`default-${i}`, { namespace: "sched-0" }));
  for (const [name, make] of Object.entries({ affine, antiAffine, preferring, avoiding }))
    yield* many(2_000, scale, (i) => make(`${name.toLowerCase()}-${i}`, "sched-0"));
}

const hopeless = (round: number) =>
  pod(`hopeless-${round}`, { requests: { cpu: "9" }, spec: { priority: 10, preemptionPolicy: "Never" } });

const LEAVING_AT_ONCE = { terminationGracePeriodSeconds: 0 };

const inZones = (zones: readonly string[]) => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator: "In", values: [...zones] }] }],
    },
  },
});
const inTwoZones = { affinity: inZones(["zone1", "zone2"]) };

const DAEMON_NODE = "scheduler-perf-node";
const onDaemonNode = {
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          { matchFields: [{ key: "metadata.name", operator: "In", values: [DAEMON_NODE] }] },
        ],
      },
    },
  },
};

const MILLION_TOLERATIONS = ["not-ready", "unreachable", "memory-pressure"].map((name) => ({
  key: `node.kubernetes.io/${name}`,
  operator: "Exists",
}));
const MILLION_NODE = { cpu: "32", memory: "256Gi", pods: "32" };

/** `million-spread`: a ReplicaSet for each 1,000 pods, so that system default spreading applies. */
const OWNED = 1_000;
const owners = Array.from({ length: 1_000 }, (_, i) => ({
  apiVersion: "apps/v1",
  kind: "ReplicaSet",
  metadata: { name: `owner-${i}`, namespace: "default", uid: `owner-${i}` },
  spec: { selector: { matchLabels: { owner: `owner-${i}` } } },
}));

function ownedPod(index: number): V1Pod {
  const owner = `owner-${Math.floor(index / OWNED) % owners.length}`;
  const tolerations = index % 2 === 0 ? [{ key: "tenth", operator: "Exists" }] : [];
  const requests = { cpu: "100m", memory: "128Mi" };
  const made = pod(`pod-${index}`, { labels: { owner }, requests, spec: { tolerations } });
  const reference = { apiVersion: "apps/v1", kind: "ReplicaSet", name: owner, uid: owner, controller: true };
  return { ...made, metadata: { ...made.metadata, ownerReferences: [reference] } };
}

function spreadNode(index: number): V1Node {
  const made = nodeOf(`node-${index}`, MILLION_NODE, `zone-${index % 10}`);
  return index % 10 === 9 ? { ...made, spec: { taints: [{ key: "tenth", effect: "NoSchedule" }] } } : made;
}

export const SHAPES: readonly Shape[] = [
  {
    name: "SchedulingBasic",
    needs: [],
    nodes: 5_000,
    pods: 10_000,
    node,
    initial: (scale) => many(1_000, scale, (i) => pod(`initial-${i}`)),
    pod: (i) => pod(`measured-${i}`),
  },
  {
    name: "SchedulingDaemonset",
    needs: [],
    nodes: 15_001,
    pods: 30_000,
    node: (i) => (i === 0 ? nodeOf(DAEMON_NODE, { cpu: "4", memory: "32Gi", pods: "90000" }) : node(i)),
    pod: (i) => pod(`measured-${i}`, { requests: {}, spec: onDaemonNode }),
  },
  spreading("DoNotSchedule"),
  spreading("ScheduleAnyway"),
  {
    name: "SchedulingNodeAffinity",
    needs: [],
    nodes: 5_000,
    pods: 10_000,
    node: oneZone,
    initial: (scale) => many(5_000, scale, (i) => pod(`initial-${i}`, { spec: inTwoZones })),
    pod: (i) => pod(`measured-${i}`, { spec: inTwoZones }),
  },
  interPod("SchedulingPodAntiAffinity", { initial: 1_000, pods: 2_000 }, antiAffine),
  interPod("SchedulingPodAffinity", { initial: 5_000, pods: 5_000 }, affine, oneZone),
  interPod("SchedulingPreferredPodAffinity", { initial: 5_000, pods: 5_000 }, preferring),
  interPod("SchedulingPreferredPodAntiAffinity", { initial: 5_000, pods: 5_000 }, avoiding),
  {
    name: "MixedSchedulingBasePod",
    needs: ["InterPodAffinity"],
    nodes: 5_000,
    pods: 5_000,
    node: oneZone,
    initial: mixedInitial,
    pod: (i) => pod(`measured-${i}`, { namespace: "sched-1" }),
  },
  {
    name: "SchedulingRequiredPodAntiAffinityWithNSSelector",
    needs: ["InterPodAffinity"],
    nodes: 6_000,
    pods: 2_000,
    node,
    objects: teamNamespaces,
    initial: (scale) => many(4_000, scale, (i) => teamPod(`initial-${i}`, `team-${i % 100}`)),
    pod: (i) => teamPod(`measured-${i}`, "team-100"),
  },
  {
    name: "Unschedulable",
    needs: [],
    nodes: 5_000,
    pods: 10_000,
    node,
    initial: (scale) => many(100, scale, (i) => pod(`initial-${i}`)),
    pod: (i) => pod(`measured-${i}`),
    churn: { everyMs: 200, pod: hopeless },
  },
  {
    name: "PreemptionBasic",
    needs: [],
    nodes: 1_000,
    pods: 1_000,
    node,
    initial: (scale) =>
      many(4_000, scale, (i) => pod(`initial-${i}`, { requests: { cpu: "900m" }, spec: LEAVING_AT_ONCE })),
    pod: (i) => pod(`measured-${i}`, { requests: { cpu: "3" }, spec: { priority: 10 } }),
  },
  {
    name: "SchedulingWithMixedChurn",
    needs: [],
    nodes: 5_000,
    pods: 10_000,
    node,
    pod: (i) => pod(`measured-${i}`),
    churn: {
      everyMs: 1_000,
      pod: hopeless,
      node: (round) => nodeOf(`churn-${round}`, MILLION_NODE),
      service: (round) => ({
        metadata: { name: `churn-${round}`, namespace: "default" },
        spec: { selector: { app: "churn" }, ports: [{ port: 80 }] },
      }),
    },
  },
  {
    name: "interleaved-100",
    needs: [],
    nodes: 5_000,
    pods: 20_000,
    node,
    initial: (scale) => many(1_000, scale, (i) => pod(`initial-${i}`)),
    pod: (i) => {
      const kind = i % 100;
      const requests = { cpu: `${50 + kind}m`, memory: `${100 + 3 * kind}Mi` };
      return pod(`measured-${i}`, { labels: { class: String(kind) }, requests });
    },
  },
  {
    name: "million",
    needs: [],
    nodes: 1_000_000,
    pods: 1_000_000,
    onlyWhenNamed: true,
    node: (i) => nodeOf(`node-${i}`, MILLION_NODE),
    pod: (i) => pod(`pod-${i}`, { requests: {}, spec: { tolerations: MILLION_TOLERATIONS } }),
  },
  {
    name: "million-spread",
    needs: ["PodTopologySpread"],
    nodes: 1_000_000,
    pods: 1_000_000,
    onlyWhenNamed: true,
    node: spreadNode,
    objects: owners,
    pod: ownedPod,
  },
];
