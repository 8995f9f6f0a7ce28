import { BlockList, isIP } from "node:net";
import { Pod, Service } from "../../api/core-kinds.ts";
import type { V1Pod } from "../../api/generated/types.ts";
import { ApiError, badRequest, notFound } from "../../apimachinery/errors.ts";
import type { Random } from "../../apimachinery/random.ts";
import { oneOf } from "../admission/look-up.ts";
import type { Api } from "../api.ts";
import { type Address, resolveService } from "../webhook-client/service-address.ts";

/** `https:web:8443` of `…/services/https:web:8443/proxy`. */
export interface ProxyName {
  readonly scheme: "http" | "https";
  readonly name: string;
  /** Number or name. */
  readonly port?: string;
}

/** Source: k8s.io/apimachinery/pkg/util/net SplitSchemeNamePort. @returns undefined when it is none */
export function parseProxyName(text: string): ProxyName | undefined {
  const parts = text.split(":");
  const [first = "", second = "", third] = parts;
  if (parts.length === 1) return first === "" ? undefined : { scheme: "http", name: first };
  if (parts.length === 2)
    return first === "" ? undefined : { scheme: "http", name: first, ...portOf(second) };
  if (parts.length > 3 || second === "") return undefined;
  if (first !== "" && first !== "http" && first !== "https") return undefined;
  return { scheme: first === "https" ? "https" : "http", name: second, ...portOf(third ?? "") };
}

function portOf(port: string): { port?: string } {
  return port === "" ? {} : { port };
}

type Parts = Pick<Api, "objects">;

/** The pod's address, at the port that is named or its first one. */
export async function podTarget(api: Parts, namespace: string, { name, port }: ProxyName): Promise<Address> {
  const pod = await oneOf(api, Pod, name, namespace);
  if (pod === undefined) throw notFound(Pod, name);
  const address = pod.status?.podIP;
  if (!address) throw badRequest("address not allowed");
  const declared = firstPort(pod);
  const number = port === undefined ? (declared ?? 80) : Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw badRequest(`invalid pod request ${JSON.stringify(`${name}:${port}`)}`);
  return allowed({ host: address, port: number });
}

function firstPort({ spec }: V1Pod): number | undefined {
  return spec?.containers.find(({ ports }) => (ports?.length ?? 0) > 0)?.ports?.[0]?.containerPort;
}

/** One of the endpoints that are ready. */
export async function serviceTarget(
  api: Parts,
  random: Random,
  namespace: string,
  { name, port }: ProxyName,
): Promise<Address> {
  const service = await oneOf(api, Service, name, namespace);
  if (service === undefined) throw notFound(Service, name);
  const unavailable = (why: string) => new ApiError("ServiceUnavailable", why);
  // It is a name in DNS, and has no endpoints: whoever may make one must not send the API server anywhere.
  if (service.spec?.type === "ExternalName")
    throw unavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  const ports = service.spec?.ports ?? [];
  const found =
    port === undefined && ports.length === 1
      ? ports[0]
      : ports.find((one) => (one.name ?? "") === (port ?? "") || String(one.port) === port);
  if (found === undefined)
    throw unavailable(
      `no service port ${JSON.stringify(port ?? "")} found for service ${JSON.stringify(name)}`,
    );
  try {
    return allowed(await resolveService(api.objects, random, { namespace, name }, found.port));
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw unavailable((error as Error).message);
  }
}

/** Addresses of the API server's own machine and link, in whatever notation. Source: proxy/util IsProxyableIP. */
const OWN = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["224.0.0.0", 24],
] as const)
  OWN.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 127],
  ["fe80::", 10],
  ["ff01::", 16],
  ["ff02::", 16],
] as const)
  OWN.addSubnet(network, prefix, "ipv6");

/** A port of the node that is not its kubelet's. Source: registry/core/node ResourceLocation. */
export function nodeTarget(host: string, port: string): Address {
  const number = Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw badRequest(`invalid node request ${JSON.stringify(`${host}:${port}`)}`);
  return allowed({ host, port: number });
}

/** Nobody gets to the API server's own machine through it, nor by a name that leads there. Source: registry/core/pod ResourceLocation. */
function allowed(address: Address): Address {
  const { host } = address;
  const version = host.includes("%") ? 0 : isIP(host);
  // The list looks through IPv4 addresses that are written as IPv6.
  if (version === 0 || OWN.check(host, version === 6 ? "ipv6" : "ipv4"))
    throw badRequest("address not allowed");
  return address;
}
