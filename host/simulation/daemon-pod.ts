import type { V1Node, V1Pod, V1Toleration } from "../api/generated/types.ts";
import { readNodeAffinity } from "../scheduler/node-affinity.ts";
import { forbids } from "../scheduler/taints.ts";

/** What every daemon pod tolerates. Source: k8s.io/kubernetes/pkg/controller/daemon/util, AddOrUpdateDaemonPodTolerations. */
const TOLERATIONS: readonly V1Toleration[] = [
  ["not-ready", "NoExecute"],
  ["unreachable", "NoExecute"],
  ["disk-pressure", "NoSchedule"],
  ["memory-pressure", "NoSchedule"],
  ["pid-pressure", "NoSchedule"],
  ["unschedulable", "NoSchedule"],
].map(([name, effect]) => ({ key: `node.kubernetes.io/${name}`, operator: "Exists", effect }));

const ON_HOST_NETWORK: V1Toleration = {
  key: "node.kubernetes.io/network-unavailable",
  operator: "Exists",
  effect: "NoSchedule",
};

/**
 * The pod of a DaemonSet for one node, tied to it by a node affinity on its name; undefined when the DaemonSet does not
 * run there (nodeSelector, node affinity, taints). Resources do not matter: the pod may end up unscheduled.
 */
export function daemonPod(template: V1Pod, node: V1Node): V1Pod | undefined {
  const spec = template.spec!;
  const name = node.metadata!.name!;
  const tolerations = [
    ...(spec.tolerations ?? []),
    ...TOLERATIONS,
    ...(spec.hostNetwork ? [ON_HOST_NETWORK] : []),
  ];
  if (spec.nodeName && spec.nodeName !== name) return undefined;
  if ((node.spec?.taints ?? []).some((taint) => forbids(taint, tolerations))) return undefined;
  // Validation has seen the affinity: there are no errors left to collect.
  const affinity = readNodeAffinity(template, []);
  if (!affinity.matches({ name, labels: node.metadata?.labels ?? {} })) return undefined;
  const byName = { matchFields: [{ key: "metadata.name", operator: "In", values: [name] }] };
  const nodeAffinity = {
    ...spec.affinity?.nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [byName] },
  };
  return {
    ...template,
    spec: { ...spec, nodeName: undefined, tolerations, affinity: { ...spec.affinity, nodeAffinity } },
  };
}
