import { endpointText } from "./address.ts";
import type { ServiceModel } from "./service-model.ts";

/** A UDP flow as conntrack has it. */
export interface UdpFlow {
  readonly destination: string;
  readonly destinationPort: number;
  /** Where replies come from: the endpoint that was chosen, or the destination itself. */
  readonly replySource: string;
  readonly replyPort: number;
}

/**
 * Says which UDP flows are to be forgotten: those through a known address or node port whose endpoint does not serve any
 * more, or that were never translated. A client that keeps its port would stay on a dead endpoint otherwise. Policies and
 * topology do not matter, so what works goes on; a Service without a serving endpoint is left alone. Source: service-tables
 * 4.3.
 *
 * @param sparesLast  false: also those of a Service without a serving endpoint
 */
export function staleUdpFlows(model: ServiceModel, sparesLast = true): (flow: UdpFlow) => boolean {
  const byAddress = new Map<string, ReadonlySet<string>>();
  const byNodePort = new Map<number, ReadonlySet<string>>();
  for (const { port } of model.allRules()) {
    if (port.protocol !== "UDP") continue;
    const serving = new Set(
      model
        .endpointsOf(port)
        .filter((one) => one.serving)
        .map((one) => one.text),
    );
    if (sparesLast && serving.size === 0) continue;
    for (const address of [port.clusterIp, ...port.externalIps, ...port.loadBalancerVips])
      byAddress.set(endpointText(address, port.port), serving);
    if (port.nodePort !== 0) byNodePort.set(port.nodePort, serving);
  }
  return ({ destination, destinationPort, replySource, replyPort }) => {
    const serving =
      byAddress.get(endpointText(destination, destinationPort)) ?? byNodePort.get(destinationPort);
    return serving !== undefined && !serving.has(endpointText(replySource, replyPort));
  };
}

/** Whether any of the Services has a UDP port: only then flows need a look. */
export function hasUdpPort(model: ServiceModel, services: Iterable<string>): boolean {
  for (const service of services)
    if (model.rulesOf(service).some(({ port }) => port.protocol === "UDP")) return true;
  return false;
}
