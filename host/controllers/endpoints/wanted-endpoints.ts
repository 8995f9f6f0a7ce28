import type {
  DiscoveryV1EndpointPort,
  V1Endpoint,
  V1EndpointHints,
  V1Node,
  V1Pod,
  V1Service,
} from "../../api/generated/types.ts";
import { isReady } from "../pod-state.ts";
import {
  addressOf,
  type Family,
  hasEndpoint,
  hostnameOf,
  podReference,
  targetPortOf,
} from "./service-pods.ts";

/** Endpoints that share their ports: a named port may be another number on another pod. */
export interface EndpointGroup {
  readonly ports: DiscoveryV1EndpointPort[];
  readonly endpoints: V1Endpoint[];
}

export interface WantedEndpoints {
  readonly groups: readonly EndpointGroup[];
  /** Nodes that pods say they run on and that are not in the cache: their pods are left out for now. */
  readonly missingNodes: readonly string[];
}

/** The endpoints a Service should have for one address family. Source: controllers.md 10.1, service-tables.md 7. */
export function wantedEndpoints(
  service: V1Service,
  family: Family,
  pods: readonly V1Pod[],
  findNode: (name: string) => V1Node | undefined,
): WantedEndpoints {
  const groups = new Map<string, EndpointGroup>();
  const missingNodes: string[] = [];
  for (const pod of pods) {
    const address = addressOf(pod, family);
    if (address === undefined || !hasEndpoint(pod)) continue;
    const nodeName = pod.spec?.nodeName ?? "";
    const node = findNode(nodeName);
    if (node === undefined && !service.spec?.publishNotReadyAddresses) {
      missingNodes.push(nodeName);
      continue;
    }
    const ports = portsOf(service, pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    groups.set(key, group);
    group.endpoints.push(endpointOf(service, pod, address, node));
  }
  return { groups: [...groups.values()], missingNodes };
}

function portsOf(service: V1Service, pod: V1Pod): DiscoveryV1EndpointPort[] {
  return (service.spec?.ports ?? []).flatMap((servicePort) => {
    const port = targetPortOf(servicePort, pod);
    if (port === undefined) return [];
    const { name = "", protocol = "TCP", appProtocol } = servicePort;
    return [{ name, protocol, port, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

function endpointOf(service: V1Service, pod: V1Pod, address: string, node: V1Node | undefined): V1Endpoint {
  const serving = isReady(pod);
  const terminating = pod.metadata?.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const zone = node?.metadata?.labels?.["topology.kubernetes.io/zone"];
  const hostname = hostnameOf(pod, service);
  const hints = ready ? hintsOf(service, zone, pod.spec?.nodeName) : undefined;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: podReference(pod),
    ...(pod.spec?.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...(hints === undefined ? {} : { hints }),
  };
}

/** trafficDistribution: an endpoint is meant for its own zone, and for its own node when that is preferred. */
function hintsOf(
  service: V1Service,
  zone: string | undefined,
  node: string | undefined,
): V1EndpointHints | undefined {
  const distribution = service.spec?.trafficDistribution;
  const byZone = ["PreferClose", "PreferSameZone", "PreferSameNode"].includes(distribution ?? "");
  if (!byZone || zone === undefined) return undefined;
  const forNodes =
    distribution === "PreferSameNode" && node !== undefined ? { forNodes: [{ name: node }] } : {};
  return { forZones: [{ name: zone }], ...forNodes };
}
