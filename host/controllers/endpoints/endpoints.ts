import { createHash } from "node:crypto";
import { Endpoints, Service } from "../../api/core-kinds.ts";
import type {
  CoreV1EndpointPort,
  V1EndpointAddress,
  V1EndpointSubset,
  V1Endpoints,
  V1Pod,
  V1Service,
} from "../../api/generated/types.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { type ObjectKey, objectKey } from "../../apimachinery/object.ts";
import { type Change, create, note, remove, update } from "../change.ts";
import { isReady } from "../pod-state.ts";
import { controller } from "../runtime.ts";
import { self, watch } from "../watches.ts";
import {
  addressOf,
  familiesOf,
  hasEndpoint,
  hostnameOf,
  isHeadless,
  isManaged,
  podReference,
  podsOf,
  servicesOfPods,
  targetPortOf,
} from "./service-pods.ts";

export interface ObservedEndpoints {
  readonly service: V1Service | undefined;
  readonly pods: readonly V1Pod[];
  readonly endpoints: V1Endpoints | undefined;
}

const MANAGED_BY = "endpoints.kubernetes.io/managed-by";
const HEADLESS = "service.kubernetes.io/headless";
const LEADER = "control-plane.alpha.kubernetes.io/leader";
const OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity";
const MAX_ADDRESSES = 1000;

export const endpointsController = controller<ObservedEndpoints>({
  name: "endpoint-controller",
  watches: [
    self(Service),
    servicesOfPods,
    watch(Endpoints, (endpoints, _, why): readonly ObjectKey[] =>
      why === "deleted" ? [objectKey(endpoints)] : [],
    ),
  ],
  tries: 15,
  observe: (key, { informers }) => {
    const service = informers.get(Service).lister.get(key);
    const endpoints = informers.get(Endpoints).lister.get(key);
    if (service !== undefined && !isManaged(service)) return undefined;
    return { service, endpoints, pods: service === undefined ? [] : podsOf(service, informers) };
  },
  reconcile: reconcileEndpoints,
});

/** The one-object form of a Service's endpoints, which old clients read. Source: controllers.md 10.2. */
export function reconcileEndpoints({ service, pods, endpoints }: ObservedEndpoints): readonly Change[] {
  if (service === undefined) {
    if (endpoints === undefined || endpoints.metadata?.annotations?.[LEADER] !== undefined) return [];
    return [remove(Endpoints, endpoints, { failure: (error) => (error.code === 404 ? [] : undefined) })];
  }
  const { namespace, name = "" } = service.metadata ?? {};
  const { subsets, truncated } = limited(subsetsOf(service, pods));
  const labels = {
    ...service.metadata?.labels,
    ...(isHeadless(service) ? { [HEADLESS]: "" } : {}),
    [MANAGED_BY]: "endpoint-controller",
  };
  if (!isHeadless(service)) delete (labels as Record<string, string>)[HEADLESS];
  const { [OVER_CAPACITY]: _, ...others } = endpoints?.metadata?.annotations ?? {};
  const annotations: Record<string, string> = truncated
    ? { ...others, [OVER_CAPACITY]: "truncated" }
    : others;
  const wanted: V1Endpoints = {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: {
      ...endpoints?.metadata,
      namespace,
      name,
      labels,
      ...(Object.keys(annotations).length === 0 ? { annotations: undefined } : { annotations }),
    },
    ...(subsets.length === 0 ? {} : { subsets }),
  };
  const failed = (reason: string) => ({
    refused: (error: Error) => [
      note(
        Service,
        service,
        "Warning",
        reason,
        `Failed to update endpoint ${namespace}/${name}: ${error.message}`,
      ),
    ],
  });
  if (endpoints === undefined) return [create(Endpoints, wanted, failed("FailedToCreateEndpoint"))];
  const same = deepEqual(wanted.metadata, endpoints.metadata) && deepEqual(subsets, endpoints.subsets ?? []);
  return same ? [] : [update(Endpoints, wanted, failed("FailedToUpdateEndpoint"))];
}

