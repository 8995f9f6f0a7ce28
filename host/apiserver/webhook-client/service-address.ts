import { Service } from "../../api/core-kinds.ts";
import type { V1EndpointSlice, V1Service } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { EndpointSlice } from "../../api/network-kinds.ts";
import type { Random } from "../../apimachinery/random.ts";
import { storagePrefix } from "../storage/keys.ts";
import type { ObjectStorage } from "../storage/objects.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A Service of the cluster, by name. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/**
 * A ready endpoint behind a Service's port. There is no cluster address to dial here: whoever balances is another room, so
 * one of the endpoints is taken by chance. Throws an Error in the words of kube-aggregator's resolver.
 */
export async function resolveService(
  objects: ObjectStorage,
  random: Random,
  { namespace, name }: ServiceName,
  port: number,
): Promise<Address> {
  const found = await objects.find(Service as unknown as Kind, { namespace, name });
  if (found === undefined) throw new Error(`service ${JSON.stringify(name)} not found`);
  const { spec } = found.object as V1Service;
  if (spec?.type === "ExternalName") return { host: spec.externalName ?? "", port };
  const servicePort = spec?.ports?.find((one) => one.port === port);
  if (servicePort === undefined)
    throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const addresses = (await slicesOf(objects, namespace, name)).flatMap((slice) =>
    readyAddresses(slice, servicePort.name ?? ""),
  );
  if (addresses.length === 0) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
  return addresses[random.below(addresses.length)]!;
}

async function slicesOf(objects: ObjectStorage, namespace: string, name: string): Promise<V1EndpointSlice[]> {
  const { entries } = await objects.store.range(storagePrefix(EndpointSlice as unknown as Kind, namespace));
  return entries
    .map((entry) => objects.views.of(entry).object as unknown as V1EndpointSlice)
    .filter(({ metadata }) => metadata?.labels?.["kubernetes.io/service-name"] === name);
}

/** Names in slices are not looked up: they lead wherever whoever writes the slice wants. */
function readyAddresses({ addressType, endpoints, ports }: V1EndpointSlice, portName: string): Address[] {
  if (addressType === "FQDN") return [];
  const port = ports?.find((one) => (one.name ?? "") === portName)?.port;
  if (port === undefined) return [];
  return (endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses.map((host) => ({ host, port })));
}
