import type { V1EndpointSlice, V1Endpoints, V1Service } from "../api/generated/types.ts";
import { findKindByName } from "../api/registry.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { formatIpv4 } from "./allocators/ip-range.ts";
import { SERVICE_CIDR } from "./allocators/services.ts";
import type { Api, User, WriteContext } from "./api.ts";
import type { AnyObject } from "./storage/view.ts";
import { create } from "./verbs/create.ts";
import { update } from "./verbs/update.ts";

const SERVER: User = { name: "system:apiserver", groups: ["system:masters", "system:authenticated"] };
const CONTEXT: WriteContext = {
  user: SERVER,
  dryRun: false,
  fieldValidation: "Strict",
  warn: () => {},
};

const NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"];

const PRIORITY_CLASSES = [
  {
    name: "system-cluster-critical",
    value: 2_000_000_000,
    description:
      "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
  },
  {
    name: "system-node-critical",
    value: 2_000_001_000,
    description: "Used for system critical pods that must not be moved from their current node.",
  },
];

/** The objects a cluster cannot be without (api-wire 28). What is there already stays. */
export async function createBootstrapObjects(api: Api): Promise<void> {
  for (const name of NAMESPACES) {
    await ensure(api, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
  for (const { name, ...rest } of PRIORITY_CLASSES) {
    await ensure(api, {
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: { name },
      ...rest,
    } as KubernetesObject);
  }
}

/** Service default/kubernetes and where it leads: this server. The port may be another one after a restart. */
export async function publishServer(api: Api, address: string, port: number): Promise<void> {
  await put(api, kubernetesService(port));
  await put(api, kubernetesEndpoints(address, port));
  await put(api, kubernetesSlice(address, port));
}

function kubernetesService(targetPort: number): V1Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "kubernetes",
      namespace: "default",
      labels: { component: "apiserver", provider: "kubernetes" },
    },
    spec: {
      clusterIP: formatIpv4(SERVICE_CIDR.base + 1),
      ports: [{ name: "https", port: 443, protocol: "TCP", targetPort }],
      type: "ClusterIP",
    },
  };
}

function kubernetesEndpoints(ip: string, port: number): V1Endpoints {
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: {
      name: "kubernetes",
      namespace: "default",
      labels: { "endpointslice.kubernetes.io/skip-mirror": "true" },
    },
    subsets: [{ addresses: [{ ip }], ports: [{ name: "https", port, protocol: "TCP" }] }],
  };
}

function kubernetesSlice(address: string, port: number): V1EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: "kubernetes",
      namespace: "default",
      labels: { "kubernetes.io/service-name": "kubernetes" },
    },
    addressType: "IPv4",
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: "https", port, protocol: "TCP" }],
  };
}

function kindOf(object: KubernetesObject) {
  const kind = findKindByName(object.apiVersion ?? "", object.kind ?? "");
  if (kind === undefined) throw new Error(`bootstrap: no kind ${object.apiVersion} ${object.kind}`);
  return kind;
}

async function ensure(api: Api, object: KubernetesObject): Promise<void> {
  const kind = kindOf(object);
  const { name = "", namespace } = object.metadata ?? {};
  if (await api.objects.find(kind, { name, namespace })) return;
  try {
    await create(api, kind, namespace, { value: object, strictErrors: [] }, CONTEXT);
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
  }
}

async function put(api: Api, object: KubernetesObject): Promise<void> {
  const kind = kindOf(object);
  const { name = "", namespace } = object.metadata ?? {};
  const found = await api.objects.find(kind, { name, namespace });
  if (found === undefined) return ensure(api, object);
  const value: AnyObject = { ...object, metadata: { ...found.object.metadata, ...object.metadata } };
  delete value.metadata?.resourceVersion;
  await update(api, { kind, namespace, name }, { value, strictErrors: [] }, CONTEXT);
}
