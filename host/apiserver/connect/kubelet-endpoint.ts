import { Node } from "../../api/core-kinds.ts";
import { SIMULATED_ANNOTATION } from "../../api/node.ts";
import { ApiError, badRequest, notFound } from "../../apimachinery/errors.ts";
import { oneOf } from "../admission/look-up.ts";
import type { Api } from "../api.ts";

export interface KubeletEndpoint {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_PORT = 10_250;
/** Kubernetes' --kubelet-preferred-address-types. */
const PREFERRED = ["Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"];

/** Whether a node's pods are played by the simulated kubelet; a node that is not known is none. */
export async function isSimulated(api: Pick<Api, "objects">, nodeName: string): Promise<boolean> {
  const node = await oneOf(api, Node, nodeName);
  return node?.metadata?.annotations?.[SIMULATED_ANNOTATION] === "true";
}

/**
 * Where the kubelet of a node listens, as the node says.
 *
 * @param what  names the request in the refusal: `pods/exec`
 * @throws 501 for a simulated node: nothing runs in its containers, and nobody listens
 */
export async function kubeletEndpoint(
  api: Pick<Api, "objects">,
  nodeName: string,
  what: string,
): Promise<KubeletEndpoint> {
  const node = await oneOf(api, Node, nodeName);
  if (node === undefined) throw notFound(Node, nodeName);
  if (node.metadata?.annotations?.[SIMULATED_ANNOTATION] === "true")
    throw new ApiError("", `${what}: node ${nodeName} is simulated, nothing runs in its containers`, {}, 501);
  const addresses = node.status?.addresses ?? [];
  const found = PREFERRED.map((type) => addresses.find((one) => one.type === type)).find(
    (one) => one !== undefined,
  );
  if (found === undefined) throw badRequest(`no preferred addresses found; known addresses: []`);
  return { host: found.address, port: node.status?.daemonEndpoints?.kubeletEndpoint?.Port || DEFAULT_PORT };
}
