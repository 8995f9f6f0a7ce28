import type { V1Pod } from "../api/generated/types.ts";

/** A port a pod takes on its node's own address. */
export interface HostPort {
  readonly address: string;
  readonly protocol: string;
  readonly port: number;
}

/** The IPv4 wildcard only: kube-scheduler does not treat `::` as one. */
const WILDCARD = "0.0.0.0";

/** Ports of containers and sidecars; on the host's network every container port is one. Source: util.GetHostPorts. */
export function readHostPorts(pod: V1Pod): HostPort[] {
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const hostNetwork = pod.spec?.hostNetwork === true;
  return [...(pod.spec?.containers ?? []), ...sidecars]
    .flatMap((container) => container.ports ?? [])
    .map(({ hostIP, protocol, hostPort, containerPort }) => ({
      address: hostIP || WILDCARD,
      protocol: protocol || "TCP",
      port: hostPort || (hostNetwork ? containerPort : 0),
    }))
    .filter(({ port }) => port > 0);
}

/** Whether two pods with these ports cannot share a node. */
export function portsConflict(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.address === b.address || a.address === WILDCARD || b.address === WILDCARD;
}

export function hostPortKey({ address, protocol, port }: HostPort): string {
  return `${protocol} ${address} ${port}`;
}
