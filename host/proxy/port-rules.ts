import { comparePlaces, type Endpoint } from "./endpoint.ts";
import { isExternallyAccessible, type ServicePort } from "./service-port.ts";

/**
 * What is decided for one service port on one node: which endpoints each way in reaches, and which chains there are. The
 * table, both renderers and the health checks follow these and decide nothing again. Source: service-tables 3.2, 3.3.
 */
export interface PortRules {
  readonly port: ServicePort;
  /** Reached where the policy is Cluster. */
  readonly clusterEndpoints: readonly Endpoint[];
  /** Reached where the policy is Local. */
  readonly localEndpoints: readonly Endpoint[];
  /** Either, in order. */
  readonly reachable: readonly Endpoint[];
  /** Why not all ready endpoints are in `clusterEndpoints`, if so. */
  readonly topology: "same-node" | "same-zone" | "none";
  /** Some endpoint would serve, here or elsewhere. Without one, packets are rejected. */
  readonly hasAny: boolean;
  /** The ClusterIP has somewhere to go; else, with hasAny, its packets are dropped. */
  readonly hasInternal: boolean;
  /** The same for packets from outside. */
  readonly hasExternal: boolean;
  readonly usesExternalChain: boolean;
  readonly usesFirewallChain: boolean;
  readonly usesClusterChain: boolean;
  readonly usesLocalChain: boolean;
}

export interface NodeFacts {
  readonly name: string;
  /** Of label topology.kubernetes.io/zone; "" without. */
  readonly zone: string;
}

const NONE: readonly Endpoint[] = [];

/** @param endpoints  as `endpointsOf` gives them */
export function portRules(port: ServicePort, endpoints: readonly Endpoint[], node: NodeFacts): PortRules {
  const accessible = isExternallyAccessible(port);
  const usesCluster = !port.internalLocal || accessible;
  const usesLocal = port.internalLocal || (port.externalLocal && accessible);
  const topology = usesCluster ? topologyMode(endpoints, node) : "none";
  const clusterEndpoints = usesCluster ? clusterEndpointsOf(endpoints, topology, node) : NONE;
  const localEndpoints = usesLocal ? readyOrServing(endpoints.filter((one) => one.isLocal)) : NONE;
  const hasAny =
    clusterEndpoints.length > 0 || (usesLocal && endpoints.some((one) => one.ready || isServingItsEnd(one)));
  const hasLocal = localEndpoints.length > 0;
  return {
    port,
    clusterEndpoints,
    localEndpoints,
    reachable: union(clusterEndpoints, localEndpoints),
    topology,
    hasAny,
    hasInternal: hasAny && (!port.internalLocal || hasLocal),
    hasExternal: hasAny && (!port.externalLocal || hasLocal),
    usesExternalChain: hasAny && accessible,
    usesFirewallChain: hasAny && port.loadBalancerVips.length > 0 && port.sourceRanges.length > 0,
    usesClusterChain: usesCluster && clusterEndpoints.length > 0,
    usesLocalChain: usesLocal && hasLocal,
  };
}

/** A terminating endpoint that still answers: taken where no other is ready. */
function isServingItsEnd({ serving, terminating }: Endpoint): boolean {
  return serving && terminating;
}

function readyOrServing(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  if (endpoints.every((one) => one.ready)) return endpoints;
  const ready = endpoints.filter((one) => one.ready);
  return ready.length > 0 ? ready : endpoints.filter(isServingItsEnd);
}

/** Hints count only when every ready endpoint has one, and one of them names this node or its zone. */
function topologyMode(endpoints: readonly Endpoint[], node: NodeFacts): PortRules["topology"] {
  const ready = endpoints.filter((one) => one.ready);
  if (
    ready.every((one) => one.nodeHints.length > 0) &&
    ready.some((one) => one.nodeHints.includes(node.name))
  )
    return "same-node";
  if (node.zone === "" || !ready.every((one) => one.zoneHints.length > 0)) return "none";
  return ready.some((one) => one.zoneHints.includes(node.zone)) ? "same-zone" : "none";
}

function clusterEndpointsOf(endpoints: readonly Endpoint[], mode: PortRules["topology"], node: NodeFacts) {
  const all = readyOrServing(endpoints);
  if (mode === "same-node") return all.filter((one) => one.nodeHints.includes(node.name));
  if (mode === "same-zone") return all.filter((one) => one.zoneHints.includes(node.zone));
  return all;
}

/** kube-proxy's order of a true union is that of a Go map; ours is that of the texts. */
function union(some: readonly Endpoint[], others: readonly Endpoint[]): readonly Endpoint[] {
  if (others.length === 0) return some;
  if (some.length === 0) return others;
  const known = new Set(some);
  const missing = others.filter((one) => !known.has(one));
  return missing.length === 0 ? some : [...some, ...missing].sort(comparePlaces);
}
