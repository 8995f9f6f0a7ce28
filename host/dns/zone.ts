import { isIP } from "node:net";
import { addressNumber } from "../api/addresses.ts";
import type { V1Endpoint, V1EndpointSlice, V1Namespace, V1Service } from "../api/generated/types.ts";
import type { Index, Lister } from "../client/lister.ts";
import {
  addressRecord,
  type DnsRecord,
  ENDPOINT_TTL_SECONDS,
  reverseAddress,
  SERVICE_TTL_SECONDS,
  serviceRecord,
} from "./records.ts";

/** What the names of a cluster are made of. */
export interface ZoneSources {
  readonly services: Lister<V1Service>;
  readonly slices: Lister<V1EndpointSlice>;
  readonly namespaces: Lister<V1Namespace>;
}

/**
 * The names of a cluster's Services, as the Kubernetes DNS specification 1.1.0 makes them, read from the caches whenever
 * one is asked for:
 *
 *     web.shop.svc.cluster.local            A, AAAA of the ClusterIPs; of all ready endpoints where it is headless
 *     _http._tcp.web.shop.svc.…             SRV
 *     db-0.db.shop.svc.…                    A, AAAA of an endpoint, by its hostname
 *     10-128-0-9.shop.pod.…                 A of a pod, said by the name itself: of 1.0.1, as CoreDNS keeps it
 *     7.0.96.10.in-addr.arpa                PTR
 */
export class ClusterZone {
  /** In lower case, without the last dot. */
  readonly name: string;
  readonly #labels: readonly string[];
  readonly #sources: ZoneSources;

  constructor(name: string, sources: ZoneSources) {
    this.name = name;
    this.#labels = name.split(".");
    this.#sources = sources;
  }

  /**
   * The zone that a name belongs to, if it is one of ours.
   *
   * @param labels  in lower case
   */
  zoneOf(labels: readonly string[]): string | undefined {
    if (this.#isOurs(labels)) return this.name;
    return reverseAddress(labels) === undefined ? undefined : labels.slice(-2).join(".");
  }

  /**
   * All that a name has; empty where only names below it have something, undefined where there is no such name.
   *
   * @param labels  in lower case, of a name in one of our zones
   */
  recordsAt(labels: readonly string[]): readonly DnsRecord[] | undefined {
    if (this.#isOurs(labels)) return this.#ownRecords(labels.slice(0, -this.#labels.length));
    const address = reverseAddress(labels);
    return address === "" ? [] : this.#reverseRecords(address ?? "");
  }

  /** Who answers for the zones, and for how long it is known that a name is not there. */
  get authority(): DnsRecord {
    return {
      type: "SOA",
      ttl: ENDPOINT_TTL_SECONDS,
      data: {
        mname: `ns.dns.${this.name}`,
        rname: `hostmaster.${this.name}`,
        // No other server copies the zone: nobody compares serials.
        serial: 1,
        refresh: 7_200,
        retry: 1_800,
        expire: 86_400,
        minimum: ENDPOINT_TTL_SECONDS,
      },
    };
  }

  #isOurs(labels: readonly string[]): boolean {
    const start = labels.length - this.#labels.length;
    return start >= 0 && this.#labels.every((label, i) => label === labels[start + i]);
  }

  /** @param labels  those before the zone's own, first first */
  #ownRecords(labels: readonly string[]): readonly DnsRecord[] | undefined {
    const [first, second, third, fourth, ...more] = labels.toReversed();
    if (more.length > 1) return undefined;
    const [fifth] = more;
    if (first === undefined) return this.#apex();
    if (first === "dns-version" && second === undefined)
      return [{ type: "TXT", ttl: SERVICE_TTL_SECONDS, data: "1.1.0" }];
    if (first === "dns") return this.#nameServer(second, third);
    if (first !== "svc" && first !== "pod") return undefined;
    if (second === undefined) return [];
    if (this.#sources.namespaces.get(second) === undefined) return undefined;
    if (third === undefined) return [];
    if (first === "pod") return fourth === undefined ? podRecords(third) : undefined;
    const service = this.#sources.services.get(`${second}/${third}`);
    if (service === undefined) return undefined;
    if (fourth === undefined) return this.#serviceRecords(service);
    return fifth === undefined
      ? this.#belowService(service, fourth)
      : this.#portRecords(service, fifth, fourth);
  }

  #apex(): readonly DnsRecord[] {
    const ns: DnsRecord = { type: "NS", ttl: SERVICE_TTL_SECONDS, data: `ns.dns.${this.name}` };
    return [this.authority, ns];
  }

