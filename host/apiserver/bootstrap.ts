import type { V1EndpointSlice, V1Endpoints, V1Service, V1ServiceCIDR } from "../api/generated/types.ts";
import { findKindByName } from "../api/registry.ts";
import { formatTime } from "../apimachinery/clock.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { serviceAddress } from "./allocators/service-ranges.ts";
import type { Api, User, WriteContext } from "./api.ts";
import { reconcileBootstrapPolicy } from "./authorization/bootstrap/reconcile-policy.ts";
import type { ServerAddress } from "./peers.ts";
import { storagePrefix } from "./storage/keys.ts";
import type { AnyObject } from "./storage/view.ts";
import { create } from "./verbs/create.ts";
import { update } from "./verbs/update.ts";

const SERVER: User = { name: "system:apiserver", groups: ["system:masters", "system:authenticated"] };
/** As whom the API server writes. */
export const CONTEXT: WriteContext = {
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
  await ensureServiceCidr(api);
  await reconcileBootstrapPolicy(api, CONTEXT);
}

/** ServiceCIDR kubernetes: the ranges that Services get their addresses from, for those who look; flags decide them. */
async function ensureServiceCidr(api: Api): Promise<void> {
  const name = "kubernetes";
  const object: V1ServiceCIDR = {
    apiVersion: "networking.k8s.io/v1",
    kind: "ServiceCIDR",
    metadata: { name },
    spec: { cidrs: api.services.ranges.map(({ cidr }) => cidr) },
  };
  await ensure(api, object);
  const kind = kindOf(object);
  const found = (await api.objects.find(kind, { name }))?.object as V1ServiceCIDR | undefined;
  if (found === undefined || found.status?.conditions?.length) return;
  const ready = {
    type: "Ready",
    status: "True",
    reason: "",
    message: "Kubernetes Service CIDR is ready",
    lastTransitionTime: formatTime(api.clock.nowMs()),
  };
  const value: AnyObject = { ...object, status: { conditions: [ready] } };
  await update(api, { kind, name, subresource: "status" }, { value, strictErrors: [] }, CONTEXT);
}

/** ConfigMap kube-system/extension-apiserver-authentication: how servers behind this one know whom it speaks for. */
export async function publishAuthentication(api: Api, data: Readonly<Record<string, string>>): Promise<void> {
  await put(api, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "extension-apiserver-authentication", namespace: "kube-system" },
    data,
  } as KubernetesObject);
}

/**
 * Service default/kubernetes and where it leads: these servers. Ports may be other ones after a restart.
 *
 * @param servers  at least one, in an order that is the same whoever asks
 */
export async function publishServers(api: Api, servers: readonly ServerAddress[]): Promise<void> {
  const byPort = new Map<number, ServerAddress[]>();
  for (const server of servers) byPort.set(server.port, [...(byPort.get(server.port) ?? []), server]);
  await put(api, kubernetesService(serviceAddress(api.services.ranges[0]!, 1), servers[0]!.port));
  await put(api, kubernetesEndpoints(byPort));
  const slices = [...byPort].map(([port, them], i) => kubernetesSlice(i, port, them));
  for (const slice of slices) await put(api, slice);
  await removeOtherSlices(api, new Set(slices.map(({ metadata }) => metadata?.name)));
}

function kubernetesService(clusterIP: string, targetPort: number): V1Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "kubernetes",
      namespace: "default",
      labels: { component: "apiserver", provider: "kubernetes" },
    },
    spec: {
      clusterIP,
      ports: [{ name: "https", port: 443, protocol: "TCP", targetPort }],
      type: "ClusterIP",
    },
  };
}

function kubernetesEndpoints(byPort: ReadonlyMap<number, readonly ServerAddress[]>): V1Endpoints {
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: {
      name: "kubernetes",
      namespace: "default",
      labels: { "endpointslice.kubernetes.io/skip-mirror": "true" },
    },
    subsets: [...byPort].map(([port, servers]) => ({
      addresses: servers.map(({ address: ip }) => ({ ip })),
      ports: [{ name: "https", port, protocol: "TCP" }],
    })),
  };
}

/** A slice has one list of ports for all its endpoints: servers on other ports are in others, `kubernetes-<port>`. */
function kubernetesSlice(index: number, port: number, servers: readonly ServerAddress[]): V1EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: index === 0 ? "kubernetes" : `kubernetes-${port}`,
      namespace: "default",
      labels: { "kubernetes.io/service-name": "kubernetes" },
    },
    addressType: "IPv4",
    endpoints: servers.map(({ address }) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: "https", port, protocol: "TCP" }],
  };
}

async function removeOtherSlices(api: Api, wanted: ReadonlySet<string | undefined>): Promise<void> {
  const kind = findKindByName("discovery.k8s.io/v1", "EndpointSlice")!;
  const { entries } = await api.objects.store.range(`${storagePrefix(kind, "default")}kubernetes-`);
  for (const entry of entries) {
    const { object } = api.objects.views.of(entry);
    const { name = "", labels } = object.metadata ?? {};
    const isOurs = /^kubernetes-\d+$/.test(name) && labels?.["kubernetes.io/service-name"] === "kubernetes";
    // One that has just been written anew is left to whoever wrote it.
    if (isOurs && !wanted.has(name)) await api.objects.remove(entry, object);
  }
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
    // Another API server that begins at the same moment may have been faster. Then the name is taken, or the address.
    if (!(await api.objects.find(kind, { name, namespace }))) throw error;
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
