import type { V1Service } from "../../api/generated/types.ts";
import { servicePortsOf } from "../service-port.ts";

/** A port of this machine that a Service wants, and what a packet to it is to the table. */
export interface PortClaim {
  /** `namespace/name` */
  readonly service: string;
  readonly protocol: "TCP" | "UDP";
  /** Of this machine. */
  readonly port: number;
  readonly by: "node port" | "load balancer";
  /** Where the table is told that packets go, with the same port. */
  readonly destination: string;
}

/** Where everything opens: nothing listens beyond this machine. */
export const LISTEN_ADDRESS = "127.0.0.1";

/**
 * What a Service wants to be open: its node ports and, of type LoadBalancer, its own ports too, as where Docker Desktop is
 * the load balancer. A Service that names a class of load balancers is left to that one. SCTP cannot be carried in user
 * space: Node.js has none.
 *
 * @param balancerAddress  that of its load balancer in the table
 */
export function claimsOf(service: V1Service, balancerAddress: string): PortClaim[] {
  const ports = servicePortsOf(service, { family: "ipv4", allowExternalIps: true }, []);
  const isBalanced = isBalancedHere(service);
  const hasNodePorts = service.spec?.type === "NodePort" || service.spec?.type === "LoadBalancer";
  return ports.flatMap(({ service: name, protocol, port, nodePort }): PortClaim[] => {
    if (protocol === "SCTP") return [];
    const shared = { service: name, protocol };
    return [
      ...(isBalanced
        ? [{ ...shared, port, by: "load balancer" as const, destination: balancerAddress }]
        : []),
      ...(hasNodePorts && nodePort !== 0
        ? [{ ...shared, port: nodePort, by: "node port" as const, destination: LISTEN_ADDRESS }]
        : []),
    ];
  });
}

/** Whether this machine is the Service's load balancer. */
export function isBalancedHere({ spec }: V1Service): boolean {
  return spec?.type === "LoadBalancer" && spec.loadBalancerClass === undefined;
}

/** The Service as the table is to see it: with an address of its own for what comes to the load balancer. */
export function withBalancer(service: V1Service, balancerAddress: string): V1Service {
  if (!isBalancedHere(service)) return service;
  const { loadBalancer } = service.status ?? {};
  const ingress = [...(loadBalancer?.ingress ?? []), { ip: balancerAddress }];
  return { ...service, status: { ...service.status, loadBalancer: { ingress } } };
}

/**
 * An address for each Service's load balancer, known to the table alone. Behind 127.0.0.1 all of them would be one, and of
 * two Services with the same port the table would not know which has the socket. 240.0.0.0/4 is nobody's.
 */
export class BalancerAddresses {
  readonly #numbers = new Map<string, number>();
  readonly #free: number[] = [];

  get(service: string): string {
    let number = this.#numbers.get(service);
    if (number === undefined) {
      number = this.#free.pop() ?? this.#numbers.size + 1;
      this.#numbers.set(service, number);
    }
    return `240.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
  }

  release(service: string): void {
    const number = this.#numbers.get(service);
    if (number === undefined) return;
    this.#numbers.delete(service);
    this.#free.push(number);
  }
}
