import type {
  V1CronJob,
  V1DaemonSet,
  V1Deployment,
  V1Job,
  V1Node,
  V1PersistentVolumeClaim,
  V1Pod,
  V1PodTemplateSpec,
  V1ReplicaSet,
  V1ReplicationController,
  V1StatefulSet,
} from "../api/generated/types.ts";
import { apiVersionOf } from "../api/kind.ts";
import type { KubernetesObject, OwnerReference } from "../apimachinery/object.ts";
import { daemonPod } from "./daemon-pod.ts";
import { InputError } from "./input-error.ts";
import type { Manifest } from "./manifests.ts";
import { standInUid } from "./stand-in-uid.ts";

/** More pods than a simulation takes; the answer is an InputError that names the workload. */
export const MAX_PODS = 1_000_000;

/** What a workload becomes: its pods, and objects that decisions about them read. */
export interface Expansion {
  readonly pods: readonly V1Pod[];
  readonly objects: readonly KubernetesObject[];
}

/** How many pods a workload has, and what each is. */
interface Shape {
  readonly count: number;
  /** The field that says how many. */
  readonly field: string;
  readonly template: V1PodTemplateSpec;
  /** The number of the first pod; 0 unless a StatefulSet says otherwise. */
  readonly first?: number;
  /** What owns the pods; the workload itself unless it is a Deployment, whose pods a ReplicaSet owns. */
  readonly owner?: KubernetesObject;
  readonly claims?: readonly V1PersistentVolumeClaim[];
}

const WORKLOADS = [
  "Deployment",
  "ReplicaSet",
  "ReplicationController",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "CronJob",
];

export function isWorkload({ kind }: Manifest): boolean {
  return WORKLOADS.includes(kind.kind);
}

/**
 * The pods that a workload's controller would create on an empty cluster, named `<workload>-<index>`: a Job as many as
 * run at a time, a CronJob those of one run, a DaemonSet one for each node it fits. Nothing of what is suspended.
 *
 * @param prefix  of the pods' names
 * @param nodes   all nodes, in the order given
 */
export function expand(manifest: Manifest, prefix: string, nodes: readonly V1Node[]): Expansion {
  const { object, path } = manifest;
  if (manifest.kind.kind === "DaemonSet") return expandDaemonSet(manifest, prefix, nodes);
  const { count, field, template, first = 0, owner = object, claims = [] } = shapeOf(manifest);
  if (count > MAX_PODS)
    throw new InputError(
      `${path}: ${manifest.kind.kind} "${object.metadata?.name}": ${field}: Invalid value: ${count}: more than ${MAX_PODS} pods`,
    );
  const pods: V1Pod[] = [];
  const objects: KubernetesObject[] = owner === object ? [object] : [object, owner];
  for (let i = 0; i < count; i++) {
    const name = `${prefix}-${first + i}`;
    const bound = claims.map((claim) => claimOf(claim, name, object.metadata?.namespace));
    pods.push(withClaims(podFrom(template, name, owner), claims, bound));
    objects.push(...bound);
  }
  return { pods, objects };
}

function shapeOf({ kind, object }: Manifest): Shape {
  switch (kind.kind) {
    case "Deployment": {
      const { spec } = object as V1Deployment;
      return { ...replicated(spec!.replicas, spec!.template), owner: replicaSetOf(object as V1Deployment) };
    }
    case "ReplicaSet": {
      const { spec } = object as V1ReplicaSet;
      return replicated(spec!.replicas, spec!.template!);
    }
    case "ReplicationController": {
      const { spec } = object as V1ReplicationController;
      return replicated(spec!.replicas, spec!.template!);
    }
    case "StatefulSet": {
      const { spec } = object as V1StatefulSet;
      const { ordinals, volumeClaimTemplates } = spec!;
      return {
        ...replicated(spec!.replicas, spec!.template),
        first: ordinals?.start ?? 0,
        claims: volumeClaimTemplates ?? [],
      };
    }
    case "Job":
      return jobShape((object as V1Job).spec!, "spec");
    case "CronJob": {
      const { spec } = object as V1CronJob;
      const job = jobShape(spec!.jobTemplate.spec!, "spec.jobTemplate.spec");
      return spec!.suspend ? { ...job, count: 0 } : job;
    }
    default:
      throw new Error(`${kind.kind} is not a workload`);
  }
}

function replicated(replicas: number | undefined, template: V1PodTemplateSpec): Shape {
  return { count: replicas ?? 1, field: "spec.replicas", template };
}

function jobShape(spec: NonNullable<V1Job["spec"]>, path: string): Shape {
  const parallelism = spec.parallelism ?? 1;
  const count = spec.suspend ? 0 : Math.min(parallelism, spec.completions ?? parallelism);
  return { count, field: `${path}.parallelism`, template: spec.template };
}

function expandDaemonSet(manifest: Manifest, prefix: string, nodes: readonly V1Node[]): Expansion {
  const set = manifest.object as V1DaemonSet;
  const template = podFrom(set.spec!.template, prefix, set);
  const wanted = nodes.flatMap((node) => daemonPod(template, node) ?? []);
  const pods = wanted.map((pod, i) => ({ ...pod, metadata: { ...pod.metadata, name: `${prefix}-${i}` } }));
  return { pods, objects: [set] };
}

/** The ReplicaSet that the Deployment controller would make: system default spreading looks at it. */
function replicaSetOf(deployment: V1Deployment): V1ReplicaSet {
  const { name, namespace } = deployment.metadata!;
  const { replicas, selector, template } = deployment.spec!;
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name, namespace, labels: template.metadata?.labels, ownerReferences: [ownerOf(deployment)] },
    spec: { replicas, selector, template },
  };
}

function podFrom(template: V1PodTemplateSpec, name: string, owner: KubernetesObject): V1Pod {
  const { labels, annotations } = template.metadata ?? {};
  const namespace = owner.metadata?.namespace;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels, annotations, ownerReferences: [ownerOf(owner)] },
    spec: template.spec,
  };
}

function ownerOf(owner: KubernetesObject): OwnerReference {
  const { apiVersion = "", kind = "", metadata } = owner;
  const uid = metadata?.uid ?? standInUid(owner);
  return { apiVersion, kind, name: metadata?.name ?? "", uid, controller: true };
}

function claimOf(template: V1PersistentVolumeClaim, pod: string, namespace: string | undefined) {
  const name = `${template.metadata?.name}-${pod}`;
  const metadata = { ...template.metadata, name, namespace };
  return {
    ...template,
    apiVersion: apiVersionOf({ group: "", version: "v1" }),
    kind: "PersistentVolumeClaim",
    metadata,
  };
}

/** A claim template's volume takes the place of one of the same name, as the StatefulSet controller does it. */
function withClaims(
  pod: V1Pod,
  templates: readonly V1PersistentVolumeClaim[],
  claims: readonly V1PersistentVolumeClaim[],
): V1Pod {
  if (claims.length === 0) return pod;
  const volumes = claims.map((claim, i) => ({
    name: templates[i]!.metadata!.name!,
    persistentVolumeClaim: { claimName: claim.metadata!.name! },
  }));
  const others = (pod.spec!.volumes ?? []).filter((one) => !volumes.some(({ name }) => name === one.name));
  return { ...pod, spec: { ...pod.spec!, volumes: [...others, ...volumes] } };
}