  /** Where this server is asked, as far as the cluster has an address for it. */
  #nameServer(second: string | undefined, third: string | undefined): readonly DnsRecord[] | undefined {
    if (third !== undefined || (second !== undefined && second !== "ns")) return undefined;
    const own = this.#sources.services.get("kube-system/kube-dns");
    return second === undefined || own === undefined ? [] : clusterAddresses(own);
  }

  #serviceRecords(service: V1Service): readonly DnsRecord[] | undefined {
    const { externalName } = service.spec ?? {};
    if (service.spec?.type === "ExternalName") {
      const data = (externalName ?? "").replace(/\.$/, "").toLowerCase();
      return data === "" ? undefined : [{ type: "CNAME", ttl: SERVICE_TTL_SECONDS, data }];
    }
    if (!isHeadless(service)) return clusterAddresses(service);
    const found = this.#readyEndpoints(service).map(({ address }) =>
      addressRecord(address, ENDPOINT_TTL_SECONDS),
    );
    // Of a headless Service nothing is there until an endpoint is.
    return found.length > 0 ? distinct(found) : undefined;
  }

  /** `_tcp` above the ports, or an endpoint by its name. */
  #belowService(service: V1Service, label: string): readonly DnsRecord[] | undefined {
    if (label.startsWith("_")) {
      const ports = [...this.#ports(service)];
      return ports.some(({ protocol }) => `_${protocol}` === label) ? [] : undefined;
    }
    if (service.spec?.type === "ExternalName") return undefined;
    const found = this.#readyEndpoints(service).filter((one) => one.hostname === label);
    return found.length > 0
      ? distinct(found.map(({ address }) => addressRecord(address, ENDPOINT_TTL_SECONDS)))
      : undefined;
  }

  /** `_http`, `_tcp`: SRV records, of every endpoint where the Service is headless. */
  #portRecords(service: V1Service, name: string, protocol: string): readonly DnsRecord[] | undefined {
    const ports = new Map<string, { port: number; target: string }>();
    for (const one of this.#ports(service))
      if (`_${one.name}` === name && `_${one.protocol}` === protocol)
        ports.set(`${one.port} ${one.target}`, one);
    if (ports.size === 0) return undefined;
    const ttl = isHeadless(service) ? ENDPOINT_TTL_SECONDS : SERVICE_TTL_SECONDS;
    // Equal weights that add up to about 100, as CoreDNS has them.
    const weight = Math.max(1, Math.floor(100 / ports.size));
    return [...ports.values()].map(({ port, target }) => serviceRecord(port, target, ttl, weight));
  }

  /** The named ports that are reached by name: at the Service, or at each endpoint of a headless one. */
  *#ports(service: V1Service): Iterable<{ name: string; protocol: string; port: number; target: string }> {
    if (service.spec?.type === "ExternalName") return;
    const own = `${service.metadata?.name}.${service.metadata?.namespace}.svc.${this.name}`;
    if (!isHeadless(service)) {
      for (const { name, protocol = "TCP", port } of service.spec?.ports ?? [])
        if (name) yield { name, protocol: protocol.toLowerCase(), port, target: own };
      return;
    }
    for (const slice of this.#slicesOf(service)) {
      const endpoints = readyEndpoints(slice);
      for (const { name, protocol = "TCP", port } of slice.ports ?? [])
        if (name && port)
          for (const { hostname } of endpoints)
            yield { name, protocol: protocol.toLowerCase(), port, target: `${hostname}.${own}` };
    }
  }

  #readyEndpoints(service: V1Service): NamedEndpoint[] {
    return this.#slicesOf(service).flatMap(readyEndpoints);
  }

  #slicesOf({ metadata }: V1Service): readonly V1EndpointSlice[] {
    return this.#sources.slices.by(slicesByService, `${metadata?.namespace}/${metadata?.name}`);
  }

  #reverseRecords(address: string): readonly DnsRecord[] | undefined {
    if (isIP(address) === 0) return undefined;
    const key = addressKey(address);
    const { services, slices } = this.#sources;
    const own = services.by(servicesByAddress, key).map(({ metadata }): DnsRecord => {
      const data = `${metadata?.name}.${metadata?.namespace}.svc.${this.name}`;
      return { type: "PTR", ttl: SERVICE_TTL_SECONDS, data };
    });
    if (own.length > 0) return own;
    const endpoints = slices.by(slicesByAddress, key).flatMap((slice) => {
      const { namespace } = slice.metadata ?? {};
      const name = slice.metadata?.labels?.[SERVICE_NAME];
      const service = services.get(`${namespace}/${name}`);
      if (service === undefined || !isHeadless(service)) return [];
      return readyEndpoints(slice)
        .filter((one) => addressKey(one.address) === key)
        .map(
          ({ hostname }): DnsRecord => ({
            type: "PTR",
            ttl: ENDPOINT_TTL_SECONDS,
            data: `${hostname}.${name}.${namespace}.svc.${this.name}`,
          }),
        );
    });
    return endpoints.length > 0 ? distinct(endpoints) : undefined;
  }
}

