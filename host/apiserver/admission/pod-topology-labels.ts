import { Node, Pod } from "../../api/core-kinds.ts";
import type { V1Pod } from "../../api/generated/types.ts";
import type { Api } from "../api.ts";
import type { Admission } from "./chain.ts";
import { isOf, oneOf } from "./look-up.ts";

const LABELS = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

/** Where a node stands: what its pods are labelled with. */
export async function topologyLabels(api: Api, nodeName: string): Promise<Readonly<Record<string, string>>> {
  const labels = (await oneOf(api, Node, nodeName))?.metadata?.labels ?? {};
  return Object.fromEntries(
    LABELS.flatMap((key) => (labels[key] === undefined ? [] : [[key, labels[key]!]])),
  );
}

/** A pod that comes with its node says where that stands; others are told when they are bound (PodTopologyLabels). */
export const podTopologyLabels: Admission = (api, attributes) => {
  if (attributes.verb !== "create" || !isOf(attributes, Pod)) return;
  const pod = attributes.object as V1Pod;
  return pod.spec?.nodeName ? labelPod(api, pod, pod.spec.nodeName) : undefined;
};

async function labelPod(api: Api, pod: V1Pod, nodeName: string): Promise<void> {
  const labels = await topologyLabels(api, nodeName);
  if (Object.keys(labels).length > 0)
    pod.metadata = { ...pod.metadata, labels: { ...pod.metadata?.labels, ...labels } };
}
