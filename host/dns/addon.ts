import { Service } from "../api/core-kinds.ts";
import type { V1Service } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import { findKindByName } from "../api/registry.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Client } from "../client/client.ts";

/** Who the name server is to the API server. */
export const DNS_USER = {
  name: "system:serviceaccount:kube-system:coredns",
  groups: ["system:serviceaccounts", "system:serviceaccounts:kube-system"],
};

const LABELS = {
  "k8s-app": "kube-dns",
  "kubernetes.io/cluster-service": "true",
  "kubernetes.io/name": "CoreDNS",
};

/**
 * What kubeadm's DNS addon makes, beside the server itself: its Service, and what it may read. What is there stays as it
 * is. The Service leads to no endpoint: the server listens on this machine's loopback, which no slice may name.
 *
 * @param address  by convention the tenth of the Services' range
 */
export async function ensureDnsObjects(client: Client, address: string, log: Logger): Promise<void> {
  for (const object of [...accessObjects(), serviceAt(address)]) {
    const kind = findKindByName(object.apiVersion!, object.kind!)!;
    await ensure(client, kind as unknown as Kind, object, log);
  }
}

async function ensure(client: Client, kind: Kind, object: KubernetesObject, log: Logger): Promise<void> {
  try {
    await client.create(kind, object);
  } catch (error) {
    if (isReason(error, "AlreadyExists")) return;
    if (kind.kind !== Service.kind || !isReason(error, "Invalid")) throw error;
    // As in Kubernetes the address is asked for before the name, so a Service made at an earlier start is refused for its own.
    const { items } = await client.list(Service, { namespace: object.metadata?.namespace });
    if (items.some((one) => one.metadata?.name === object.metadata?.name)) return;
    // The address is somebody else's: names are answered without it.
    log.warn("no Service kube-dns", { error: String(error) });
  }
}

function serviceAt(clusterIP: string): V1Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "kube-dns", namespace: "kube-system", labels: LABELS },
    spec: {
      clusterIP,
      ports: [
        { name: "dns", port: 53, protocol: "UDP" },
        { name: "dns-tcp", port: 53, protocol: "TCP" },
      ],
    },
  };
}

function accessObjects(): KubernetesObject[] {
  const rbac = "rbac.authorization.k8s.io";
  const role = {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRole",
    metadata: { name: "system:coredns" },
    rules: [
      { apiGroups: [""], resources: ["services", "namespaces"], verbs: ["list", "watch"] },
      { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
    ],
  };
  const binding = {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: "system:coredns" },
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "system:coredns" },
    subjects: [{ kind: "ServiceAccount", name: "coredns", namespace: "kube-system" }],
  };
  return [role, binding];
}
