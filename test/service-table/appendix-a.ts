import type { V1EndpointSlice, V1Node, V1Service } from "../../host/api/generated/types.ts";
import { NODE, service, slice } from "./shorthand.ts";

/** The six Services of the reference's Appendix A. */
export const APPENDIX_A: readonly (V1Service | V1EndpointSlice | V1Node)[] = [
  {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: NODE },
    status: { addresses: [{ type: "InternalIP", address: "192.168.0.2" }] },
  },
  service("ns1/svc1", "172.30.0.41", "p80 TCP 80"),
  slice("ns1/svc1", "p80 TCP 80", ["10.180.0.1"]),
  service(
    "ns2/svc2",
    "172.30.0.42",
    "p80 TCP 80 3001",
    {
      type: "LoadBalancer",
      externalTrafficPolicy: "Local",
      externalIPs: ["192.168.99.22"],
      healthCheckNodePort: 30000,
    },
    [{ ip: "1.2.3.4" }],
  ),
  slice("ns2/svc2", "p80 TCP 80", ["10.180.0.2"]),
  service("ns3/svc3", "172.30.0.43", "p80 TCP 80 3003", { type: "NodePort" }),
  slice("ns3/svc3", "p80 TCP 80", ["10.180.0.3"]),
  service("ns4/svc4", "172.30.0.44", "p80 TCP 80", { type: "NodePort", externalIPs: ["192.168.99.33"] }),
  slice("ns4/svc4", "p80 TCP 80", ["10.180.0.5", "10.180.0.4"]),
  service(
    "ns5/svc5",
    "172.30.0.45",
    "p80 TCP 80 3002",
    {
      type: "LoadBalancer",
      loadBalancerSourceRanges: [" 203.0.113.0/25"],
      sessionAffinity: "ClientIP",
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
      healthCheckNodePort: 30000,
    },
    [{ ip: "5.6.7.8" }],
  ),
  slice("ns5/svc5", "p80 TCP 80", ["10.180.0.3"]),
  service("ns6/svc6", "172.30.0.46", "p80 TCP 80"),
];
