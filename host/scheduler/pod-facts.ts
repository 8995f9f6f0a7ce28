import type { V1Pod, V1Toleration } from "../api/generated/types.ts";
import { type FieldError, invalidObject, required } from "../apimachinery/field-error.ts";
import { readRequiredFeatures } from "./declared-features.ts";
import { type HostPort, readHostPorts } from "./host-ports.ts";
import { type PodImages, readPodImages } from "./images.ts";
import { type NodeAffinity, readNodeAffinity } from "./node-affinity.ts";
import { type PodRequests, readPodRequests } from "./pod-requests.ts";
import { type PodVolumes, readPodVolumes, volumeParts } from "./pod-volumes.ts";
import type { Amounts } from "./resource-list.ts";
import { isScalarResource } from "./resource-names.ts";
import { type PodTopology, readPodTopology, topologyParts } from "./topology-facts.ts";

/** What a pod to be placed asks of a node. Pods with equal signatures have equal facts, and share a class in the core. */
export interface PodFacts extends PodRequests {
  readonly signature: string;
  /** Extended and other scalar resources it asks for, each > 0. */
  readonly extended: Amounts;
  readonly ports: readonly HostPort[];
  readonly tolerations: readonly V1Toleration[];
  /** spec.nodeName, which a pod to be placed seldom has. */
  readonly nodeName: string | undefined;
  readonly affinity: NodeAffinity;
  /** Features that its node has to declare. */
  readonly features: readonly string[];
  readonly images: PodImages;
  readonly topology: PodTopology;
  /** Undefined for a pod whose volumes are of no interest. */
  readonly volumes: PodVolumes | undefined;
}

/** What a bound pod takes of its node. */
export interface BoundPodFacts extends PodRequests {
  readonly extended: Amounts;
  readonly ports: readonly HostPort[];
  readonly topology: PodTopology;
  readonly volumes: PodVolumes | undefined;
}

/** `namespace/name`; a manifest without a namespace means `default`. */
export function podKey(pod: V1Pod): string {
  return `${pod.metadata?.namespace || "default"}/${pod.metadata?.name ?? ""}`;
}

const PODS = { group: "", plural: "pods", kind: "Pod" };

/**
 * Everything that the plugins read of a pod, as one text: cheap next to reading it, and equal for all pods of a template.
 */
export function signatureOf(pod: V1Pod): string {
  const spec = pod.spec;
  const container = (one: NonNullable<typeof spec>["containers"][number]) => [
    one.image,
    one.resources?.requests,
    one.resources?.limits,
    one.restartPolicy,
    one.restartPolicyRules,
    one.ports?.map((port) => [port.hostIP, port.protocol, port.hostPort, port.containerPort]),
  ];
  return JSON.stringify([
    spec?.containers?.map(container),
    spec?.initContainers?.map(container),
    spec?.resources,
    spec?.overhead,
    spec?.hostNetwork,
    spec?.hostUsers,
    spec?.nodeName,
    spec?.nodeSelector,
    spec?.affinity?.nodeAffinity,
    spec?.tolerations,
    ...topologyParts(pod),
    ...volumeParts(pod),
  ]);
}

/** @throws ApiError 422 with every bad field */
export function readPod(pod: V1Pod, signature = signatureOf(pod)): PodFacts {
  const errors: FieldError[] = [];
  const requests = readPodRequests(pod, "spec", errors);
  const affinity = readNodeAffinity(pod, errors);
  const topology = readPodTopology(pod, errors);
  refuse(pod, errors);
  return {
    ...requests,
    signature,
    extended: extendedOf(requests.requests),
    ports: readHostPorts(pod),
    tolerations: pod.spec?.tolerations ?? [],
    nodeName: pod.spec?.nodeName || undefined,
    affinity,
    features: readRequiredFeatures(pod),
    images: readPodImages(pod),
    topology,
    volumes: readPodVolumes(pod),
  };
}

/** @throws ApiError 422 with every bad field */
export function readBoundPod(pod: V1Pod): BoundPodFacts {
  const errors: FieldError[] = [];
  const requests = readPodRequests(pod, "status", errors);
  if (!pod.spec?.nodeName) errors.push(required("spec.nodeName", "the pod is not bound"));
  refuse(pod, errors);
  return {
    ...requests,
    extended: extendedOf(requests.requests),
    ports: readHostPorts(pod),
    // Kubernetes takes a bound pod's terms as they are: a mistake in them must not hide what the pod takes.
    topology: readPodTopology(pod, []),
    volumes: readPodVolumes(pod),
  };
}

function extendedOf(requests: Amounts): Amounts {
  return new Map([...requests].filter(([name, amount]) => amount > 0 && isScalarResource(name)));
}

function refuse(pod: V1Pod, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject(PODS, pod.metadata?.name ?? "", errors);
}