/** Addresses with the same ports share a subset; everything is sorted, so that the same pods give the same object. */
function subsetsOf(service: V1Service, pods: readonly V1Pod[]): V1EndpointSubset[] {
  const family = familiesOf(service)[0] ?? "IPv4";
  const evenUnready = service.spec?.publishNotReadyAddresses === true;
  const groups = new Map<string, { ports: CoreV1EndpointPort[]; ready: V1Pod[]; notReady: V1Pod[] }>();
  for (const pod of pods) {
    if (!hasEndpoint(pod) || addressOf(pod, family) === undefined) continue;
    if (pod.metadata?.deletionTimestamp !== undefined && !evenUnready) continue;
    const ports = portsOf(service, pod);
    if (ports.length === 0 && !isHeadless(service)) continue;
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, ready: [], notReady: [] };
    groups.set(key, group);
    (evenUnready || isReady(pod) ? group.ready : group.notReady).push(pod);
  }
  const list = (all: readonly V1Pod[]): V1EndpointAddress[] =>
    all
      .map((pod) => toAddress(pod, addressOf(pod, family)!, service))
      .map((address) => ({ address, order: `${sortable(address.ip)} ${address.targetRef?.uid}` }))
      .sort((a, b) => (a.order < b.order ? -1 : 1))
      .map(({ address }) => address);
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length === 0 ? {} : { addresses: list(ready) }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: list(notReady) }),
      ...(ports.length === 0 ? {} : { ports }),
    }));
}

function toAddress(pod: V1Pod, ip: string, service: V1Service): V1EndpointAddress {
  const hostname = hostnameOf(pod, service);
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    nodeName: pod.spec?.nodeName,
    targetRef: podReference(pod),
  };
}

function portsOf(service: V1Service, pod: V1Pod): CoreV1EndpointPort[] {
  const ports = (service.spec?.ports ?? []).flatMap((servicePort): CoreV1EndpointPort[] => {
    const port = targetPortOf(servicePort, pod);
    if (port === undefined) return [];
    const { name, protocol = "TCP", appProtocol } = servicePort;
    return [
      {
        ...(name ? { name } : {}),
        port,
        protocol,
        ...(appProtocol === undefined ? {} : { appProtocol }),
      },
    ];
  });
  return ports.sort((a, b) => Buffer.compare(portHash(a), portHash(b)));
}

/** Kubernetes sorts ports by the MD5 of their Go dump (endpoints.SortSubsets); clients see that order. */
function portHash({ name = "", port, protocol, appProtocol }: CoreV1EndpointPort): Buffer {
  const dump = `(v1.EndpointPort){Name:(string)${name} Port:(int32)${port} Protocol:(v1.Protocol)${protocol} AppProtocol:(*string)${appProtocol ?? "<nil>"}}`;
  return createHash("md5").update(dump).digest();
}

/** `10.0.0.9` as `010.000.000.009`, which sorts as its bytes do. */
function sortable(ip: string): string {
  return ip.includes(":")
    ? ip
    : ip
        .split(".")
        .map((part) => part.padStart(3, "0"))
        .join(".");
}

/** At most 1000 addresses, the ready ones first; slices have them all. */
function limited(subsets: readonly V1EndpointSubset[]): { subsets: V1EndpointSubset[]; truncated: boolean } {
  const count = (list: readonly unknown[] = []) => list.length;
  const all = subsets.reduce((sum, one) => sum + count(one.addresses) + count(one.notReadyAddresses), 0);
  if (all <= MAX_ADDRESSES) return { subsets: [...subsets], truncated: false };
  let room = MAX_ADDRESSES;
  const take = (list: V1EndpointAddress[] | undefined) => {
    const taken = list?.slice(0, room);
    room -= count(taken);
    return taken;
  };
  const ready = subsets.map((one) => take(one.addresses));
  const kept = subsets.map((one, i) => ({
    ...one,
    addresses: ready[i],
    notReadyAddresses: take(one.notReadyAddresses),
  }));
  return {
    subsets: kept.filter((one) => count(one.addresses) + count(one.notReadyAddresses) > 0),
    truncated: true,
  };
}