interface NamedEndpoint {
  readonly address: string;
  /** Its own, or one made of its address. */
  readonly hostname: string;
}

/** Ready includes those that are published before they are: the controller says so in the condition. */
function readyEndpoints(slice: V1EndpointSlice): NamedEndpoint[] {
  if (slice.addressType !== "IPv4" && slice.addressType !== "IPv6") return [];
  return (slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses, hostname }: V1Endpoint) =>
      addresses
        .slice(0, 1)
        .filter((address) => isIP(address) !== 0)
        .map((address) => ({ address, hostname: hostname || address.replace(/[.:]/g, "-") })),
    );
}

function isHeadless({ spec }: V1Service): boolean {
  return spec?.type !== "ExternalName" && (spec?.clusterIP === "None" || spec?.clusterIP === undefined);
}

function clusterAddresses(service: V1Service): DnsRecord[] {
  return addressesOf(service).map((address) => addressRecord(address, SERVICE_TTL_SECONDS));
}

function addressesOf({ spec }: V1Service): string[] {
  const all = spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP]);
  return all.filter((address) => isIP(address) !== 0);
}

/** The name says the address; whether a pod has it is not asked. */
function podRecords(label: string): readonly DnsRecord[] | undefined {
  const [four, six] = [label.replaceAll("-", "."), label.replaceAll("-", ":")];
  const address = isIP(four) === 4 ? four : isIP(six) === 6 ? six : undefined;
  return address === undefined ? undefined : [addressRecord(address, ENDPOINT_TTL_SECONDS)];
}

/** An endpoint may be in two slices for a moment. */
function distinct(records: readonly DnsRecord[]): DnsRecord[] {
  return [...new Map(records.map((record) => [JSON.stringify(record), record])).values()];
}

const SERVICE_NAME = "kubernetes.io/service-name";

function addressKey(address: string): string {
  return `${isIP(address)} ${addressNumber(address)}`;
}

const slicesByService: Index<V1EndpointSlice> = {
  name: "service",
  valuesOf: ({ metadata }) => {
    const service = metadata?.labels?.[SERVICE_NAME];
    return service === undefined ? [] : [`${metadata?.namespace}/${service}`];
  },
};

const slicesByAddress: Index<V1EndpointSlice> = {
  name: "address",
  valuesOf: (slice) => [...new Set(readyEndpoints(slice).map(({ address }) => addressKey(address)))],
};

const servicesByAddress: Index<V1Service> = {
  name: "address",
  valuesOf: (service) => addressesOf(service).map(addressKey),
};
