import type { V1Endpoint, V1EndpointSlice, V1Service } from "../../host/api/generated/types.ts";
import { parseAddress, parseRange } from "../../host/proxy/address.ts";
import type { ProxyOptions } from "../../host/proxy/proxy-options.ts";

/** Services and endpoints in few words, and the node that most tables are of. */

type Spec = NonNullable<V1Service["spec"]>;

/** `service("ns1/svc1", "172.30.0.41", "p80 TCP 80 3001", { type: "NodePort" })`; a port is `name protocol port nodePort`, name `-` for none. */
export function service(
  key: string,
  clusterIp: string,
  ports: string | readonly string[],
  spec: Partial<Spec> = {},
  ingress: NonNullable<NonNullable<V1Service["status"]>["loadBalancer"]>["ingress"] = [],
): V1Service {
  const [namespace, name] = key.split("/");
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name },
    spec: {
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ipFamilies: [clusterIp.includes(":") ? "IPv6" : "IPv4"],
      ports: [ports].flat().map((text) => {
        const [port = "-", protocol, number, nodePort] = text.split(" ");
        return {
          ...(port === "-" ? {} : { name: port }),
          protocol,
          port: Number(number),
          ...(nodePort === undefined ? {} : { nodePort: Number(nodePort) }),
        };
      }),
      ...spec,
    },
    ...(ingress.length > 0 ? { status: { loadBalancer: { ingress } } } : {}),
  };
}

/**
 * `slice("ns1/svc1", "p80 TCP 80", ["10.180.0.1 @test-node", "10.180.1.1 not-ready serving terminating zones=a,b"])`.
 * `suffix` tells slices of one Service apart.
 */
export function slice(
  key: string,
  ports: string | readonly string[],
  endpoints: readonly string[],
  suffix = "1",
): V1EndpointSlice {
  const [namespace, name] = key.split("/");
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace, name: `${name}-${suffix}`, labels: { "kubernetes.io/service-name": name! } },
    addressType: endpoints[0]?.includes(":") ? "IPv6" : "IPv4",
    ports: [ports].flat().map((text) => {
      const [port = "-", protocol, number] = text.split(" ");
      return { name: port === "-" ? "" : port, protocol, port: Number(number) };
    }),
    endpoints: endpoints.map(endpoint),
  };
}

function endpoint(text: string): V1Endpoint {
  const [address = "", ...words] = text.split(" ");
  const after = (start: string) => words.find((word) => word.startsWith(start))?.slice(start.length);
  const list = (start: string) =>
    after(start)
      ?.split(",")
      .map((name) => ({ name }));
  const terminating = words.includes("terminating");
  const notReady = words.includes("not-ready") || terminating;
  const hints = { forZones: list("zones="), forNodes: list("nodes=") };
  return {
    addresses: [address],
    conditions: {
      ready: !notReady,
      serving: !notReady || words.includes("serving"),
      terminating,
    },
    ...(after("@") === undefined ? {} : { nodeName: after("@") }),
    ...(hints.forZones || hints.forNodes ? { hints } : {}),
  };
}

export const NODE = "test-node";

const addresses = (...texts: string[]) => texts.map((text) => parseAddress(text)!);

/** The node of the reference: pods are 10.0.0.0/8, node 192.168.0.2. */
export const TEST_NODE: ProxyOptions = {
  nodeAddresses: addresses("192.168.0.2", "192.168.1.2", "192.168.99.11", "127.0.0.1", "2001:db8::1", "::1"),
  nodeIps: addresses("192.168.0.2", "2001:db8::1"),
  detectLocal: { by: "source", ranges: [parseRange("10.0.0.0/8")!, parseRange("fd00:10::/32")!] },
  masqueradeAll: false,
  masqueradeBit: 14,
  localhostNodePorts: true,
  nodePortAddresses: [],
  randomFully: true,
  dropInvalid: true,
  nfacct: { invalidDropped: false, localhostNodePorts: false },
};
