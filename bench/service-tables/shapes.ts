import type { V1EndpointSlice, V1Service } from "../../host/api/generated/types.ts";
import { parseAddress } from "../../host/proxy/address.ts";

/** An IPv4 address as a number. */
export function numberOf(address: string): number {
  return parseAddress(address)!.words[3];
}

/** `count` Services of type ClusterIP, TCP 80; every fourth with session affinity. */
export function* services(count: number, endpoints: number): Iterable<V1Service | V1EndpointSlice> {
  for (let i = 0; i < count; i++) {
    yield serviceOf(i);
    yield sliceOf(i, endpoints);
  }
}

export function clusterIpOf(i: number): string {
  return `172.${16 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
}

export const isSticky = (i: number) => i % 4 === 3;

function serviceOf(i: number): V1Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: `ns-${i % 100}`, name: `svc-${i}` },
    spec: {
      type: "ClusterIP",
      clusterIP: clusterIpOf(i),
      clusterIPs: [clusterIpOf(i)],
      ipFamilies: ["IPv4"],
      ports: [{ name: "http", protocol: "TCP", port: 80 }],
      ...(isSticky(i)
        ? { sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } }
        : {}),
    },
  };
}

/** `round` changes the last endpoint. */
export function sliceOf(i: number, endpoints: number, round = 0): V1EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      namespace: `ns-${i % 100}`,
      name: `svc-${i}-1`,
      labels: { "kubernetes.io/service-name": `svc-${i}` },
    },
    addressType: "IPv4",
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
    endpoints: Array.from({ length: endpoints }, (_, k) => ({
      addresses: [endpointAddress(i * endpoints + k + (k === endpoints - 1 ? round * 7 : 0))],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${(i + k) % 50}`,
    })),
  };
}

function endpointAddress(i: number): string {
  return `10.${128 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
}
